/** Which shortcut the keys pressed so far make. Pure. */

/** How long after one key the next still belongs to it, in milliseconds. */
const TOGETHER = 1_000;

export type KeySequence = { keys: readonly string[]; at: number };

export const NO_KEYS: KeySequence = { keys: [], at: Number.NEGATIVE_INFINITY };

/**
 * Takes one more key. `found` is the shortcut that is now complete: `n`, or `g s` for one after the other.
 * @param at milliseconds, of any clock
 */
export function nextKey(
  sequence: KeySequence,
  key: string,
  at: number,
  shortcuts: readonly string[],
): { sequence: KeySequence; found: string | undefined } {
  const before = at - sequence.at <= TOGETHER ? sequence.keys : [];
  for (const keys of [[...before, key], [key]]) {
    const typed = keys.join(' ');
    if (shortcuts.includes(typed)) return { sequence: NO_KEYS, found: typed };
    if (shortcuts.some((one) => one.startsWith(`${typed} `))) return { sequence: { keys, at }, found: undefined };
  }
  return { sequence: NO_KEYS, found: undefined };
}
