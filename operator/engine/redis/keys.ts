/**
 * Names in Redis: `<prefix>:{<uid>}:<what>`. All of a session share the braces' content and so, in whatever lies across
 * several servers, a place. Several installations share a Redis by different prefixes.
 */

/** What a prefix may be: nothing that means something in a pattern or for the place of a key. */
export const PREFIX = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$/;

export type SessionKeys = {
  /** Hash: epoch, holder (empty when nobody's), expires (ms since 1970 by the clock of Redis), last (sequence). */
  claim: string;
  /** List: the event with sequence n is at index n - 1. */
  events: string;
  /** Hash: the blob of each name, and `bytes`, the size of all. */
  blobs: string;
  /** Channel: the last sequence whenever it changed, 0 when the log was deleted. */
  news: string;
  /** Channel: said on it when a claim was given back. */
  freed: string;
};

export function keysOf(prefix: string, uid: string): SessionKeys {
  const base = `${prefix}:{${encodeURIComponent(uid)}}`;
  return {
    claim: `${base}:claim`,
    events: `${base}:events`,
    blobs: `${base}:blobs`,
    news: `${base}:news`,
    freed: `${base}:freed`,
  };
}

/** A pattern of SCAN for one kind of key, and the session of a key that it found. */
export function keysLike(prefix: string, kind: 'claim' | 'blobs'): { pattern: string; uidOf: (key: string) => string } {
  const [start, end] = [`${prefix}:{`, `}:${kind}`];
  return { pattern: `${start}*${end}`, uidOf: (key) => decodeURIComponent(key.slice(start.length, -end.length)) };
}
