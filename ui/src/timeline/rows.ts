/** The timeline as the flat list that is drawn: headers of sections and steps, and the entries that are not hidden. */
import { CATEGORIES, type Category, categoryOf, isProblem } from './kinds.ts';
import type { Entry, Group, Section, Timeline } from './model.ts';

export type Row =
  | { readonly kind: 'section'; readonly key: string; readonly section: Section; readonly open: boolean; readonly last: boolean }
  | { readonly kind: 'step'; readonly key: string; readonly group: Group; readonly open: boolean; readonly hidden: number }
  | { readonly kind: 'entry'; readonly key: string; readonly entry: Entry; readonly nested: boolean };

export type View = {
  /** Categories that are shown. */
  readonly shown: ReadonlySet<Category>;
  /** Only what went wrong. */
  readonly problems: boolean;
  /** Also what is of interest only to who looks closely. */
  readonly quiet: boolean;
  /** Lower case; entries must have it in one of their texts. Empty for all. */
  readonly search: string;
  /** Ids of sections and groups that are folded away. */
  readonly closed: ReadonlySet<string>;
};

/** Keys by which sections and groups are folded away. */
export const sectionKey = (section: Section) => `s${section.id}`;
export const groupKey = (group: Group) => `g${group.id}`;

/**
 * Makes rows again and again from timelines that follow each other: groups that did not change are not looked at again, and
 * their rows are the same objects as before.
 */
export class Rows {
  #view: View | undefined;
  #kept = new WeakMap<Group, readonly Row[]>();
  #headers = new WeakMap<Section, Row>();

  of(timeline: Timeline, view: View): readonly Row[] {
    const { closed, ...filter } = view;
    if (!this.#view || !sameFilter(this.#view, filter)) this.#kept = new WeakMap();
    if (this.#view?.closed !== closed) {
      this.#kept = new WeakMap();
      this.#headers = new WeakMap();
    }
    this.#view = view;
    const filtered = filters(view);
    const rows: Row[] = [];
    for (const [index, section] of timeline.sections.entries()) {
      const open = !closed.has(sectionKey(section));
      const header = this.#header(section, open, index === timeline.sections.length - 1);
      const end = timeline.sections[index + 1]?.firstGroup ?? timeline.groups.length;
      const before = rows.length;
      rows.push(header);
      if (open) {
        for (let at = section.firstGroup; at < end; at++) {
          const group = timeline.groups[at];
          if (group) for (const row of this.#rowsOf(group, view)) rows.push(row);
        }
        // A header with nothing below it is in the way of who looks for something.
        if (filtered && rows.length === before + 1) rows.length = before;
      }
    }
    return rows;
  }

  #header(section: Section, open: boolean, last: boolean): Row {
    const kept = this.#headers.get(section);
    if (kept?.kind === 'section' && kept.last === last && kept.open === open) return kept;
    const row: Row = { kind: 'section', key: sectionKey(section), section, open, last };
    this.#headers.set(section, row);
    return row;
  }

  #rowsOf(group: Group, view: View): readonly Row[] {
    const kept = this.#kept.get(group);
    if (kept) return kept;
    const entries = group.entries.filter((entry) => isShown(entry, view) && !(saidByHeader(entry, group) && !view.quiet));
    const open = !view.closed.has(groupKey(group));
    const nested = group.step !== undefined;
    const rows: Row[] = [];
    if (nested && (entries.length > 0 || !filters(view))) {
      rows.push({ kind: 'step', key: groupKey(group), group, open, hidden: open ? 0 : entries.length });
    }
    if (open || !nested) for (const entry of entries) rows.push({ kind: 'entry', key: `e${entry.id}`, entry, nested });
    this.#kept.set(group, rows);
    return rows;
  }
}

/** The entry that an event became part of: the last that begins with it or before. */
export function entryOf(timeline: Timeline, seq: number): { entry: Entry; group: Group; section: Section } | undefined {
  const { groups, sections } = timeline;
  let at = lastIndex(groups.length, (index) => (groups[index]?.entries[0]?.id ?? groups[index]?.id ?? 0) <= seq);
  while (at > 0 && groups[at]?.entries.length === 0) at--;
  const group = groups[at];
  if (!group) return undefined;
  const entry =
    group.entries[
      Math.max(
        0,
        lastIndex(group.entries.length, (index) => (group.entries[index]?.id ?? 0) <= seq),
      )
    ];
  const section = sections[group.section];
  return entry && section ? { entry, group, section } : undefined;
}

function filters(view: View): boolean {
  return view.problems || view.search !== '' || view.shown.size < CATEGORIES.length;
}

/** That its step was begun is what the header of a group says. */
function saidByHeader(entry: Entry, { step }: Group): boolean {
  if (entry.kind !== 'steps' || !step || entry.changes.length !== 1) return false;
  const [change] = entry.changes;
  return change?.id === step.id && change.to === 'in_progress';
}

function isShown(entry: Entry, view: View): boolean {
  if (!view.shown.has(categoryOf(entry))) return false;
  if (view.problems && !isProblem(entry)) return false;
  if (entry.kind === 'line' && entry.quiet && !view.quiet) return false;
  return view.search === '' || textsOf(entry).some((text) => text.toLowerCase().includes(view.search));
}

/** What a search looks into. Texts that are not in the log itself are not. */
function textsOf(entry: Entry): string[] {
  const inline = (...texts: unknown[]) => texts.filter((text) => typeof text === 'string');
  switch (entry.kind) {
    case 'said':
      return inline(entry.text);
    case 'call':
      return inline(entry.summary, entry.args, entry.result, entry.output?.tail);
    case 'check':
      return inline(entry.command, entry.output, entry.note);
    case 'message':
      return [entry.text, entry.author];
    case 'question':
      return inline(entry.text, entry.answer?.text);
    case 'pause':
    case 'end':
      return [entry.reason, entry.message];
    case 'review':
      return [entry.summary, ...entry.findings.flatMap(({ file, problem }) => [file, problem])];
    case 'failure':
      return [entry.message, entry.profile, entry.model];
    case 'line':
      return inline(entry.text, ...entry.more.map(({ text }) => text));
    case 'plan':
      return [
        entry.plan.title,
        ...entry.plan.steps.flatMap(({ title, details }) => [title, details ?? '']),
        ...entry.plan.checks,
      ];
    case 'steps':
      return entry.changes.map(({ title }) => title);
    case 'finished-work':
      return [entry.summary];
    case 'published':
      return [entry.result.branch, entry.result.summary, entry.result.message];
    default:
      return entry satisfies never;
  }
}

function sameFilter(a: View, b: Omit<View, 'closed'>): boolean {
  return a.shown === b.shown && a.problems === b.problems && a.quiet === b.quiet && a.search === b.search;
}

/** The last index for which it holds, of those for which it holds first and then no more; -1 when for none. */
function lastIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
