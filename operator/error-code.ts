/**
 * The `code` of an error of Node or the operating system, such as ENOENT; undefined for anything else. Does not ask for
 * `instanceof Error`, which is false for errors that Node makes outside the realm a test runs in.
 */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
