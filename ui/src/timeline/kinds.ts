/** What readers filter a timeline by, and what counts as something that went wrong. */
import type { Entry } from './model.ts';

export const CATEGORIES = ['thinking', 'commands', 'edits', 'reads', 'checks', 'reviews', 'plan', 'messages', 'system'] as const;
export type Category = (typeof CATEGORIES)[number];

/** The one category that an entry is in. */
export function categoryOf(entry: Entry): Category {
  switch (entry.kind) {
    case 'said':
      return 'thinking';
    case 'call':
      return ({ command: 'commands', read: 'reads', edit: 'edits', session: 'plan', other: 'commands' } as const)[entry.family];
    case 'check':
      return 'checks';
    case 'review':
    case 'finished-work':
      return 'reviews';
    case 'plan':
    case 'steps':
      return 'plan';
    case 'message':
    case 'question':
      return 'messages';
    case 'line':
      if (entry.topic === 'tests') return 'checks';
      if (entry.topic === 'approval') return 'plan';
      return 'system';
    case 'pause':
    case 'failure':
    case 'published':
    case 'end':
      return 'system';
    default:
      return entry satisfies never;
  }
}

/** Whether a person who looks for what went wrong should see it. */
export function isProblem(entry: Entry): boolean {
  switch (entry.kind) {
    case 'call':
      return !entry.running && (entry.outcome !== 'ok' || (entry.exitCode ?? 0) !== 0);
    case 'check':
      return !entry.running && !entry.interrupted && entry.exitCode !== 0 && entry.stage === undefined;
    case 'review':
      return entry.verdict === 'request_changes';
    case 'failure':
      return entry.class !== 'interrupted';
    case 'said':
      return entry.stop === 'refusal' || entry.stop === 'length';
    case 'line':
      return entry.level === 'error' || entry.level === 'warning';
    case 'pause':
      return entry.reason !== 'Suspended';
    case 'end':
      return entry.outcome === 'Failed';
    default:
      return false;
  }
}
