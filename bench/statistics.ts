/** Numbers from samples. */

/** The nearest-rank percentile, `share` from 0 to 1; NaN of no samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export type Summary = { count: number; p50: number; p95: number };

export function summary(samples: readonly number[]): Summary {
  return { count: samples.length, p50: percentile(samples, 0.5), p95: percentile(samples, 0.95) };
}
