/**
 * How long a test waits for what must come, in ms: many times what a slow machine under load needs. A test that passes
 * never waits that long, so it costs nothing.
 */
export const PATIENCE_MS = 60_000;

/** Aborts what has not come to its end when a test's patience is over. */
export const patience = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);

/**
 * Waits until `check` returns something other than undefined and false without throwing, and returns it.
 * @throws what `check` threw last, or an error that names what was waited for, when `timeoutMs` passed
 */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = PATIENCE_MS,
  everyMs = 5,
): Promise<T> {
  // Not by the time of day, which may jump.
  const end = performance.now() + timeoutMs;
  for (;;) {
    let thrown: unknown;
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      thrown = error;
    }
    if (performance.now() > end) throw new Error(`still waiting for: ${what}`, { cause: thrown });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
