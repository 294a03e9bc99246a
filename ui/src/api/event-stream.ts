/**
 * A stream of server-sent events that is always the same stream: when it breaks it goes on after the last id that was
 * given out, so that nothing is lost or doubled. It survives a sleeping computer, a proxy that drops silent connections
 * and a server that restarts; a page that nobody looks at gives its connection back after a while.
 */
import { createParser } from 'eventsource-parser';
import { type Connection, connection as pageConnection } from './connection.ts';
import { isTransient, type Problem, problemFrom } from './problem.ts';

/** A message as it came; `id` is the last one known, also where the message itself had none. */
export type StreamMessage = { id: string; event: string; data: string };

export type StreamState =
  /** Not connected yet, or not any more and trying again. */
  | 'connecting'
  | 'open'
  /** The page is hidden since some minutes; goes on when it is looked at. */
  | 'resting'
  /** The server refused for good. */
  | 'refused';

export type EventStreamOptions = {
  /** Path and query. */
  url: string;
  /** Goes on after this id. */
  lastEventId?: string;
  /** All messages that came in one piece; called again only after it returned. */
  onMessages: (messages: StreamMessage[]) => void;
  onState?: (state: StreamState) => void;
  /** The server refused for good (401, 403, 404, …); nothing follows. */
  onRefused?: (problem: Problem) => void;
};

/** The server sends something at least every 15 s; longer than this means that nobody is there. Milliseconds. */
const SILENCE = 40_000;
/** A connection that brought nothing for so long is not trusted when somebody comes back to the page. */
const STALE = 20_000;
const CONNECT = 20_000;
/** How long nobody looks at the page until its connection is given back. */
const HIDDEN = 5 * 60_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/** Follows the stream until the function that it returns is called. */
export function followStream(options: EventStreamOptions, connection: Connection = pageConnection): () => void {
  const end = new AbortController();
  const stream = new FollowedStream(options, connection, end.signal);
  stream.run().catch((error: unknown) => {
    if (!end.signal.aborted) throw error;
  });
  return () => end.abort(new DOMException('the page does not follow this stream any more', 'AbortError'));
}

class FollowedStream {
  readonly #options: EventStreamOptions;
  readonly #connection: Connection;
  readonly #signal: AbortSignal;
  #lastEventId: string;
  #wait = FIRST_WAIT;
  #state: StreamState | undefined;
  /** When the connection last brought something, in milliseconds since 1970. */
  #lastSign = 0;
  #nobodyLooks = false;

