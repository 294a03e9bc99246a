/** What a session waits for outside of its actions: shown to the user, and over when time, a change or a stop says so. */
import { sleep } from '../clock.ts';
import type { Waiting } from './owning.ts';

export class Waits {
  readonly #stop: AbortSignal;
  readonly #onShown: () => void;
  #shown: Waiting | undefined;
  #about: 'sandbox' | undefined;
  /** Resolves when something changed since `watch`. */
  #changed = Promise.withResolvers<void>();

  /** `onShown` is told whenever what is shown changes. */
  constructor(stop: AbortSignal, onShown: () => void) {
    this.#stop = stop;
    this.#onShown = onShown;
  }

  /** What that is about, where somebody asks. */
  get about(): 'sandbox' | undefined {
    return this.#about;
  }

  /** What is waited for now, and shown. */
  get shown(): Waiting | undefined {
    return this.#shown;
  }

  show(waiting: Waiting | undefined, about?: 'sandbox'): void {
    if (!waiting && !this.#shown) return;
    this.#shown = waiting;
    this.#about = waiting && about;
    this.#onShown();
  }

  /** From here on a change ends the next wait. */
  watch(): void {
    this.#changed = Promise.withResolvers<void>();
  }

  changed(): void {
    this.#changed.resolve();
  }

  /** Until the time is over, something changed or the session is stopped. */
  async during(ms: number): Promise<void> {
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.#stop]);
    await Promise.race([sleep(ms, signal).catch(() => undefined), this.#changed.promise]);
    timer.abort();
  }
}
