/** The address below which a provider's API lies. */

/**
 * The address without what people copy along: the end of its path that `tail` matches, and a query. Without a slash at its end.
 * @param baseUrl of a profile that was accepted: an http(s) address
 */
export function apiRoot(baseUrl: string, tail: RegExp): string {
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname.replace(tail, '').replace(/\/+$/, '')}`;
}
