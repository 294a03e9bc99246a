/** What a session is about and how it stands, and what can be done to it. */
import {
  ArrowUp,
  Ban,
  CirclePause,
  CirclePlay,
  Copy,
  Download,
  Ellipsis,
  FileDown,
  Gauge,
  GitBranch,
  Repeat2,
  SquareTerminal,
  Trash2,
} from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useNavigate } from 'react-router';
import { loadPart } from '../api/part.ts';
import { Time } from '../design/amounts.tsx';
import { StatusPill } from '../design/badge.tsx';
import { Button, IconButton } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { CopyButton } from '../design/copy-button.tsx';
import { copyText } from '../design/copy-text.ts';
import { ConfirmDialog } from '../design/dialog.tsx';
import { Menu, MenuItem, MenuSeparator } from '../design/menu.tsx';
import { repositoryName } from '../design/repository-name.ts';
import { statusLook } from '../design/status.ts';
import { compact } from '../design/time.ts';
import { notify } from '../design/toast.tsx';
import type { Timeline } from '../timeline/model.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { useAct } from './act.ts';
import { Cost } from './cost.tsx';
import { Elapsed, Remaining } from './elapsed.tsx';
import styles from './header.module.css';
import { LimitsDialog } from './limits-dialog.tsx';
import { useSession } from './session-context.ts';
import { type SessionView, sessionPath } from './session-view.ts';

const CommandsDialog = lazy(async () => ({ default: (await loadPart(() => import('./commands-dialog.tsx'))).CommandsDialog }));

type Props = { session: SessionView; timeline: Timeline; phase: string };

export function SessionBar({ session, timeline, phase, titled }: Props & { titled: boolean }) {
  return (
    <div className={styles.bar}>
      <StatusPill session={{ ...session, phase }} />
      <span className="visually-hidden" role="status">
        {statusLook({ ...session, phase }).label}
      </span>
      {titled ? <p className={classes(styles.barGoal, 'truncate')}>{visibleLine(firstLine(session.goal))}</p> : null}
      <NowLine timeline={timeline} session={session} phase={phase} />
      <Actions session={session} timeline={timeline} phase={phase} />
    </div>
  );
}

/** What it is doing at this moment, or what it waits for. */
function NowLine({ timeline, session, phase }: Props) {
  const { now } = timeline;
  const { goTo } = useSession();
  const link = (seq: number, text: string, more?: React.ReactNode) => (
    <a
      className={classes(styles.now, 'truncate')}
      href={`#e${seq}`}
      onClick={(event) => {
        event.preventDefault();
        goTo(seq);
      }}
    >
      <span className="truncate">{text}</span>
      {more}
    </a>
  );
  const toTop = (text: string) => (
    <button type="button" className={classes(styles.now, styles.toTop)} onClick={() => scrollTo({ top: 0, behavior: 'smooth' })}>
      <span className="truncate">{text}</span>
      <ArrowUp size={14} aria-hidden="true" />
    </button>
  );
  if (phase === 'Queued')
    return <span className={classes(styles.now, 'truncate')}>{visibleLine(session.message ?? 'Waits for its turn')}</span>;
  switch (now.kind) {
    case 'thinking':
      return link(now.seq, `${visibleLine(now.model)} is thinking`, <Elapsed since={now.since} />);
    case 'tool':
      return link(now.seq, visibleLine(now.summary), <Elapsed since={now.since} />);
    case 'check':
      return link(now.seq, `Checks: ${visibleLine(now.command)}`, <Elapsed since={now.since} />);
    case 'retry':
      return link(now.seq, 'Asks the model again', <Remaining until={now.until} />);
    case 'approval':
      return toTop(`Plan ${now.revision} waits for you`);
    case 'question':
      return toTop('It asks you something');
    case 'paused':
      return toTop(visibleLine(now.message));
    case 'busy':
      return <span className={classes(styles.now, 'truncate')}>{visibleLine(now.text)}</span>;
    default:
      return <span className={styles.now} />;
  }
}

