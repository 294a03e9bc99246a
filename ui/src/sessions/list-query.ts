/** What the list shows and in which order, as it stands in the address. Pure. */
import type { SessionStatus, SessionSummary } from '../api/session-summary.ts';
import { repositoryName } from '../design/repository-name.ts';

export const VIEWS = ['all', 'attention', 'active', 'completed', 'failed', 'cancelled'] as const;
export type View = (typeof VIEWS)[number];

export const ORDERS = ['newest', 'oldest', 'cost', 'steps'] as const;
export type Order = (typeof ORDERS)[number];

export type ListQuery = {
  view: View;
  /** Words that goal, repository, branch, author or id contain, all of them. */
  text: string;
  /** As repositoryName has it; empty for all. */
  repository: string;
  author: string;
  order: Order;
};

export const EVERYTHING: ListQuery = { view: 'all', text: '', repository: '', author: '', order: 'newest' };

const STATUSES_OF: Readonly<Record<Exclude<View, 'all'>, readonly SessionStatus[]>> = {
  attention: ['WAITING_FOR_USER', 'PAUSED'],
  active: ['QUEUED', 'RUNNING'],
  completed: ['COMPLETED'],
  failed: ['FAILED'],
  cancelled: ['CANCELLED'],
};

/** From the query of an address; what it does not name, or names wrongly, is as in EVERYTHING. */
export function readQuery(query: URLSearchParams): ListQuery {
  return {
    view: VIEWS.find((view) => view === query.get('status')) ?? EVERYTHING.view,
    text: query.get('q') ?? '',
    repository: query.get('repo') ?? '',
    author: query.get('author') ?? '',
    order: ORDERS.find((order) => order === query.get('sort')) ?? EVERYTHING.order,
  };
}

/** The query of an address; only what differs from EVERYTHING is named. */
export function writeQuery(query: ListQuery): URLSearchParams {
  const out = new URLSearchParams();
  if (query.view !== EVERYTHING.view) out.set('status', query.view);
  if (query.text !== '') out.set('q', query.text);
  if (query.repository !== '') out.set('repo', query.repository);
  if (query.author !== '') out.set('author', query.author);
  if (query.order !== EVERYTHING.order) out.set('sort', query.order);
  return out;
}

export function isIn(view: View, status: SessionStatus): boolean {
  return view === 'all' || STATUSES_OF[view].includes(status);
}

/** How many of the sessions each view has. */
export function countViews(sessions: Iterable<SessionSummary>): Record<View, number> {
  const counts: Record<View, number> = { all: 0, attention: 0, active: 0, completed: 0, failed: 0, cancelled: 0 };
  for (const { status } of sessions) for (const view of VIEWS) if (isIn(view, status)) counts[view] += 1;
  return counts;
}

/** The sessions that the query asks for, in all views. */
export function matching(sessions: Iterable<SessionSummary>, query: Omit<ListQuery, 'view' | 'order'>): SessionSummary[] {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found: SessionSummary[] = [];
  for (const session of sessions) {
    if (query.author !== '' && session.author !== query.author) continue;
    if (query.repository !== '' && repositoryName(session.repo_url) !== query.repository) continue;
    if (words.length > 0) {
      const { goal, repo_url, ref, author, id, profile, result } = session;
      const all = [goal, repo_url, ref, author, id, profile, result?.branch].join('\n').toLowerCase();
      if (!words.every((word) => all.includes(word))) continue;
    }
    found.push(session);
  }
  return found;
}

const COMPARE: Readonly<Record<Order, (a: SessionSummary, b: SessionSummary) => number>> = {
  newest: (a, b) => compareTexts(b.created_at, a.created_at),
  oldest: (a, b) => compareTexts(a.created_at, b.created_at),
  cost: (a, b) => (b.usage.cost_usd ?? 0) - (a.usage.cost_usd ?? 0),
  steps: (a, b) => b.steps - a.steps,
};

/** In the order asked for; equal ones newest first, so that nothing moves without a reason. */
export function sorted(sessions: readonly SessionSummary[], order: Order): SessionSummary[] {
  return sessions.toSorted((a, b) => COMPARE[order](a, b) || COMPARE.newest(a, b) || compareTexts(a.id, b.id));
}

function compareTexts(a: string | null, b: string | null): number {
  const [left, right] = [a ?? '', b ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

export type Choice = { value: string; count: number };

/** The values that there are to choose from, with how many sessions have each; the most frequent first. */
export function choices(values: Iterable<string | null>): Choice[] {
  const counts = new Map<string, number>();
  for (const value of values) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || a.value.localeCompare(b.value));
}
