/** JSON merge patch (RFC 7386): what has to be sent so that one value becomes another. */
import { isRecord } from './status-error.ts';

/**
 * The patch that turns `from` into `to`; undefined when they are equal. Fields that are gone become explicit nulls,
 * lists are replaced whole. A field with the value undefined counts as absent.
 */
export function mergePatchOf(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return equal(from, to) ? undefined : to;
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const before = from[name];
    const after = to[name];
    if (after === undefined) {
      if (before !== undefined && before !== null) patch[name] = null;
      continue;
    }
    // A map that was not there cannot be patched into: its nulls would mean nothing, so it is sent as it is.
    const change = mergePatchOf(before, after);
    if (change !== undefined) patch[name] = change;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => equal(item, b[at]));
  if (!isRecord(a) || !isRecord(b)) return false;
  return mergePatchOf(a, b) === undefined;
}
