/** Keeps keys out of whatever people or logs get to see. */

/** What keys of the well-known providers look like, whole or masked in the provider's own way. */
const KEY_LIKE = /\b(?:sk|pk|rk|gsk|xai|github_pat|ghp)[-_][\w*.-]{5,}[\w*]|\bAIza[\w-]{10,}|\bBearer\s+[\w.~+/*-]{5,}[\w*]=*/g;
/** A provider that quotes the key it refused, masked in a way that still shows much of it. */
const QUOTED_KEY = /((?:api|access)[ _-]?key(?: provided)?:? )["'`]?[\w*.-]*\*[\w*.-]*[\w*]["'`]?/gi;
const HIDDEN = '[key]';

/** The text without the keys given and without anything that looks like one. */
export function redact(text: string, keys: readonly string[] = []): string {
  let out = text;
  for (const key of keys) if (key.length >= 4) out = out.replaceAll(key, HIDDEN);
  return out.replace(KEY_LIKE, HIDDEN).replace(QUOTED_KEY, `$1${HIDDEN}`);
}