  constructor(options: EventStreamOptions, connection: Connection, signal: AbortSignal) {
    this.#options = options;
    this.#connection = connection;
    this.#signal = signal;
    this.#lastEventId = options.lastEventId ?? '';
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      if (this.#nobodyLooks) await this.#rest();
      this.#enter('connecting');
      const refused = await this.#once();
      if (this.#signal.aborted) return;
      if (refused) {
        this.#enter('refused');
        this.#options.onRefused?.(refused);
        return;
      }
      this.#enter('connecting');
      await this.#pause();
    }
  }

  /** One connection, to its end. Returns the problem when there is no sense in another. */
  async #once(): Promise<Problem | undefined> {
    const attempt = new AbortController();
    const silence = new Deadline(() => attempt.abort(new Error('nothing came for too long')));
    const unwatch = watchPage({
      awake: () => {
        if (Date.now() - this.#lastSign > STALE) attempt.abort(new Error('the computer slept'));
      },
      hidden: () => {
        this.#nobodyLooks = true;
        attempt.abort(new Error('nobody looks at the page'));
      },
      online: () => attempt.abort(new Error('the network changed')),
    });
    try {
      silence.set(CONNECT);
      this.#lastSign = Date.now();
      const response = await fetch(this.#options.url, {
        headers: { Accept: 'text/event-stream', ...(this.#lastEventId !== '' && { 'Last-Event-ID': this.#lastEventId }) },
        cache: 'no-store',
        signal: AbortSignal.any([this.#signal, attempt.signal]),
      });
      if (!response.ok || !response.body) {
        const problem = await problemFrom(response);
        if (!isTransient(problem)) return problem;
        if (response.status === 502 || response.status === 504) this.#connection.failed();
        this.#wait = Math.max(this.#wait, (problem.retryAfter ?? 0) * 1000);
        return undefined;
      }
      this.#connection.reached();
      await this.#read(response.body, silence);
      return undefined;
    } catch (error) {
      if (!this.#signal.aborted && !attempt.signal.aborted && error instanceof TypeError) this.#connection.failed();
      return undefined;
    } finally {
      silence.clear();
      unwatch();
    }
  }

  async #read(body: ReadableStream<Uint8Array>, silence: Deadline): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let messages: StreamMessage[] = [];
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        if (id !== undefined) this.#lastEventId = id;
        messages.push({ id: this.#lastEventId, event: event ?? 'message', data });
      },
    });
    silence.set(SILENCE);
    this.#enter('open');
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        silence.set(SILENCE);
        this.#lastSign = Date.now();
        parser.feed(decoder.decode(value, { stream: true }));
        if (messages.length === 0) continue;
        this.#wait = FIRST_WAIT;
        const come = messages;
        messages = [];
        if (!this.#signal.aborted) this.#options.onMessages(come);
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  /** Waits before the next connection: shortly at first, then longer, but not longer than until the server is back. */
  async #pause(): Promise<void> {
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    await this.#until((go) => {
      const timer = setTimeout(go, wait);
      const unwatch = watchPage({ awake: go, online: go });
      const wasDown = this.#connection.state().kind === 'down';
      const unsubscribe = this.#connection.subscribe(() => {
        if (wasDown && this.#connection.state().kind === 'up') go();
      });
      return () => {
        clearTimeout(timer);
        unwatch();
        unsubscribe();
      };
    });
  }

  /** Until somebody looks at the page. */
  async #rest(): Promise<void> {
    this.#enter('resting');
    this.#wait = FIRST_WAIT;
    await this.#until((go) => watchPage({ awake: go }));
    this.#nobodyLooks = false;
  }

  /** Resolves when `start` calls back or the stream is given up; then calls what `start` returned. */
  async #until(start: (go: () => void) => () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = start(resolve);
    this.#signal.addEventListener('abort', () => resolve(), { once: true });
    if (this.#signal.aborted) resolve();
    await promise;
    stop();
  }

  #enter(state: StreamState): void {
    if (this.#state === state || this.#signal.aborted) return;
    this.#state = state;
    this.#options.onState?.(state);
  }
}

class Deadline {
  readonly #over: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(over: () => void) {
    this.#over = over;
  }

  set(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#over, milliseconds);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

type PageWatcher = {
  /** Somebody looks at the page again. */
  awake: () => void;
  /** Nobody has looked at the page for HIDDEN. */
  hidden?: () => void;
  /** There is a network again. */
  online?: () => void;
};

/** Tells when the page is looked at and when not. Without a document, in a test, nothing is told. */
function watchPage(watcher: PageWatcher): () => void {
  if (typeof document === 'undefined') return () => {};
  const timer = new Deadline(() => watcher.hidden?.());
  const look = () => {
    if (document.hidden) timer.set(HIDDEN);
    else {
      timer.clear();
      watcher.awake();
    }
  };
  // After a freeze, or out of the back-forward cache, an old connection is dead without knowing it.
  const back = () => watcher.awake();
  const online = () => watcher.online?.();
  if (document.hidden) timer.set(HIDDEN);
  document.addEventListener('visibilitychange', look);
  document.addEventListener('resume', back);
  addEventListener('pageshow', back);
  addEventListener('online', online);
  return () => {
    timer.clear();
    document.removeEventListener('visibilitychange', look);
    document.removeEventListener('resume', back);
    removeEventListener('pageshow', back);
    removeEventListener('online', online);
  };
}
