/** Lines of a file with their numbers, as the model sees them in every view. */
import type { ChangedLines } from './edit-match.ts';
import { formatCount, formatNumber, shortenLine, splitLines } from './truncate.ts';

/** Lines of one view of an edit. */
export const VIEW_LINES = 40;

/** Longest line of a view, in characters. */
const LINE_CHARS = 500;

/** Lines with numbers from `first` on: right-aligned number, tab, text. */
export function numbered(lines: readonly string[], first: number, lineChars = LINE_CHARS): string {
  const width = String(first + lines.length - 1).length;
  return lines.map((line, index) => `${String(first + index).padStart(width)}\t${shortenLine(line, lineChars)}`).join('\n');
}

/** A few lines of a text around `at` (from 0), with numbers. */
export function around(lines: readonly string[], at: number, length: number, context = 3, maxLines = 40): string {
  const start = Math.max(0, at - context);
  const end = Math.min(lines.length, at + length + context, start + maxLines);
  return numbered(lines.slice(start, end), start + 1);
}

/**
 * Where an edit stands: each changed place with three lines around it. The model knows what it wrote, so long new text is
 * shown by its two ends, and of many places the first few within `budget` lines.
 */
export function changedView(text: string, changed: readonly ChangedLines[], budget = VIEW_LINES): string {
  const lines = splitLines(text.replaceAll('\r\n', '\n'));
  const ranges = merge(
    changed.map(({ start, count }) => ({ from: Math.max(0, start - 4), to: Math.min(lines.length, start - 1 + count + 3) })),
  ).filter(({ from, to }) => from < to);
  const views: string[] = [];
  let left = budget;
  for (const [index, range] of ranges.entries()) {
    const parts = withoutMiddles(range, changed);
    const size = parts.reduce((sum, { from, to }) => sum + to - from, 0);
    if (size > left && (index > 0 || left < FEWEST_LINES)) {
      const rest = ranges.slice(index).map(({ from, to }) => formatNumber(Math.min(from + 4, to)));
      const names = `${rest.slice(0, 20).join(', ')}${rest.length > 20 ? ', ...' : ''}`;
      views.push(`[... ${index > 0 ? 'also ' : ''}changed near line${rest.length > 1 ? 's' : ''} ${names}]`);
      break;
    }
    views.push(partsView(lines, parts, left, range.to));
    left -= size;
  }
  return views.join('\n...\n').replaceAll('\n...\n[...', '\n[...');
}

/** Less room than this shows no place of an edit. */
const FEWEST_LINES = 8;
/** New text of more lines than this is shown by so many at its beginning and at its end. */
const WHOLE_LINES = 12;
const END_LINES = 3;

type LineRange = { from: number; to: number };

/** A range without the middles of the long new texts in it. */
function withoutMiddles({ from, to }: LineRange, changed: readonly ChangedLines[]): LineRange[] {
  const parts: LineRange[] = [];
  let at = from;
  for (const { start, count } of changed.toSorted((a, b) => a.start - b.start)) {
    if (count <= WHOLE_LINES || start - 1 < at || start - 1 >= to) continue;
    parts.push({ from: at, to: start - 1 + END_LINES });
    at = start - 1 + count - END_LINES;
  }
  return [...parts, { from: at, to }];
}

/** At most `max` lines of the parts, and how many lines are left out between and after them. */
function partsView(lines: readonly string[], parts: readonly LineRange[], max: number, end: number): string {
  const views: string[] = [];
  let left = max;
  let at = parts[0]?.from ?? end;
  for (const { from, to } of parts) {
    if (left === 0) break;
    if (from > at) views.push(leftOut(from - at));
    at = Math.min(to, from + left);
    views.push(numbered(lines.slice(from, at), from + 1));
    left -= at - from;
  }
  if (at < end) views.push(leftOut(end - at));
  return views.join('\n');
}

function leftOut(count: number): string {
  return `[... ${formatCount(count, 'line')} ...]`;
}

function merge(ranges: readonly LineRange[]): LineRange[] {
  const merged: LineRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && range.from <= last.to) last.to = Math.max(last.to, range.to);
    else merged.push({ ...range });
  }
  return merged;
}
