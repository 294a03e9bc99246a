/** The page of one session. */
import { SearchX, Trash2 } from 'lucide-react';
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { useMe } from '../api/me.ts';
import { loadPart } from '../api/part.ts';
import { Problem } from '../api/problem.ts';
import { useTitle } from '../app/title.ts';
import { ButtonLink } from '../design/button.tsx';
import { EmptyState, ErrorState, Skeleton } from '../design/state.tsx';
import { statusLook } from '../design/status.ts';
import { Tabs } from '../design/tabs.tsx';
import { useMedia } from '../design/use-media.ts';
import type { Timeline } from '../timeline/model.ts';
import { Attention } from './attention.tsx';
import { Composer } from './composer.tsx';
import { SessionBar, SessionHead } from './header.tsx';
import styles from './page.module.css';
import { PlanPanel } from './plan-panel.tsx';
import { SessionContext } from './session-context.ts';
import type { SessionView } from './session-view.ts';
import { type TimelineHandle, TimelineTab } from './timeline-tab.tsx';
import { useInSight } from './use-seen.ts';
import { type FollowedLog, useSessionLog, useSessionView } from './use-session.ts';

/** Views that few look at first are loaded when somebody does. */
const ChangesTab = lazy(async () => ({ default: (await loadPart(() => import('./changes-tab.tsx'))).ChangesTab }));
const EvidenceTab = lazy(async () => ({ default: (await loadPart(() => import('./evidence-tab.tsx'))).EvidenceTab }));
const EventsTab = lazy(async () => ({ default: (await loadPart(() => import('./events-tab.tsx'))).EventsTab }));
const PlanTab = lazy(async () => ({ default: (await loadPart(() => import('./plan-tab.tsx'))).PlanTab }));
const UsageTab = lazy(async () => ({ default: (await loadPart(() => import('./usage-tab.tsx'))).UsageTab }));

const TABS = ['timeline', 'plan', 'changes', 'evidence', 'usage', 'events'] as const;
type Tab = (typeof TABS)[number];

export default function SessionPage() {
  const { id = '' } = useParams();
  // Another session is another page: nothing of this one may be taken over.
  return <OneSession key={id} id={id} />;
}

function OneSession({ id }: { id: string }) {
  const me = useMe();
  const view = useSessionView(id);
  // Until it is known the server is asked, which refuses by itself.
  const readable = me.data?.may.sessions.read_log ?? true;
  const log = useSessionLog(id, readable && id !== '');
  const missing = view.error instanceof Problem && view.error.status === 404;
  const session = view.data;
  useTitle(
    session
      ? `${statusLook({ ...session, phase: phaseOf(session, log.timeline) }).label}: ${session.goal.slice(0, 60)}`
      : 'Session',
  );
  if (log.deleted || (missing && session)) return <Deleted />;
  if (missing) {
    return (
      <EmptyState whole title="There is no such session" icon={<SearchX size={20} aria-hidden="true" />} actions={<ToList />}>
        It was deleted, or the address is not complete.
      </EmptyState>
    );
  }
  if (!session) {
    if (view.isError)
      return <ErrorState whole title="The session cannot be shown" error={view.error} onRetry={() => void view.refetch()} />;
    return <Loading />;
  }
  return <Shown session={session} log={log} readable={readable} />;
}

