/** The timeline of a session: follows its end, finds, filters and folds, and goes to any event by its address. */
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowDownToLine } from 'lucide-react';
import { memo, useCallback, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useShortcuts } from '../app/shortcuts.ts';
import { Button } from '../design/button.tsx';
import type { Entry, Timeline } from '../timeline/model.ts';
import { entryOf, groupKey, type Row, Rows, sectionKey, type View } from '../timeline/rows.ts';
import { EntryView } from './entry.tsx';
import { opensItself } from './entry-words.ts';
import { RowBoundary } from './row-boundary.tsx';
import { SectionHeader, StepHeader } from './section-header.tsx';
import styles from './timeline.module.css';
import { INITIAL_FILTER, type TimelineFilter, TimelineToolbar } from './timeline-toolbar.tsx';
import { useFollowEnd } from './use-follow-end.ts';

/** How others have the timeline go somewhere. */
export type TimelineHandle = { goTo: (seq: number) => void };

const HEIGHTS = { section: 44, step: 34, entry: 32 } as const;
/** How an address names an event. */
const ADDRESS = /^#e(\d{1,9})$/;

type Props = {
  timeline: Timeline;
  /** Whether more is to be expected. */
  live: boolean;
  handle: React.Ref<TimelineHandle>;
  /** What stands above the timeline. */
  above: React.RefObject<HTMLElement | null>;
};

export function TimelineTab({ timeline, live, handle, above }: Props) {
  const [filter, setFilter] = useState<TimelineFilter>(INITIAL_FILTER);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [folds, setFolds] = useState<ReadonlyMap<number, boolean>>(new Map());
  const [marked, setMarked] = useState<number | undefined>();
  const [selected, setSelected] = useState<string | undefined>();
  const [rowsOf] = useState(() => new Rows());
  const view: View = useMemo(() => ({ ...filter, search: filter.search.trim().toLowerCase(), closed }), [filter, closed]);
  const rows = useMemo(() => rowsOf.of(timeline, view), [rowsOf, timeline, view]);
  const list = useRef<HTMLDivElement>(null);
  const margin = useOffset(list, above);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: (index) => HEIGHTS[rows[index]?.kind ?? 'entry'],
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 10,
    scrollMargin: margin,
    scrollPaddingStart: 120,
    scrollPaddingEnd: coveredBelow(),
  });
  const addressed = ADDRESS.exec(location.hash) !== null;
  const end = useFollowEnd({ begin: live && !addressed && waitsForNobody(timeline), size: virtual.getTotalSize() });

  const toggle = useCallback((id: number) => {
    setFolds((before) => new Map(before).set(id, !(before.get(id) ?? opened.current(id))));
  }, []);
  const opened = useRef((_id: number): boolean => false);
  opened.current = (id) => {
    const found = entryOf(timeline, id);
    return found !== undefined && found.entry.id === id && opensItself(found.entry);
  };
  const toggleClosed = useCallback((key: string) => {
    setClosed((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);

  const wanted = useRef<number | undefined>(undefined);
  const goTo = useCallback(
    (seq: number) => {
      const found = entryOf(timeline, seq);
      if (!found) return;
      end.stay();
      setFilter((before) => (isHiddenBy(before, found.entry) ? { ...INITIAL_FILTER, quiet: true } : before));
      setClosed((before) => {
        const next = new Set(before);
        next.delete(sectionKey(found.section));
        next.delete(groupKey(found.group));
        return next.size === before.size ? before : next;
      });
      setMarked(found.entry.id);
      wanted.current = found.entry.id;
      if (ADDRESS.exec(location.hash)?.[1] !== String(seq)) history.replaceState(history.state, '', `#e${seq}`);
    },
    [timeline, end.stay],
  );
  useImperativeHandle(handle, () => ({ goTo }), [goTo]);
  // What is gone to may have to be unfolded first, so it is scrolled to when it is a row.
  useEffect(() => {
    if (wanted.current === undefined) return;
    const index = rows.findIndex(
      (row) =>
        (row.kind === 'entry' && row.entry.id === wanted.current) ||
        (row.kind === 'step' && row.group.entries[0]?.id === wanted.current),
    );
    if (index < 0) return;
    wanted.current = undefined;
    virtual.scrollToIndex(index, { align: 'center' });
    setSelected(rows[index]?.key);
  });
  useAddress(goTo, timeline.lastSeq > 0);
  useKeys({ rows, selected, setSelected, timeline, setClosed, toggle, toggleClosed, end, scrollTo: virtual.scrollToIndex });

  return (
    <div className={styles.timeline}>
      <TimelineToolbar
        filter={filter}
        onChange={setFilter}
        onFold={(all) => setClosed(all ? new Set(timeline.sections.map(sectionKey)) : new Set())}
      />
      <div
        ref={list}
        className={styles.list}
        role="feed"
        aria-busy={false}
        aria-label="Timeline"
        style={{ height: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <article
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className={styles.item}
              aria-posinset={item.index + 1}
              aria-setsize={rows.length}
              style={{ transform: `translateY(${item.start - margin}px)` }}
            >
              <RowBoundary name={row.key}>
                <RowView
                  row={row}
                  fold={row.kind === 'entry' ? folds.get(row.entry.id) : undefined}
                  marked={row.kind === 'entry' && row.entry.id === marked}
                  selected={row.key === selected}
                  onToggle={toggle}
                  onClose={toggleClosed}
                />
              </RowBoundary>
            </article>
          );
        })}
      </div>
      {rows.length === 0 && timeline.lastSeq > 0 ? (
        <p className={styles.none}>
          Nothing is as you look for.{' '}
          <Button size="small" onClick={() => setFilter(INITIAL_FILTER)}>
            Show everything
          </Button>
        </p>
      ) : null}
      {end.away && live && waitsForNobody(timeline) ? (
        <div className={styles.newest}>
          <Button variant="primary" size="small" icon={<ArrowDownToLine size={14} aria-hidden="true" />} onClick={end.go}>
            Jump to newest
          </Button>
        </div>
      ) : null}
    </div>
  );
}

