/**
 * A queue of keys for level-triggered work. A key is waiting, being processed, or both: a key that is added while it is
 * processed is processed once more afterwards, and never twice at the same time.
 *
 *   idle ──add──▶ ready ──▶ processing ──done──▶ idle | delayed (requeueAfterMs)
 *                  ▲           │ add: dirty ──▶ ready again as soon as it is done
 *                  └─ backoff ─┘ error
 *
 * One wish for a later time is kept per key, the earliest. Starting to process a key takes it away: whoever processes
 * looks at everything anyway and says anew when to come back.
 */
import { type Clock, systemClock } from '../clock.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';

/** When to look at the key again, in milliseconds from now; not at all when absent. */
// biome-ignore lint/suspicious/noConfusingVoidType: a processor that has no wish returns nothing
export type ProcessResult = { requeueAfterMs?: number } | void;

/** Hears what a queue does, for metrics. Must not throw. */
export type QueueMeter = {
  /** A key began to wait. */
  added(): void;
  /** A key is taken from the queue, after it has waited so long. */
  taken(waitedMs: number): void;
  /** `requeue`: it is to be looked at again later; `error`: it failed, and is put back. */
  processed(result: 'done' | 'requeue' | 'error', durationMs: number): void;
};

export type WorkQueueOptions = {
  /** Does the work of one key. Throwing puts the key back with backoff. The signal aborts when a stop ran out of patience. */
  process: (key: string, signal: AbortSignal) => Promise<ProcessResult>;
  /** Hears of every failure and of the wait that follows it. */
  onError: (key: string, error: unknown, retryInMs: number) => void;
  /** Keys processed at the same time. */
  concurrency: number;
  /** Wait after failures in a row of one key. Default: 200 ms doubling to 60 s. */
  backoff?: BackoffOptions;
  clock?: Clock;
  random?: () => number;
  meter?: QueueMeter;
};

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #backoff: BackoffOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Keys that wait, and since when. */
  readonly #ready = new Map<string, number>();
  readonly #processing = new Set<string>();
  readonly #dirty = new Map<string, number>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #abort = new AbortController();
  readonly #idleWaiters: (() => void)[] = [];
  #running = false;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? { baseMs: 200, maxMs: 60_000 };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Starts processing. Keys may be added before. */
  start(): void {
    this.#running = true;
    this.#pump();
  }

  /** Has the key processed as soon as there is room. */
  add(key: string): void {
    if (this.#stopped) return;
    this.#wait(key, performance.now());
    this.#pump();
  }

  #wait(key: string, since: number): void {
    const waiting = this.#processing.has(key) ? this.#dirty : this.#ready;
    if (waiting.has(key)) return;
    waiting.set(key, since);
    this.#options.meter?.added();
  }

  /** Has the key processed after a delay, or earlier when somebody else wishes it. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const due = this.#clock.now() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting && waiting.due <= due) return;
    waiting?.cancel();
    // A timer cannot be set further ahead than 2^31-1 ms; a longer wait is taken in parts.
    const cancel = this.#clock.after(Math.min(delayMs, 0x7fffffff), () => {
      this.#delayed.delete(key);
      this.addAfter(key, due - this.#clock.now());
    });
    this.#delayed.set(key, { due, cancel });
  }

  /** Keys in each state, for metrics. */
  depth(): { ready: number; processing: number; delayed: number } {
    return { ready: this.#ready.size + this.#dirty.size, processing: this.#processing.size, delayed: this.#delayed.size };
  }

  /** Forgets what waits, lets what is processed end, and after `graceMs` aborts it. Resolves when nothing is processed any more. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#ready.clear();
    this.#dirty.clear();
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    if (this.#processing.size === 0) return;
    const cancel = this.#clock.after(graceMs, () => this.#abort.abort(new Error('the work queue is stopping')));
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    cancel();
  }

  #pump(): void {
    if (!this.#running || this.#stopped) return;
    for (const [key, since] of this.#ready) {
      if (this.#processing.size >= this.#options.concurrency) return;
      this.#ready.delete(key);
      this.#options.meter?.taken(performance.now() - since);
      this.#processing.add(key);
      this.#delayed.get(key)?.cancel();
      this.#delayed.delete(key);
      void this.#process(key);
    }
  }

  /** Never rejects. */
  async #process(key: string): Promise<void> {
    let next: ProcessResult;
    const begin = performance.now();
    const measure = (result: 'done' | 'requeue' | 'error') => this.#options.meter?.processed(result, performance.now() - begin);
    try {
      next = await this.#options.process(key, this.#abort.signal);
      this.#failures.delete(key);
      measure(next?.requeueAfterMs === undefined ? 'done' : 'requeue');
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const requeueAfterMs = backoffMs(failures, this.#backoff, this.#random);
      next = { requeueAfterMs };
      measure('error');
      if (!this.#abort.signal.aborted) this.#options.onError(key, error, requeueAfterMs);
    }
    this.#processing.delete(key);
    const since = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (since !== undefined && !this.#stopped) this.#ready.set(key, since);
    else if (next?.requeueAfterMs !== undefined) this.addAfter(key, next.requeueAfterMs);
    if (this.#stopped && this.#processing.size === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
    this.#pump();
  }
}
