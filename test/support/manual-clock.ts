import type { Clock } from '../../operator/clock.ts';

/** A clock that a test turns by hand. */
export class ManualClock implements Clock {
  #now: number;
  #timers: { due: number; fn: () => void }[] = [];

  constructor(now = Date.parse('2030-01-01T00:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { due: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Lets time pass; timers fire in their order, and what they started gets to run before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const next = this.#timers.toSorted((a, b) => a.due - b.due)[0];
      if (!next || next.due > end) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.due);
      next.fn();
    }
    this.#now = Math.max(this.#now, end);
  }
}

/** Lets promises that need nothing from outside settle. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
