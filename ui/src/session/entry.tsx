/** One entry of the timeline. */
import {
  Ban,
  BookOpen,
  CircleAlert,
  CircleCheck,
  CirclePause,
  CirclePlay,
  CircleSlash,
  CircleX,
  CloudAlert,
  Container,
  FlaskConical,
  Gauge,
  GitBranch,
  GitCommitHorizontal,
  Info,
  Link as LinkIcon,
  ListChecks,
  ListTodo,
  type LucideIcon,
  MessageCircleQuestionMark,
  MessageSquare,
  Package,
  Save,
  Sparkles,
  ThumbsUp,
  TriangleAlert,
  UserCheck,
} from 'lucide-react';
import { memo } from 'react';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { duration } from '../design/time.ts';
import { isProblem } from '../timeline/kinds.ts';
import type { Entry, LineEntry } from '../timeline/model.ts';
import { roleName } from '../timeline/role-name.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { clock, Remaining } from './elapsed.tsx';
import styles from './entry.module.css';
import { CallEntryView } from './entry-call.tsx';
import { CheckEntryView } from './entry-check.tsx';
import { Card, Folded, Plain } from './entry-shape.tsx';
import { appliedWords, FAILURE_WORDS, STEP_WORDS } from './entry-words.ts';
import { Output } from './output.tsx';
import { StepMark } from './plan-steps.tsx';
import { Prose } from './prose.tsx';
import { StoredText } from './stored-text.tsx';

export type EntryProps = {
  entry: Entry;
  open: boolean;
  /** The one that an address names, or that the keyboard is at. */
  marked: boolean;
  selected: boolean;
  nested: boolean;
  onToggle: (id: number) => void;
};

export const EntryView = memo(function EntryView({ entry, open, marked, selected, nested, onToggle }: EntryProps) {
  const toggle = () => onToggle(entry.id);
  return (
    <div
      className={classes(styles.row, nested && styles.nested, marked && styles.marked, selected && styles.selected)}
      data-problem={isProblem(entry) || undefined}
    >
      <Body entry={entry} open={open} toggle={toggle} />
      <a className={styles.anchor} href={`#e${entry.id}`} title={`${new Date(entry.time).toLocaleString()} · event ${entry.id}`}>
        <span className={styles.clock}>{clock(entry.time)}</span>
        <LinkIcon size={12} aria-hidden="true" className={styles.link} />
        <span className="visually-hidden">Link to event {entry.id}</span>
      </a>
    </div>
  );
});

