/** When to call a model again after a failure. Pure: the engine records each failure and the time of the next try. */
import type { ModelError } from './provider.ts';

/** A transient failure is tried again this often before the engine turns to the fallback profile or pauses. */
export const MAX_RETRIES = 8;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;
/** A provider that asks to wait longer than this is treated as unavailable. */
export const LONGEST_RETRY_AFTER_MS = 10 * 60_000;

/**
 * Milliseconds until the next try; undefined: do not try the same again.
 * @param failures failed tries in a row, the last one included
 * @param random a number in [0, 1), so that many sessions do not come back in the same moment
 */
export function nextRetry(
  failures: number,
  error: Pick<ModelError, 'class' | 'retryAfterMs'>,
  random: () => number,
): number | undefined {
  if (error.class !== 'transient' || failures > MAX_RETRIES) return undefined;
  const backoff = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  const jittered = Math.round(backoff * (0.5 + random() / 2));
  if (error.retryAfterMs === undefined) return jittered;
  if (error.retryAfterMs > LONGEST_RETRY_AFTER_MS) return undefined;
  // Never earlier than asked, and never faster than without being asked.
  return Math.max(jittered, Math.round(error.retryAfterMs + FIRST_DELAY_MS * random()));
}
