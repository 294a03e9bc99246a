/** Lines of a file with their numbers, as the model sees them in every view. */
import type { ChangedLines } from './edit-match.ts';
import { formatNumber, shortenLine, splitLines } from './truncate.ts';

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
 * What an edit wrote, with three lines around each change. Long changes lose their middle, and of many changes the first
 * few are shown.
 */
export function changedView(text: string, changed: readonly ChangedLines[]): string {
  const lines = splitLines(text.replaceAll('\r\n', '\n'));
  const ranges = merge(
    changed.map(({ start, count }) => ({ from: Math.max(0, start - 4), to: Math.min(lines.length, start - 1 + count + 3) })),
  );
  const views: string[] = [];
  let budget = VIEW_LINES;
  for (const [index, { from, to }] of ranges.entries()) {
    if (index >= VIEW_PLACES || budget <= 0) {
      const rest = ranges.slice(index).map((range) => formatNumber(Math.min(range.from + 4, range.to)));
      views.push(`[... also changed near lines ${rest.slice(0, 20).join(', ')}${rest.length > 20 ? ', ...' : ''}]`);
      break;
    }
    const size = to - from;
    if (size <= budget) {
      views.push(numbered(lines.slice(from, to), from + 1));
    } else {
      const head = Math.ceil((budget * 2) / 3);
      const tail = Math.max(3, budget - head);
      views.push(numbered(lines.slice(from, from + head), from + 1));
      views.push(`[... ${formatNumber(size - head - tail)} lines ...]`);
      views.push(numbered(lines.slice(to - tail, to), to - tail + 1));
    }
    budget -= size;
  }
  return views
    .filter((view) => view !== '')
    .join('\n...\n')
    .replaceAll('\n...\n[...', '\n[...')
    .replaceAll('...]\n...\n', '...]\n');
}

const VIEW_LINES = 60;
const VIEW_PLACES = 5;

function merge(ranges: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const merged: { from: number; to: number }[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && range.from <= last.to) last.to = Math.max(last.to, range.to);
    else merged.push({ ...range });
  }
  return merged;
}
