import { withDeadline } from './sandbox/deadline.ts';

/** Mutual exclusion by key within the process, first come, first served. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs the work alone among all work of the key. Waiting ends with the signal's reason when it is aborted. */
  async hold<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise: mine, resolve: release } = Promise.withResolvers<void>();
    // One who gives up waiting still leaves everybody behind it waiting for those in front.
    const tail = before
      .then(() => mine)
      .finally(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    try {
      await withDeadline(before, { signal });
      return await work();
    } finally {
      release();
    }
  }
}
