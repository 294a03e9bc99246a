/**
 * All sessions, as the server tells of them while they change. The list is complete or it is not shown: what arrives after
 * a reset is put together beside the old list and takes its place when the server has said everything.
 */
import { followStream, type StreamMessage, type StreamState } from '../api/event-stream.ts';
import { type Problem, parseJson } from '../api/problem.ts';
import { fields, text } from '../api/read.ts';
import { readSessionSummary, type SessionSummary } from '../api/session-summary.ts';

export type SessionListing = {
  /** By id; null until the whole list was received once. */
  sessions: ReadonlyMap<string, SessionSummary> | null;
  state: StreamState;
  /** Why the server does not tell. */
  problem: Problem | null;
};

/** Takes the messages in, and keeps what they come to. */
export class SessionList {
  #shown: Map<string, SessionSummary> | null = null;
  #coming: Map<string, SessionSummary> | null = new Map();
  /** Somebody holds the map that is shown, and must not see it change. */
  #given = false;

  get sessions(): ReadonlyMap<string, SessionSummary> | null {
    return this.#shown;
  }

  /** Everything will be said again from the beginning. */
  restart(): void {
    this.#coming = new Map();
  }

  /** @returns whether what is to be shown has changed */
  take(messages: readonly Pick<StreamMessage, 'event' | 'data'>[]): boolean {
    let changed = false;
    for (const { event, data } of messages) {
      if (event === 'list.reset') this.restart();
      else if (event === 'synced') {
        if (!this.#coming) continue;
        this.#shown = this.#coming;
        this.#coming = null;
        changed = true;
      } else if (event === 'session' || event === 'session.deleted') {
        const value = parseJson(data);
        const target = this.#coming ?? this.#writable();
        if (event === 'session') {
          const session = readSessionSummary(value);
          target.set(session.id, session);
        } else target.delete(text(fields(value).id, ''));
        changed ||= this.#coming === null;
      }
    }
    if (changed) this.#given = true;
    return changed;
  }

  #writable(): Map<string, SessionSummary> {
    if (this.#given || !this.#shown) {
      this.#shown = new Map(this.#shown);
      this.#given = false;
    }
    return this.#shown;
  }
}

const URL = '/agent/sessions?watch=true';

/** Follows the server while somebody looks, and knows where it was when somebody looks again. */
export class SessionStore {
  readonly #list = new SessionList();
  readonly #listeners = new Set<() => void>();
  #listing: SessionListing = { sessions: null, state: 'connecting', problem: null };
  #lastEventId = '';
  #stop: (() => void) | undefined;

  /** The same object until something changes. */
  readonly listing = (): SessionListing => this.#listing;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#stop ??= this.#follow();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  };

  /** Asks again after the server refused. */
  retry(): void {
    this.#stop?.();
    this.#stop = this.#listeners.size > 0 ? this.#follow() : undefined;
  }

  #follow(): () => void {
    if (this.#lastEventId === '') this.#list.restart();
    return followStream({
      url: URL,
      ...(this.#lastEventId !== '' && { lastEventId: this.#lastEventId }),
      onMessages: (messages) => {
        const changed = this.#list.take(messages);
        // A list that is not whole yet is asked for again from its beginning.
        if (this.#list.sessions) this.#lastEventId = messages.at(-1)?.id ?? this.#lastEventId;
        if (changed) this.#change({ ...this.#listing, sessions: this.#list.sessions });
      },
      onState: (state) => this.#change({ ...this.#listing, state, problem: state === 'refused' ? this.#listing.problem : null }),
      onRefused: (problem) => this.#change({ ...this.#listing, problem }),
    });
  }

  #change(listing: SessionListing): void {
    this.#listing = listing;
    for (const listener of this.#listeners) listener();
  }
}
