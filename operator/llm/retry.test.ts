import { describe, expect, it } from '@jest/globals';
import { ModelError } from './provider.ts';
import { LONGEST_RETRY_AFTER_MS, MAX_RETRIES, nextRetry } from './retry.ts';

const transient = (retryAfterMs?: number) => new ModelError('transient', 'x', retryAfterMs === undefined ? {} : { retryAfterMs });

describe('the time of the next try', () => {
  it('doubles from a second up to a minute, and ends', () => {
    const delays = Array.from({ length: MAX_RETRIES + 1 }, (_, index) => nextRetry(index + 1, transient(), () => 0.999_999));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, undefined]);
  });

  it('is spread over half of the delay', () => {
    expect(nextRetry(3, transient(), () => 0)).toBe(2_000);
    expect(nextRetry(3, transient(), () => 0.5)).toBe(3_000);
  });

  it('is never earlier than the provider asks', () => {
    expect(nextRetry(1, transient(30_000), () => 0)).toBe(30_000);
    expect(nextRetry(1, transient(30_000), () => 0.5)).toBe(30_500);
  });

  it('does not hammer a provider that asks for no wait at all', () => {
    expect(nextRetry(4, transient(0), () => 0)).toBeGreaterThanOrEqual(4_000);
  });

  it('gives up on a provider that asks for too long a wait', () => {
    expect(nextRetry(1, transient(LONGEST_RETRY_AFTER_MS + 1), () => 0)).toBeUndefined();
  });

  it.each(['quota', 'access', 'overflow', 'invalid'] as const)('is never for %s', (cls) => {
    expect(nextRetry(1, new ModelError(cls, 'x'), () => 0)).toBeUndefined();
  });
});
