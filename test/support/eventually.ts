/**
 * Waits until `check` returns something other than undefined and false without throwing, and returns it.
 * @throws what `check` threw last, or an error that names what was waited for, when `timeoutMs` passed
 */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 5_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    let thrown: unknown;
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      thrown = error;
    }
    if (Date.now() > end) throw new Error(`still waiting for: ${what}`, { cause: thrown });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
