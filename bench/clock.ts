/** One clock for all processes of the benchmark: monotonic, and the same for every process of a machine. */

/** Milliseconds since some moment in the past. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