function Body({ entry, open, toggle }: { entry: Entry; open: boolean; toggle: () => void }) {
  switch (entry.kind) {
    case 'said':
      return <Said entry={entry} open={open} toggle={toggle} />;
    case 'call':
      return <CallEntryView entry={entry} open={open} toggle={toggle} />;
    case 'check':
      return <CheckEntryView entry={entry} open={open} toggle={toggle} />;
    case 'steps':
      return (
        <Plain icon={ListTodo}>
          <span className={styles.changes}>
            {entry.changes.map(({ id, title, to }) => (
              <span key={id} className={styles.change}>
                <StepMark status={to} size={14} still /> <span className={styles.quiet}>{STEP_WORDS[to]}:</span>{' '}
                {visibleLine(title)}
              </span>
            ))}
          </span>
        </Plain>
      );
    case 'plan':
      return <PlanCard entry={entry} />;
    case 'message':
      return <MessageCard entry={entry} />;
    case 'question':
      return (
        <Card icon={MessageCircleQuestionMark} tone="warn" title="Question">
          <Prose text={entry.text} />
          {entry.answer ? (
            <p className={styles.answer}>
              <strong>{entry.answer.withdrawn ? 'Withdrawn for a message' : 'Answer'}</strong>
              {entry.answer.author === '' ? '' : ` from ${visibleLine(entry.answer.author)}`}: {visible(entry.answer.text)}
            </p>
          ) : (
            <p className={styles.quiet}>Waits for an answer.</p>
          )}
        </Card>
      );
    case 'pause':
      return (
        <Card icon={CirclePause} tone="warn" title={entry.reason === 'Suspended' ? 'Suspended' : 'Paused'} aside={entry.reason}>
          <p>{visible(entry.message)}</p>
          {entry.resumedAt === undefined ? null : (
            <p className={styles.quiet}>Resumed after {duration(Date.parse(entry.resumedAt) - Date.parse(entry.time))}.</p>
          )}
        </Card>
      );
    case 'review': {
      const approved = entry.verdict === 'approve';
      return (
        <Card
          icon={approved ? ThumbsUp : CircleAlert}
          tone={approved ? 'ok' : 'bad'}
          title={`${entry.by === 'checks' ? 'Checks' : 'Review'}: ${approved ? 'approved' : 'changes needed'}`}
          aside={entry.iteration > 0 ? `iteration ${entry.iteration}` : ''}
        >
          {entry.summary === '' ? null : <Prose text={entry.summary} />}
          {entry.findings.length === 0 ? null : (
            <ol className={styles.findings}>
              {entry.findings.map(({ file, line, problem }, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: two findings may be the same
                <li key={index}>
                  {file === '' ? null : (
                    <code className={styles.path}>
                      {visibleLine(file)}
                      {line === undefined ? '' : `:${line}`}
                    </code>
                  )}
                  <Prose text={problem} />
                </li>
              ))}
            </ol>
          )}
        </Card>
      );
    }
    case 'failure':
      return (
        <Plain icon={CloudAlert} tone="bad">
          <span>
            {visibleLine(entry.model || 'The model')} {FAILURE_WORDS[entry.class]}
            {entry.retryAt === undefined ? '' : '; tries again '}
            {entry.retryAt === undefined || entry.retryAt < Date.now() ? null : <Remaining until={entry.retryAt} />}
          </span>
          <p className={styles.quiet}>{visible(entry.message)}</p>
        </Plain>
      );
    case 'finished-work':
      return (
        <Card icon={CircleCheck} tone="idle" title="The programmer says it is done" aside={`iteration ${entry.iteration}`}>
          <Prose text={entry.summary} />
        </Card>
      );
    case 'published': {
      const { branch, commit, pushed, filesChanged, additions, deletions, message } = entry.result;
      return (
        <Card icon={GitBranch} tone="ok" title={pushed ? 'Pushed' : 'Published here, not pushed'}>
          <p>
            <code className={styles.path}>{visibleLine(branch)}</code> at <code>{commit.slice(0, 10)}</code>, {filesChanged}{' '}
            {filesChanged === 1 ? 'file' : 'files'}, +{additions} −{deletions}
          </p>
          {pushed || message === '' ? null : <p className={styles.quiet}>{visible(message)}</p>}
        </Card>
      );
    }
    case 'end': {
      const look = { Completed: ['ok', CircleCheck], Failed: ['bad', CircleX], Cancelled: ['idle', Ban] } as const;
      const [tone, icon] = look[entry.outcome];
      return (
        <Card icon={icon} tone={tone} title={entry.outcome} aside={entry.reason}>
          <p>{visible(entry.message)}</p>
        </Card>
      );
    }
    case 'line':
      return <Line entry={entry} open={open} toggle={toggle} />;
    default:
      return entry satisfies never;
  }
}

/** Characters of what a model says that are shown until more is asked for. */
const SAID = 1_600;