export function SessionHead({ session, timeline, place }: Omit<Props, 'phase'> & { place: React.Ref<HTMLHeadingElement> }) {
  const [whole, setWhole] = useState(false);
  const { goal, repo_url, ref, result, author, created_at, usage, limits, mode } = session;
  const title = firstLine(goal);
  const rest = goal.slice(title.length).trim();
  const spent = timeline.lastSeq > 0 ? timeline.spent.total : { costUSD: usage.cost_usd ?? 0, unpriced: 0 };
  const tokens =
    timeline.lastSeq > 0
      ? timeline.spent.total.inputTokens + timeline.spent.total.outputTokens
      : usage.input_tokens + usage.output_tokens;
  const progress = progressOf(session, timeline);
  const branch = timeline.published?.branch ?? result?.branch ?? null;
  return (
    <header className={styles.head}>
      <h1 className={styles.goal} ref={place}>
        {visible(title)}
      </h1>
      {rest === '' ? null : (
        <div className={classes(styles.rest, !whole && styles.cut)}>
          <p>{visible(rest)}</p>
          {rest.length > 280 || rest.split('\n').length > 3 ? (
            <Button variant="ghost" size="small" onClick={() => setWhole(!whole)}>
              {whole ? 'Show less' : 'Show the whole goal'}
            </Button>
          ) : null}
        </div>
      )}
      <dl className={styles.facts}>
        <Fact name="Repository">
          <span title={repo_url}>{visibleLine(repositoryName(repo_url))}</span>
          {ref ? <code> {visibleLine(ref)}</code> : null}
        </Fact>
        {branch ? (
          <Fact name="Branch">
            <GitBranch size={13} aria-hidden="true" /> <code>{visibleLine(branch)}</code>
            <CopyButton text={branch} label="Copy branch name" />
          </Fact>
        ) : null}
        <Fact name="Author">{visibleLine(author ?? 'nobody')}</Fact>
        <Fact name="Mode">{mode === 'review' ? 'Review: plans wait for approval' : 'Auto'}</Fact>
        {progress === null ? null : (
          <Fact name="Plan">
            {progress.completed} of {progress.total} done
          </Fact>
        )}
        <Fact name="Started">
          <Time value={created_at} />
        </Fact>
        <Fact name="Cost">
          <Cost spent={spent} />
          {limits.max_cost_usd === null ? null : (
            <>
              <span className={styles.of}>of ${limits.max_cost_usd}</span>
              <Meter label="Cost against its limit" value={spent.costUSD} limit={limits.max_cost_usd} />
            </>
          )}
        </Fact>
        <Fact name="Tokens">
          <span className="numbers" title={tokens.toLocaleString('en')}>
            {compact(tokens)}
          </span>
          {limits.max_tokens === null ? null : <span className={styles.of}>of {compact(limits.max_tokens)}</span>}
        </Fact>
      </dl>
    </header>
  );
}