function Shown({ session, log, readable }: { session: SessionView; log: FollowedLog; readable: boolean }) {
  const { timeline } = log;
  const me = useMe();
  const [tab, setTab] = useTab();
  const handle = useRef<TimelineHandle>(null);
  const above = useRef<HTMLDivElement>(null);
  const phase = phaseOf(session, timeline);
  const wide = useMedia('(min-width: 80rem)');
  const goTo = useCallback(
    (seq: number) => {
      if (handle.current) handle.current.goTo(seq);
      else {
        history.replaceState(history.state, '', `#e${seq}`);
        setTab('timeline', `#e${seq}`);
      }
    },
    [setTab],
  );
  const [title, titleSeen] = useInSight<HTMLHeadingElement>();
  // What depends on the log is put there at once, so that nothing moves when it comes.
  const known = log.ready || !readable || log.refused !== undefined;
  const may = me.data?.may;
  const place = useMemo(() => (may ? { id: session.id, may, goTo } : undefined), [session.id, may, goTo]);
  if (!place) return <Loading />;
  const over = phase === 'Completed' || phase === 'Failed' || phase === 'Cancelled';
  const views = [
    {
      value: 'timeline' as const,
      label: 'Timeline',
      content: <TimelineView log={log} readable={readable} live={!over} handle={handle} above={above} />,
    },
    {
      value: 'plan' as const,
      label: <Counted label="Plan" count={timeline.plans.length > 1 ? timeline.plans.length : 0} />,
      content: <PlanTab timeline={timeline} />,
    },
    {
      value: 'changes' as const,
      label: <Counted label="Changes" count={timeline.published?.filesChanged ?? timeline.commit?.filesChanged ?? 0} />,
      content: <ChangesTab timeline={timeline} />,
    },
    {
      value: 'evidence' as const,
      label: <Counted label="Evidence" count={timeline.evidence.filter(({ stage }) => stage === undefined).length} />,
      content: <EvidenceTab session={session} timeline={timeline} />,
    },
    { value: 'usage' as const, label: 'Usage', content: <UsageTab session={session} timeline={timeline} /> },
    { value: 'events' as const, label: 'Events', content: <EventsTab events={log.events} lastSeq={timeline.lastSeq} /> },
  ];
  return (
    <SessionContext value={place}>
      <div className={styles.page}>
        <SessionBar session={session} timeline={timeline} phase={phase} titled={!titleSeen} />
        <div className={styles.body}>
          <div ref={above}>
            <SessionHead session={session} timeline={timeline} place={title} />
            {known ? <Attention session={session} timeline={timeline} phase={phase} /> : null}
          </div>
          {known ? (
            <div className={styles.columns}>
              <div className={styles.main}>
                <Tabs<Tab>
                  label="Views of the session"
                  value={tab}
                  onChange={setTab}
                  views={views.map((one) => ({ ...one, content: <Suspense fallback={<LoadingRows />}>{one.content}</Suspense> }))}
                />
              </div>
              {wide && tab === 'timeline' ? (
                <aside className={styles.aside} aria-label="Plan">
                  <PlanPanel timeline={timeline} />
                </aside>
              ) : null}
            </div>
          ) : (
            <LoadingRows />
          )}
        </div>
        <Composer session={session} timeline={timeline} phase={phase} />
      </div>
    </SessionContext>
  );
}

type TimelineViewProps = {
  log: FollowedLog;
  readable: boolean;
  live: boolean;
  handle: React.Ref<TimelineHandle>;
  above: React.RefObject<HTMLElement | null>;
};

function TimelineView({ log, readable, live, handle, above }: TimelineViewProps) {
  if (!readable) return <EmptyState title="You may not read this log">Its phase and its result are shown above.</EmptyState>;
  if (log.refused !== undefined && log.timeline.lastSeq === 0)
    return <ErrorState title="The log cannot be read" error={new Error(log.refused)} />;
  if (log.timeline.lastSeq === 0) {
    return <EmptyState title="Nothing has happened yet">What the session does is shown here as it happens.</EmptyState>;
  }
  return <TimelineTab timeline={log.timeline} live={live} handle={handle} above={above} />;
}

function Counted({ label, count }: { label: string; count: number }) {
  return (
    <>
      {label}
      {count > 0 ? <span className={styles.count}>{count}</span> : null}
    </>
  );
}

/** The log is ahead of what the server said last; before anything is in it, and once it is over, the server knows better. */
function phaseOf(session: SessionView, timeline: Timeline): string {
  if (timeline.lastSeq === 0) return session.phase;
  return timeline.phase;
}

function useTab(): [Tab, (tab: Tab, hash?: string) => void] {
  const { tab: inPath } = useParams();
  const [search, setSearch] = useSearchParams();
  const named = search.get('tab') ?? inPath;
  const tab = TABS.find((one) => one === named) ?? 'timeline';
  const set = useCallback(
    (next: Tab, hash = '') => {
      setSearch(
        (before) => {
          const params = new URLSearchParams(before);
          if (next === 'timeline') params.delete('tab');
          else params.set('tab', next);
          return params;
        },
        { preventScrollReset: true, replace: true },
      );
      if (hash !== '') queueMicrotask(() => history.replaceState(history.state, '', hash));
    },
    [setSearch],
  );
  return [tab, set];
}

function Deleted() {
  return (
    <EmptyState whole title="This session was deleted" icon={<Trash2 size={20} aria-hidden="true" />} actions={<ToList />}>
      Its log and its results are gone. A branch that was pushed is still in its repository.
    </EmptyState>
  );
}

function ToList() {
  return <ButtonLink to="/sessions">All sessions</ButtonLink>;
}

function Loading() {
  return (
    <div className={styles.page} aria-busy="true">
      <div className={styles.body}>
        <div className={styles.loadingHead}>
          <Skeleton width="24rem" height="1.5rem" />
          <Skeleton width="36rem" height="2.5rem" />
        </div>
        <LoadingRows />
      </div>
    </div>
  );
}

function LoadingRows() {
  const [rows] = useState(() => [62, 80, 45, 70, 54, 76, 40, 66]);
  return (
    <div className={styles.loadingRows}>
      <span className="visually-hidden" role="status">
        Loading the timeline
      </span>
      {rows.map((width) => (
        <Skeleton key={width} width={`${width}%`} height="1.25rem" />
      ))}
    </div>
  );
}
