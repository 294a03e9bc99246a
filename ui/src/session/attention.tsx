/** What needs a person now: a plan to approve, a question, a pause; and why it waits when it waits for something else. */
import {
  Ban,
  CircleAlert,
  CircleCheck,
  CirclePause,
  CirclePlay,
  CircleX,
  Clock,
  FileDiff,
  FileDown,
  Gauge,
  MessageCircleQuestionMark,
} from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'react-router';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { counted } from '../design/time.ts';
import type { Timeline } from '../timeline/model.ts';
import { visible } from '../timeline/visible-text.ts';
import { useAct } from './act.ts';
import styles from './attention.module.css';
import { Counts } from './edit-diff.tsx';
import { LimitsDialog } from './limits-dialog.tsx';
import { PlanReview } from './plan-review.tsx';
import { Prose } from './prose.tsx';
import { useSession } from './session-context.ts';
import { type SessionView, sessionPath } from './session-view.ts';

type Props = { session: SessionView; timeline: Timeline; phase: string };

export function Attention({ session, timeline, phase }: Props) {
  const { now } = timeline;
  const plan = timeline.plans.at(-1);
  if (session.deleted_at !== null) {
    return (
      <Notice icon={<Ban size={18} aria-hidden="true" />} tone="idle" title="This session is being deleted">
        <p>It ends what it does, then everything of it goes.</p>
        {session.reason?.startsWith('Cleanup') ? <p>{visible(session.message ?? '')}</p> : null}
      </Notice>
    );
  }
  if (phase === 'WaitingForUser' && now.kind === 'question') return <Question text={now.text} />;
  if (phase === 'WaitingForUser' && plan && now.kind === 'approval') {
    return <PlanReview key={plan.revision} session={session} plan={plan} previous={timeline.plans.at(-2)} />;
  }
  if (phase === 'Paused') return <Pause session={session} timeline={timeline} />;
  if (phase === 'Failed') {
    return (
      <Notice icon={<CircleX size={18} aria-hidden="true" />} tone="bad" title="The session failed">
        <p>{visible(now.kind === 'finished' ? now.message : (session.message ?? ''))}</p>
        <p className={styles.hint}>Send a message to take it up again; what was done so far is kept.</p>
      </Notice>
    );
  }
  if (phase === 'Completed') return <Completed session={session} timeline={timeline} />;
  if (phase === 'Queued') return <Queued session={session} />;
  return null;
}

function Question({ text }: { text: string }) {
  return (
    <Notice icon={<MessageCircleQuestionMark size={18} aria-hidden="true" />} tone="warn" title="It asks you">
      <Prose text={text} />
      <p className={styles.hint}>Answer in the box at the end of the page; the session goes on at once.</p>
    </Notice>
  );
}

function Pause({ session, timeline }: { session: SessionView; timeline: Timeline }) {
  const { id, may } = useSession();
  const act = useAct(id);
  const [limits, setLimits] = useState(false);
  const { now, threads } = timeline;
  const paused = now.kind === 'paused' ? now : { reason: session.reason ?? '', message: session.message ?? '' };
  const atLimit = paused.reason === 'LimitReached';
  const title = paused.reason === 'Suspended' ? 'Suspended' : 'Paused';
  return (
    <Notice
      icon={<CirclePause size={18} aria-hidden="true" />}
      tone="warn"
      title={title}
      aside={paused.reason === 'Suspended' ? '' : paused.reason}
      actions={
        may.sessions.update ? (
          <>
            {atLimit ? (
              <Button variant="primary" icon={<Gauge size={15} aria-hidden="true" />} onClick={() => setLimits(true)}>
                Raise the limit
              </Button>
            ) : (
              <Button
                variant="primary"
                icon={<CirclePlay size={15} aria-hidden="true" />}
                busy={act.isPending}
                onClick={() => act.mutate({ do: 'resume' })}
              >
                Resume
              </Button>
            )}
            <LimitsDialog session={session} open={limits} onClose={() => setLimits(false)} />
          </>
        ) : undefined
      }
    >
      <p>{visible(paused.message)}</p>
      {threads.question ? (
        <p className={styles.hint}>It asks how to go on: answer below, or resume to let it try again.</p>
      ) : null}
    </Notice>
  );
}

function Completed({ session, timeline }: { session: SessionView; timeline: Timeline }) {
  const { id } = useSession();
  const { result } = session;
  const { published, now } = timeline;
  if (!result || !published) return null;
  return (
    <Notice
      icon={<CircleCheck size={18} aria-hidden="true" />}
      tone={result.verified ? 'ok' : 'idle'}
      title={result.verified ? 'Done, and verified' : 'Done, but unverified'}
      aside={published.pushed ? 'pushed' : 'not pushed'}
      actions={
        <>
          <Link className={styles.action} to="?tab=changes" replace preventScrollReset>
            <FileDiff size={15} aria-hidden="true" /> {counted(published.filesChanged, 'file')}
            <Counts additions={published.additions} deletions={published.deletions} />
          </Link>
          <a className={styles.action} href={sessionPath(id, 'diff')} download={`${id}.patch`}>
            <FileDown size={15} aria-hidden="true" /> Patch
          </a>
        </>
      }
    >
      {published.summary === '' ? null : <Prose text={published.summary} />}
      <p className={styles.hint}>
        {now.kind === 'finished' && published.summary === '' ? visible(now.message) : ''}
        {published.pushed || published.message === '' ? '' : ` ${visible(published.message)}`}
      </p>
    </Notice>
  );
}

function Queued({ session }: { session: SessionView }) {
  const profile = session.conditions.find(({ type, status }) => type === 'ProfileResolved' && status === 'False');
  return (
    <Notice
      icon={profile ? <CircleAlert size={18} aria-hidden="true" /> : <Clock size={18} aria-hidden="true" />}
      tone={profile ? 'warn' : 'idle'}
      title={profile ? 'It waits for an AI profile' : 'It waits to begin'}
    >
      <p>{visible(profile?.message ?? session.message ?? 'It begins when there is room.')}</p>
      {profile ? (
        <p className={styles.hint}>
          <Link to="/settings/profiles">Look at the AI profiles</Link>; the session begins by itself when one fits.
        </p>
      ) : null}
    </Notice>
  );
}

export function Notice(props: {
  icon: ReactNode;
  tone: 'idle' | 'ok' | 'warn' | 'bad';
  title: string;
  aside?: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const { icon, tone, title, aside, actions, children } = props;
  return (
    <section className={classes(styles.notice, styles[tone])} aria-label={title}>
      <span className={styles.icon}>{icon}</span>
      <div className={styles.text}>
        <h2 className={styles.title}>
          {title} {aside ? <span className={styles.aside}>{aside}</span> : null}
        </h2>
        {children}
      </div>
      {actions === undefined ? null : <div className={styles.actions}>{actions}</div>}
    </section>
  );
}
