/** The event log of one session on this page: what was read so far, folded, for components to look at. */

import type { StreamMessage } from '../api/event-stream.ts';
import { parseJson } from '../api/problem.ts';
import { fields } from '../api/read.ts';
import { append, EMPTY } from '../timeline/fold.ts';
import type { SessionEvent, Timeline } from '../timeline/model.ts';

export type LogPicture = {
  timeline: Timeline;
  /** Every event as it came, oldest first. The array grows in place; `timeline.lastSeq` says when it did. */
  events: readonly SessionEvent[];
  /** Whether all that there was when the page was opened is here. */
  ready: boolean;
  /** The session was deleted while it was looked at. */
  deleted: boolean;
};

export class SessionLog {
  #events: SessionEvent[] = [];
  #picture: LogPicture = { timeline: EMPTY, events: this.#events, ready: false, deleted: false };
  readonly #listeners = new Set<() => void>();

  readonly picture = (): LogPicture => this.#picture;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Puts events in; those that are here already are left out. */
  add(come: readonly SessionEvent[]): void {
    const last = this.#picture.timeline.lastSeq;
    const fresh = come.filter(({ seq }) => seq > last);
    if (fresh.length === 0) return;
    for (const event of fresh) this.#events.push(event);
    this.#change({ timeline: append(this.#picture.timeline, fresh) });
  }

  /** All that came in one piece of the stream. */
  take(messages: readonly StreamMessage[]): void {
    let events: SessionEvent[] = [];
    for (const { event, data } of messages) {
      if (event === 'log.reset') {
        // The log has lost what was read before: it is told anew from its beginning.
        events = [];
        this.#events = [];
        this.#change({ timeline: EMPTY, events: this.#events });
      } else if (event === 'session.deleted') {
        this.#change({ deleted: true });
      } else {
        const value = parseJson(data);
        if (isEvent(value)) events.push(value);
      }
    }
    this.add(events);
  }

  becomeReady(): void {
    if (!this.#picture.ready) this.#change({ ready: true });
  }

  #change(change: Partial<LogPicture>): void {
    this.#picture = { ...this.#picture, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** A piece of the history as the server gives it; undefined when it is none. */
export function readHistory(value: unknown): { events: SessionEvent[]; next: number | undefined } | undefined {
  const given = fields(value);
  if (!Array.isArray(given.items)) return undefined;
  const events = given.items.filter(isEvent);
  return { events, next: typeof given.next === 'number' ? given.next : undefined };
}

/** Checks what every event has. What a kind has besides was checked when it was written. */
function isEvent(value: unknown): value is SessionEvent {
  const { seq, time, type } = fields(value);
  return typeof seq === 'number' && typeof time === 'string' && typeof type === 'string';
}