function Said({ entry, open, toggle }: { entry: Extract<Entry, { kind: 'said' }>; open: boolean; toggle: () => void }) {
  const shown = (text: string) => (open || entry.streaming || text.length <= SAID * 1.25 ? text : text.slice(0, SAID));
  return (
    <Plain icon={Sparkles} tone={entry.stop === 'refusal' ? 'bad' : 'accent'}>
      <div className={classes(styles.said, entry.streaming && styles.streaming)}>
        <span className="visually-hidden">{roleName(entry.role)}: </span>
        <StoredText value={entry.text}>
          {(text) => (
            <>
              <Prose text={shown(text)} />
              {text.length > SAID * 1.25 && !entry.streaming ? (
                <Button size="small" variant="ghost" aria-expanded={open} onClick={toggle}>
                  {open ? 'Show less' : `Show all ${text.length.toLocaleString('en')} characters`}
                </Button>
              ) : null}
            </>
          )}
        </StoredText>
        {entry.broken ? <p className={styles.quiet}>Broken off here.</p> : null}
        {entry.stop === 'length' ? <p className={styles.quiet}>Cut off by the limit of the answer's length.</p> : null}
        {entry.stop === 'refusal' ? <p className={styles.quiet}>The model refused.</p> : null}
      </div>
    </Plain>
  );
}

function PlanCard({ entry }: { entry: Extract<Entry, { kind: 'plan' }> }) {
  const { plan } = entry;
  return (
    <Card
      icon={ListChecks}
      tone="accent"
      title={`Plan ${plan.revision}`}
      aside={plan.approvedBy ? `approved by ${visibleLine(plan.approvedBy)}` : ''}
    >
      <p>
        <strong>{visibleLine(plan.title)}</strong>
      </p>
      <ol className={styles.planSteps}>
        {plan.steps.map((step) => (
          <li key={step.id}>{visibleLine(step.title)}</li>
        ))}
      </ol>
      {plan.checks.length === 0 ? null : (
        <ul className={styles.planChecks}>
          {plan.checks.map((command) => (
            <li key={command}>
              <FlaskConical size={12} aria-hidden="true" /> <code>{visibleLine(command)}</code>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function MessageCard({ entry }: { entry: Extract<Entry, { kind: 'message' }> }) {
  const waiting = entry.applied === undefined;
  // The question before it shows the answer.
  if (entry.applied === 'answer') {
    return (
      <Plain icon={MessageSquare} tone="accent">
        <span className={styles.quiet}>{visibleLine(entry.author)} answered:</span> {visible(entry.text)}
      </Plain>
    );
  }
  return (
    <Card
      icon={MessageSquare}
      tone="accent"
      title={`Message from ${visibleLine(entry.author)}`}
      aside={entry.planStep ? `on «${visibleLine(entry.planStep.title)}»` : ''}
    >
      <Prose text={entry.text} />
      <p className={classes(styles.became, waiting && styles.waiting)}>
        {waiting ? null : <UserCheck size={13} aria-hidden="true" />}
        {appliedWords(entry)}
      </p>
    </Card>
  );
}

const TOPIC_ICONS: Readonly<Record<LineEntry['topic'], LucideIcon>> = {
  sandbox: Container,
  repository: GitBranch,
  checkpoint: Save,
  context: BookOpen,
  conversation: Sparkles,
  phase: Info,
  limit: Gauge,
  commit: GitCommitHorizontal,
  tests: FlaskConical,
  resume: CirclePlay,
  approval: ThumbsUp,
  note: Info,
  log: Info,
  publish: Package,
  unknown: CircleSlash,
};

const TONES = { info: 'idle', success: 'ok', warning: 'warn', error: 'bad' } as const;

function Line({ entry, open, toggle }: { entry: LineEntry; open: boolean; toggle: () => void }) {
  const icon = entry.level === 'info' || entry.level === 'success' ? TOPIC_ICONS[entry.topic] : TriangleAlert;
  const tone = TONES[entry.level];
  if (entry.more.length === 0) {
    return (
      <Plain icon={icon} tone={tone}>
        <span className={classes(tone === 'idle' && styles.quiet)}>{visible(entry.text)}</span>
      </Plain>
    );
  }
  return (
    <Folded
      icon={icon}
      tone={tone}
      open={open}
      toggle={toggle}
      title={<span className={styles.quiet}>{visible(entry.text)}</span>}
    >
      {entry.more.map(({ label, text }) => (
        <div key={label}>
          <p className={styles.label}>{label}</p>
          <StoredText value={text}>{(whole) => <Output text={whole} label={label} />}</StoredText>
        </div>
      ))}
    </Folded>
  );
}
