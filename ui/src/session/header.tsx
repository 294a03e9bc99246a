/** What a session is about and how it stands. */
import { ArrowUp, GitBranch } from 'lucide-react';
import { useState } from 'react';
import { Time } from '../design/amounts.tsx';
import { StatusPill } from '../design/badge.tsx';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { CopyButton } from '../design/copy-button.tsx';
import { repositoryName } from '../design/repository-name.ts';
import { statusLook } from '../design/status.ts';
import { compact } from '../design/time.ts';
import type { Timeline } from '../timeline/model.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { Actions } from './actions.tsx';
import { Cost } from './cost.tsx';
import { Elapsed, Remaining } from './elapsed.tsx';
import styles from './header.module.css';
import { useSession } from './session-context.ts';
import type { SessionView } from './session-view.ts';

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

function firstLine(goal: string): string {
  const line = goal.trimStart().split('\n', 1)[0] ?? '';
  return line.length <= 200 ? line : `${line.slice(0, line.lastIndexOf(' ', 200) > 80 ? line.lastIndexOf(' ', 200) : 200)}`;
}
