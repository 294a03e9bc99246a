/** The rows of the list. Only those near the view are in the document, so thousands cost no more than a few. */
import { defaultRangeExtractor, useWindowVirtualizer } from '@tanstack/react-virtual';
import { type MouseEvent, memo, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import type { SessionSummary } from '../api/session-summary.ts';
import { useShortcuts } from '../app/shortcuts.ts';
import { Money, Time } from '../design/amounts.tsx';
import { StatusMark } from '../design/badge.tsx';
import { classes } from '../design/classes.ts';
import { repositoryName } from '../design/repository-name.ts';
import { Skeleton } from '../design/state.tsx';
import { statusLook } from '../design/status.ts';
import { useMedia } from '../design/use-media.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './rows.module.css';

/** Heights of a row in pixels, as rows.module.css has them. */
const WIDE = 60;
const NARROW = 88;
export const NARROW_VIEW = '(width < 44rem)';

type RowsProps = {
  sessions: readonly SessionSummary[];
  /** Another one is another list, shown from its beginning. */
  queryKey: string;
};

export function SessionRows({ sessions, queryKey }: RowsProps) {
  const height = useMedia(NARROW_VIEW) ? NARROW : WIDE;
  const navigate = useNavigate();
  const box = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  const [current, setCurrent] = useState<string | null>(null);
  const currentIndex = current === null ? -1 : sessions.findIndex((one) => one.id === current);
  useEffect(() => {
    // What is above the list takes more or less room: filters that open, the banner.
    const observer = new ResizeObserver(() => setTop(box.current?.offsetTop ?? 0));
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: sessions.length,
    estimateSize: () => height,
    overscan: 8,
    scrollMargin: top,
    // The head stays in the view, above the rows.
    scrollPaddingStart: top,
    scrollPaddingEnd: height,
    getItemKey: (index) => sessions[index]?.id ?? index,
    // The row with the focus stays, wherever the view is scrolled to.
    rangeExtractor: (range) => {
      const rows = defaultRangeExtractor(range);
      return currentIndex < 0 || rows.includes(currentIndex) ? rows : [...rows, currentIndex].sort((a, b) => a - b);
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was measured does not count when the height changes
  useLayoutEffect(() => virtual.measure(), [height]);
  useSteadyRows(sessions, queryKey, top, height);

  // At once, where the view is loaded already: the next key is meant for it.
  const show = (path: string) => void navigate(path, { flushSync: true });
  // One listener for all rows: the router's own links cost more than all else in a row, and rows come and go while scrolling.
  const open = (event: MouseEvent) => {
    const row = event.target instanceof Element ? event.target.closest('a') : null;
    if (!row || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(row.pathname);
  };
  const goTo = (index: number) => {
    const session = sessions[Math.max(0, Math.min(index, sessions.length - 1))];
    if (!session) return;
    setCurrent(session.id);
    virtual.scrollToIndex(sessions.indexOf(session), { align: 'auto' });
    focusWhenThere(box.current, session.id);
  };
  // A row that has the focus opens by itself; this one is for the moment before it has it, and for the first row.
  const openCurrent = () => {
    const session = sessions[currentIndex];
    if (session) show(`/sessions/${encodeURIComponent(session.id)}`);
    else goTo(0);
  };
  useShortcuts([
    { keys: 'j', label: 'Next session', group: 'Sessions', run: () => goTo(currentIndex + 1) },
    { keys: 'k', label: 'Previous session', group: 'Sessions', run: () => goTo(currentIndex < 0 ? 0 : currentIndex - 1) },
    { keys: 'Enter', label: 'Open session', group: 'Sessions', run: openCurrent },
  ]);

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click
    <ul
      ref={box}
      className={styles.list}
      aria-label="Sessions"
      style={{ height: virtual.getTotalSize() }}
      onClick={open}
      onFocus={(event) => setCurrent(event.target.dataset.session ?? null)}
    >
      {virtual.getVirtualItems().map(({ index, key, start }) => {
        const session = sessions[index];
        if (!session) return null;
        return (
          <li
            key={key}
            className={styles.item}
            aria-setsize={sessions.length}
            aria-posinset={index + 1}
            style={{ transform: `translateY(${start - top}px)` }}
          >
            <Row session={session} />
          </li>
        );
      })}
    </ul>
  );
}

/** Puts the focus on a row that is being scrolled into the view. */
function focusWhenThere(box: HTMLElement | null, id: string, attempts = 20): void {
  requestAnimationFrame(() => {
    const row = box?.querySelector(`[data-session="${CSS.escape(id)}"]`);
    if (row instanceof HTMLElement) row.focus({ preventScroll: true });
    else if (attempts > 0) focusWhenThere(box, id, attempts - 1);
  });
}

/** Keeps what is being read where it is when sessions come and go above it. */
function useSteadyRows(sessions: readonly SessionSummary[], queryKey: string, top: number, height: number): void {
  const before = useRef({ sessions, queryKey });
  useLayoutEffect(() => {
    const { sessions: old, queryKey: oldKey } = before.current;
    before.current = { sessions, queryKey };
    const above = Math.floor((window.scrollY - top) / height) + 1;
    const first = above > 0 ? old[above]?.id : undefined;
    if (queryKey !== oldKey || first === undefined || sessions[above]?.id === first) return;
    const now = sessions.findIndex((one) => one.id === first);
    if (now >= 0) window.scrollBy(0, (now - above) * height);
  }, [sessions, queryKey, top, height]);
}

const Row = memo(function Row({ session }: { session: SessionSummary }) {
  const look = statusLook(session);
  return (
    <a href={`/sessions/${encodeURIComponent(session.id)}`} className={styles.row} data-session={session.id}>
      <StatusMark look={look} size={18} />
      <span className={styles.what}>
        <span className={styles.goal}>{firstLine(session.goal)}</span>
        <span className={styles.about}>
          <span className={classes(styles.phase, saysWhy(session) && styles.unsaid)}>{look.label}</span>
          {saysWhy(session) ? null : <Dot className={styles.phaseDot} />}
          <About session={session} />
        </span>
      </span>
      <span className={classes(styles.status, styles[look.tone])} aria-hidden="true">
        {look.label}
      </span>
      <Plan session={session} />
      <span className={classes(styles.number, styles.cost)}>
        <Cost usd={session.usage.cost_usd} />
      </span>
      <span className={classes(styles.number, styles.age)}>
        <span className="visually-hidden">Age: </span>
        <Time value={session.created_at} short />
      </span>
    </a>
  );
});

function Cost({ usd }: { usd: number | null }) {
  if (usd === 0) return null;
  return (
    <>
      <span className="visually-hidden">Cost: </span>
      {usd === null ? <span title="The price of its model is not known">unknown</span> : <Money usd={usd} />}
    </>
  );
}

function About({ session }: { session: SessionSummary }) {
  const { phase, message, repo_url, ref, author, mode } = session;
  const says = saysWhy(session);
  return (
    <>
      <span>{visibleLine(repositoryName(repo_url))}</span>
      {ref === null || says ? null : (
        <>
          <Dot />
          <span className={classes('mono', styles.ref)}>{visibleLine(ref)}</span>
        </>
      )}
      {says ? (
        <>
          <Dot />
          <span
            className={classes(styles.why, phase === 'Failed' ? styles.bad : phase === 'Queued' ? undefined : styles.warn)}
            title={message === null ? undefined : visibleLine(message)}
          >
            {visibleLine(message ?? '')}
          </span>
        </>
      ) : (
        <>
          {author === null ? null : (
            <>
              <Dot />
              <span className={styles.fixed}>{visibleLine(author)}</span>
            </>
          )}
          {mode === 'review' ? (
            <>
              <Dot />
              <span className={styles.fixed}>with review</span>
            </>
          ) : null}
        </>
      )}
    </>
  );
}

/** Phases in which the reason matters more than who asked for it. */
const SAYS_WHY: ReadonlySet<string> = new Set(['Queued', 'WaitingForUser', 'Paused', 'Failed']);

/** Whether the row tells why the session is where it is. */
function saysWhy({ message, phase }: SessionSummary): boolean {
  return message !== null && SAYS_WHY.has(phase);
}

function Dot({ className }: { className?: string | undefined }) {
  return (
    <span className={classes(styles.dot, className)} aria-hidden="true">
      ·
    </span>
  );
}

function Plan({ session }: { session: SessionSummary }) {
  const { plan_progress: plan, status } = session;
  if (!plan || plan.total === 0) return <span className={styles.plan} />;
  const share = (plan.completed / plan.total) * 100;
  const tone =
    status === 'COMPLETED' ? styles.ok : status === 'RUNNING' || status === 'WAITING_FOR_USER' ? undefined : styles.still;
  return (
    <span className={styles.plan} title={`${plan.completed} of ${plan.total} steps of the plan are done`}>
      <span className={styles.track} aria-hidden="true">
        <span className={classes(styles.done, tone)} style={{ width: `${share}%` }} />
      </span>
      <span className="numbers">
        <span className="visually-hidden">Steps done: </span>
        {plan.completed}/{plan.total}
      </span>
    </span>
  );
}

function firstLine(text: string): string {
  return visibleLine(text.trim().split('\n', 1)[0] ?? '');
}

/** Holds the place of the rows while they are on their way. */
export function LoadingRows() {
  return (
    <div className={styles.loading} role="status">
      <span className="visually-hidden">Loading sessions</span>
      {PLACES.map(({ goal, about }) => (
        <div key={goal} className={styles.row} aria-hidden="true">
          <Skeleton width="1.125rem" height="1.125rem" />
          <span className={styles.what}>
            <span className={styles.goal}>
              <Skeleton width={goal} height="0.875rem" />
            </span>
            <span className={styles.about}>
              <Skeleton width={about} height="0.75rem" />
            </span>
          </span>
        </div>
      ))}
    </div>
  );
}

const PLACES = [52, 38, 61, 44, 57, 33, 48, 55].map((width) => ({ goal: `${width}%`, about: `${width / 2}%` }));