type RowProps = {
  row: Row;
  fold: boolean | undefined;
  marked: boolean;
  selected: boolean;
  onToggle: (id: number) => void;
  onClose: (key: string) => void;
};

const RowView = memo(function RowView({ row, fold, marked, selected, onToggle, onClose }: RowProps) {
  switch (row.kind) {
    case 'section':
      return <SectionHeader row={row} selected={selected} onToggle={onClose} />;
    case 'step':
      return <StepHeader row={row} selected={selected} onToggle={onClose} />;
    default:
      return (
        <EntryView
          entry={row.entry}
          open={fold ?? opensItself(row.entry)}
          marked={marked}
          selected={selected}
          nested={row.nested}
          onToggle={onToggle}
        />
      );
  }
});

/** Pixels at the end of the window that the message box, and on a telephone the bar below it, lie over; what is near it too. */
function coveredBelow(): number {
  const composer = Number.parseFloat(document.documentElement.style.getPropertyValue('--composer'));
  return Math.max(160, (Number.isNaN(composer) ? 0 : composer) + 72);
}

/** Who opens a session that waits for somebody looks at what it waits for first. */
function waitsForNobody({ now }: Timeline): boolean {
  return !['approval', 'question', 'paused', 'finished', 'nothing'].includes(now.kind);
}

function isHiddenBy(filter: TimelineFilter, entry: Entry): boolean {
  const quiet = entry.kind === 'line' && entry.quiet && !filter.quiet;
  return quiet || filter.problems || filter.search !== '' || filter.shown !== INITIAL_FILTER.shown;
}

/** Goes where the address says, at the beginning and whenever it changes. */
function useAddress(goTo: (seq: number) => void, ready: boolean): void {
  const latest = useRef(goTo);
  useEffect(() => {
    latest.current = goTo;
  });
  useEffect(() => {
    if (!ready) return;
    const go = () => {
      const seq = ADDRESS.exec(location.hash)?.[1];
      if (seq !== undefined) latest.current(Number(seq));
    };
    go();
    addEventListener('hashchange', go);
    return () => removeEventListener('hashchange', go);
  }, [ready]);
}

/** How far the list is from the top of the page, in pixels; `above` is what grows and shrinks above it. */
function useOffset(element: React.RefObject<HTMLDivElement | null>, above: React.RefObject<HTMLElement | null>): number {
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const measure = () => {
      const top = element.current?.getBoundingClientRect().top;
      if (top !== undefined) setOffset(Math.round(top + scrollY));
    };
    measure();
    const observer = new ResizeObserver(measure);
    if (above.current) observer.observe(above.current);
    const toolbar = element.current?.previousElementSibling;
    if (toolbar) observer.observe(toolbar);
    return () => observer.disconnect();
  }, [element, above]);
  return offset;
}

type KeysGiven = {
  rows: readonly Row[];
  selected: string | undefined;
  setSelected: (key: string | undefined) => void;
  timeline: Timeline;
  setClosed: (closed: ReadonlySet<string>) => void;
  toggle: (id: number) => void;
  toggleClosed: (key: string) => void;
  end: { go: () => void; stay: () => void };
  scrollTo: (index: number, options: { align: 'auto' }) => void;
};

function useKeys(given: KeysGiven): void {
  const { rows, selected, setSelected, timeline, setClosed, toggle, toggleClosed, end, scrollTo } = given;
  const move = (by: number) => {
    const at = rows.findIndex(({ key }) => key === selected);
    const next = Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by));
    end.stay();
    setSelected(rows[next]?.key);
    scrollTo(next, { align: 'auto' });
  };
  const fold = () => {
    const row = rows.find(({ key }) => key === selected);
    if (row?.kind === 'entry') toggle(row.entry.id);
    else if (row) toggleClosed(row.key);
  };
  const group = 'Timeline';
  useShortcuts([
    { keys: 'j', label: 'Next entry', group, run: () => move(1) },
    { keys: 'k', label: 'Previous entry', group, run: () => move(-1) },
    { keys: 'Enter', label: 'Open or close the entry', group, run: fold },
    { keys: 'e', label: 'Expand all', group, run: () => setClosed(new Set()) },
    { keys: 'c', label: 'Collapse all', group, run: () => setClosed(new Set(timeline.sections.map(sectionKey))) },
    { keys: 'G', label: 'Jump to newest', group, run: end.go },
  ]);
}
