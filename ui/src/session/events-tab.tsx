/** The log as it is: every event, with its JSON. */
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ChevronRight } from 'lucide-react';
import { useCallback, useDeferredValue, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { CopyButton } from '../design/copy-button.tsx';
import { Field, Input } from '../design/field.tsx';
import { counted } from '../design/time.ts';
import type { SessionEvent } from '../timeline/model.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { clock } from './elapsed.tsx';
import { GoTo } from './go-to.tsx';
import styles from './tables.module.css';

/** Characters of an event's JSON that are shown in its line. */
const PREVIEW = 240;

export function EventsTab({ events, lastSeq }: { events: readonly SessionEvent[]; lastSeq: number }) {
  const [search, setSearch] = useState('');
  const wanted = useDeferredValue(search.trim().toLowerCase());
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list grows in place, and lastSeq says when
  const shown = useMemo(
    () => (wanted === '' ? [...events] : events.filter((event) => JSON.stringify(event).toLowerCase().includes(wanted))),
    [events, lastSeq, wanted],
  );
  const list = useRef<HTMLUListElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    setMargin(Math.round((list.current?.getBoundingClientRect().top ?? 0) + scrollY));
  }, []);
  const virtual = useWindowVirtualizer({
    count: shown.length,
    estimateSize: () => 30,
    getItemKey: (index) => shown[index]?.seq ?? index,
    overscan: 12,
    scrollMargin: margin,
  });
  const toggle = useCallback((seq: number) => {
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(seq)) next.add(seq);
      return next;
    });
  }, []);
  return (
    <div className={styles.tab}>
      <Field label="Find in the events" hint={`${counted(shown.length, 'event')} of ${lastSeq.toLocaleString('en')}`}>
        <Input type="search" value={search} placeholder="tool.finished" onChange={(event) => setSearch(event.target.value)} />
      </Field>
      <ul className={styles.events} ref={list} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const event = shown[item.index];
          if (!event) return null;
          return (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className={styles.event}
              style={{ transform: `translateY(${item.start - margin}px)` }}
            >
              <EventRow event={event} open={open.has(event.seq)} onToggle={toggle} />
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function EventRow({ event, open, onToggle }: { event: SessionEvent; open: boolean; onToggle: (seq: number) => void }) {
  const { seq, time, type, epoch: _epoch, format: _format, ...rest } = event;
  const json = open ? JSON.stringify(event, undefined, 2) : '';
  return (
    <>
      <button type="button" className={styles.eventHead} aria-expanded={open} onClick={() => onToggle(seq)}>
        <ChevronRight size={13} aria-hidden="true" className={styles.chevron} />
        <span className={styles.seq}>{seq}</span>
        <span className={styles.time}>{clock(time)}</span>
        <span className={styles.type}>{visibleLine(type)}</span>
        <code className={styles.preview}>{visibleLine(JSON.stringify(rest).slice(0, PREVIEW))}</code>
      </button>
      {open ? (
        <div className={styles.eventBody}>
          <p className={styles.meta}>
            <GoTo seq={seq}>In the timeline</GoTo> <CopyButton text={json} label="Copy the event" />
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre className={styles.json} tabIndex={0}>
            {visible(json)}
          </pre>
        </div>
      ) : null}
    </>
  );
}
