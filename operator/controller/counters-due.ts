/** When counters and recent log lines of a working session are written again, for those who read the status alone. */

/** However long a session takes, its counters are never older than this, in ms. */
const MOST_MS = 120_000;

/**
 * Ever less often the older the session is, each time at three times the age of the last, so that what a session costs the
 * API server hardly grows with the time it takes. Times in ms since 1970.
 * @param created when the object was made, by the API server's clock
 * @param leastMs they are never written more often than this
 */
export function countersDueAt(writtenAt: number, created: number, leastMs: number): number {
  const age = Number.isFinite(created) ? writtenAt - created : 0;
  return writtenAt + Math.max(leastMs, Math.min(2 * age, MOST_MS));
}
