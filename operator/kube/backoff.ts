/** How long to wait before trying again: doubling, with jitter so that many waiters do not come back at the same moment. */
export type BackoffOptions = { baseMs: number; maxMs: number };

/**
 * Milliseconds to wait after the `failures`-th failure in a row (counted from 1): between half and all of
 * `baseMs * 2^(failures-1)`, at most `maxMs`.
 */
export function backoffMs(failures: number, options: BackoffOptions, random: () => number): number {
  const full = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return Math.round(full / 2 + (full / 2) * random());
}
