/** Whether the server can be reached, found out from every request and stream, and by asking while it cannot. */

export type ConnectionState =
  | { kind: 'up' }
  /** `retryAt` is when it is asked again, in milliseconds since 1970; null while it is being asked. */
  | { kind: 'down'; since: number; retryAt: number | null };

export type ConnectionMonitor = Pick<Connection, 'reached' | 'failed'>;

/** Waits between questions, in milliseconds; the last one repeats. */
const WAITS = [1_000, 2_000, 4_000, 8_000, 15_000];
const QUESTION_TIMEOUT = 8_000;

export class Connection {
  readonly #ask: (signal: AbortSignal) => Promise<unknown>;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  #state: ConnectionState = { kind: 'up' };
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ask resolves when the server can be reached */
  constructor(ask: (signal: AbortSignal) => Promise<unknown>, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  /** The same object until something changes. */
  readonly state = (): ConnectionState => this.#state;

  /** Calls back after every change, until the function that it returns is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** The server answered. */
  reached(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#attempt = 0;
    if (this.#state.kind === 'down') this.#change({ kind: 'up' });
  }

  /** The server did not answer. */
  failed(): void {
    if (this.#state.kind === 'down') return;
    this.#attempt = 0;
    this.#change({ kind: 'down', since: this.#now(), retryAt: null });
    this.#later();
  }

  /** Asks now instead of when the wait is over; does nothing while the server can be reached. */
  retry(): void {
    if (this.#state.kind === 'down' && this.#state.retryAt !== null) this.#question();
  }

  #later(): void {
    if (this.#state.kind !== 'down') return;
    const wait = WAITS[Math.min(this.#attempt, WAITS.length - 1)] ?? 0;
    this.#attempt += 1;
    this.#change({ ...this.#state, retryAt: this.#now() + wait });
    this.#timer = setTimeout(() => this.#question(), wait);
  }

  #question(): void {
    clearTimeout(this.#timer);
    if (this.#state.kind !== 'down') return;
    this.#change({ ...this.#state, retryAt: null });
    this.#ask(AbortSignal.timeout(QUESTION_TIMEOUT)).then(
      () => this.reached(),
      () => this.#later(),
    );
  }

  #change(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** The page's own. */
export const connection = new Connection(
  async (signal) => {
    const response = await fetch('/healthz', { signal, cache: 'no-store' });
    if (!response.ok) throw new Error(`the server answered with ${response.status}`);
  },
  () => Date.now(),
);
