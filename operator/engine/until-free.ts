/**
 * Waiting for the end of somebody else's claim without asking all the time: once when the claim as it was last seen runs
 * out, and whenever news come that it was given back. A claim that is kept is asked about once in its lifetime.
 */
import { type Clock, sleep, systemClock } from '../clock.ts';

export type Held = { holder: string /** Milliseconds until the claim ends, unless it is renewed. */; leftMs: number };

export type FreeWatch = {
  /** Who holds the session now; undefined when nobody's claim is good. */
  look: () => Promise<Held | undefined>;
  /** Calls `hear` when it is worth looking again, also for no reason; returns what ends that. */
  listen: (hear: () => void) => () => void;
  /** Told each time that it is found held. */
  onHeld: (holder: string) => void;
  /** Where not all news come through: the longest time between two looks, in ms. */
  mostMs?: number;
  signal: AbortSignal;
  clock?: Clock;
};

/** So that clocks that differ by little do not lead to one look after the other. */
const LEAST_MS = 50;

/** Resolves once nobody's claim is good. @throws what `look` throws, and the signal's reason */
export async function untilFree({ look, listen, onHeld, mostMs, signal, clock = systemClock }: FreeWatch): Promise<void> {
  signal.throwIfAborted();
  let held = await look();
  if (!held) return;
  let news = Promise.withResolvers<void>();
  const stop = listen(() => news.resolve());
  try {
    while (held) {
      onHeld(held.holder);
      const over = new AbortController();
      const time = sleep(
        Math.max(LEAST_MS, Math.min(held.leftMs, mostMs ?? held.leftMs)),
        AbortSignal.any([over.signal, signal]),
        clock,
      );
      await Promise.race([time.catch(() => undefined), news.promise]);
      over.abort();
      signal.throwIfAborted();
      news = Promise.withResolvers();
      held = await look();
    }
  } finally {
    stop();
  }
}
