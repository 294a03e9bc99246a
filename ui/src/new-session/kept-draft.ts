/** A form that was begun is there again after a reload, in the same window. */
import { parseJson } from '../api/problem.ts';
import { type Draft, isEmpty, readDraft } from './draft.ts';

const KEY = 'new-session';

/** @param from the session that it begins from, if any: that is another form */
export function keptDraft(from: string | null): Draft | undefined {
  try {
    const kept = sessionStorage.getItem(keyOf(from));
    return kept === null ? undefined : readDraft(parseJson(kept));
  } catch {
    // Storage is closed to the page.
    return undefined;
  }
}

export function keepDraft(from: string | null, draft: Draft | undefined): void {
  try {
    if (!draft || isEmpty(draft)) sessionStorage.removeItem(keyOf(from));
    else sessionStorage.setItem(keyOf(from), JSON.stringify(draft));
  } catch {
    // Storage is closed or full: the form works without.
  }
}

function keyOf(from: string | null): string {
  return from === null ? KEY : `${KEY}:${from}`;
}