function progressOf(session: SessionView, { steps, lastSeq }: Timeline): SessionView['plan_progress'] {
  if (lastSeq === 0) return session.plan_progress;
  if (steps.length === 0) return null;
  const done = steps.filter(({ status }) => status === 'completed' || status === 'skipped').length;
  return { completed: done, total: steps.length };
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Meter({ label, value, limit }: { label: string; value: number; limit: number }) {
  const part = limit > 0 ? Math.min(1, value / limit) : 1;
  return (
    <span className={classes(styles.meter, part >= 0.8 && styles.near, part >= 1 && styles.full)}>
      <span style={{ width: `${part * 100}%` }} />
      <span className="visually-hidden">
        {label}: {Math.round(part * 100)} %
      </span>
    </span>
  );
}

type Asked = 'cancel' | 'delete' | 'limits' | 'commands';

function Actions({ session, timeline, phase }: Props) {
  const { id, may } = useSession();
  const act = useAct(id);
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked | undefined>();
  const close = () => setAsked(undefined);
  const update = may.sessions.update && session.deleted_at === null;
  const over = phase === 'Completed' || phase === 'Failed' || phase === 'Cancelled';
  const paused = phase === 'Paused' || session.suspended;
  const published = session.result?.branch !== null && session.result?.branch !== undefined;
  const perform = (what: 'suspend' | 'resume') => act.mutate({ do: what });
  return (
    <div className={styles.actions}>
      {update && !over && !paused ? (
        <Button
          size="small"
          icon={<CirclePause size={15} aria-hidden="true" />}
          busy={act.isPending}
          onClick={() => perform('suspend')}
        >
          <span className={styles.word}>Suspend</span>
        </Button>
      ) : null}
      {update && !over && paused ? (
        <Button
          size="small"
          icon={<CirclePlay size={15} aria-hidden="true" />}
          busy={act.isPending}
          onClick={() => perform('resume')}
        >
          <span className={styles.word}>Resume</span>
        </Button>
      ) : null}
      {update && !over ? (
        <Button size="small" icon={<Ban size={15} aria-hidden="true" />} onClick={() => setAsked('cancel')}>
          <span className={styles.word}>Cancel</span>
        </Button>
      ) : null}
      <Menu
        trigger={
          <IconButton label="More" size="small" variant="secondary">
            <Ellipsis size={16} aria-hidden="true" />
          </IconButton>
        }
      >
        {may.sessions.create ? (
          <MenuItem
            icon={<Repeat2 size={15} aria-hidden="true" />}
            onSelect={() => void navigate(`/sessions/new?from=${encodeURIComponent(id)}`)}
          >
            Start again from this
          </MenuItem>
        ) : null}
        {update && phase !== 'Cancelled' ? (
          <MenuItem icon={<Gauge size={15} aria-hidden="true" />} onSelect={() => setAsked('limits')}>
            Change limits
          </MenuItem>
        ) : null}
        {published && may.sessions.read_log ? (
          <>
            <MenuItem
              icon={<FileDown size={15} aria-hidden="true" />}
              onSelect={() => download(sessionPath(id, 'diff'), `${id}.patch`)}
            >
              Download patch
            </MenuItem>
            <MenuItem
              icon={<Download size={15} aria-hidden="true" />}
              onSelect={() => download(sessionPath(id, 'bundle'), `${id}.bundle`)}
            >
              Download branch as a bundle
            </MenuItem>
          </>
        ) : null}
        <MenuItem icon={<SquareTerminal size={15} aria-hidden="true" />} onSelect={() => setAsked('commands')}>
          kubectl and curl
        </MenuItem>
        <MenuItem icon={<Copy size={15} aria-hidden="true" />} onSelect={() => copy(id)}>
          Copy id
        </MenuItem>
        {may.sessions.delete && session.deleted_at === null ? (
          <>
            <MenuSeparator />
            <MenuItem icon={<Trash2 size={15} aria-hidden="true" />} danger onSelect={() => setAsked('delete')}>
              Delete
            </MenuItem>
          </>
        ) : null}
      </Menu>
      <ConfirmDialog
        open={asked === 'cancel'}
        onClose={close}
        title="Cancel this session?"
        description="It ends for good: no message takes it up again. What was done so far is kept and can be looked at."
        confirm="Cancel session"
        danger
        busy={act.isPending}
        onConfirm={() => act.mutate({ do: 'cancel' }, { onSuccess: close })}
      />
      <ConfirmDialog
        open={asked === 'delete'}
        onClose={close}
        title="Delete this session?"
        description="Its log, its results and its sandbox go with it. A branch that was pushed stays in the repository. This cannot be taken back."
        confirm="Delete session"
        danger
        busy={act.isPending}
        onConfirm={() => act.mutate({ do: 'delete' }, { onSuccess: close })}
      />
      <LimitsDialog session={session} open={asked === 'limits'} onClose={close} />
      {asked === 'commands' ? (
        <Suspense>
          <CommandsDialog session={session} timeline={timeline} open onClose={close} />
        </Suspense>
      ) : null}
    </div>
  );
}

function download(path: string, name: string): void {
  const link = document.createElement('a');
  link.href = path;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

function copy(text: string): void {
  copyText(text).then(
    () => notify('Copied.'),
    () => notify('The browser does not let this page copy.', 'bad'),
  );
}

function firstLine(goal: string): string {
  const line = goal.trimStart().split('\n', 1)[0] ?? '';
  return line.length <= 200 ? line : `${line.slice(0, line.lastIndexOf(' ', 200) > 80 ? line.lastIndexOf(' ', 200) : 200)}`;
}
