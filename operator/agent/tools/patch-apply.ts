/** Applying the hunks of one file: pure, all of them or none. */

import type { ChangedLines } from './edit-match.ts';
import { findBlock } from './line-match.ts';
import type { Hunk, HunkLine } from './patch-parse.ts';
import { lineEnd } from './text-file.ts';

/** Why a hunk does not apply. `wanted` are the lines that were looked for and not found, `instead` those it would put there. */
export type HunkFailure = { hunk: number; patchLine: number; problem: string; wanted?: string[]; instead?: string[] };

export type HunksApplied = { text: string; changed: ChangedLines[]; leniencies: string[] } | { failures: HunkFailure[] };

/**
 * The file with all hunks applied. Context is looked for exactly first, then overlooking trailing whitespace,
 * typographic characters and indentation. A hunk that fits in several places fails unless its @@ line, its line number
 * or the end-of-file mark tells them apart. Lines of context keep what the file has.
 */
export function applyHunks(raw: string, hunks: readonly Hunk[]): HunksApplied {
  const end = lineEnd(raw);
  const finalNewline = raw === '' || raw.endsWith('\n');
  const ownLines = splitKeepingEnds(raw);
  const lines = ownLines.map(({ text }) => text);
  const failures: HunkFailure[] = [];
  const leniencies = new Set<string>();
  const edits: Edit[] = [];
  let cursor = 0;
  for (const [index, hunk] of hunks.entries()) {
    const placed = place(lines, hunk, cursor);
    if ('problem' in placed) {
      failures.push({ hunk: index + 1, patchLine: hunk.patchLine, ...placed });
      continue;
    }
    if (placed.leniency) leniencies.add(placed.leniency);
    const overlapping = edits.some(({ at, length }) => at < placed.at + placed.length && placed.at < at + length);
    if (overlapping) {
      failures.push({
        hunk: index + 1,
        patchLine: hunk.patchLine,
        problem: 'it overlaps with an earlier hunk; make them one hunk',
      });
      continue;
    }
    edits.push({ at: placed.at, length: placed.length, write: placed.write });
    cursor = placed.at + placed.length;
  }
  if (failures.length > 0) return { failures };
  const result: Line[] = [];
  const changed: ChangedLines[] = [];
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.at - b.at)) {
    result.push(...ownLines.slice(at, edit.at));
    changed.push(...writeHunk(edit.write, ownLines.slice(edit.at, edit.at + edit.length), end, result));
    at = edit.at + edit.length;
  }
  result.push(...ownLines.slice(at));
  const last = result.length - 1;
  const text = result.map((line, index) => line.text + (index < last || finalNewline ? line.end || end : '')).join('');
  return { text, changed, leniencies: [...leniencies] };
}

type Line = { text: string; end: '' | '\n' | '\r\n' };

function splitKeepingEnds(raw: string): Line[] {
  const lines = raw.split('\n').map((text, index, all): Line => {
    if (index === all.length - 1) return { text, end: '' };
    return text.endsWith('\r') ? { text: text.slice(0, -1), end: '\r\n' } : { text, end: '\n' };
  });
  return lines.at(-1)?.text === '' ? lines.slice(0, -1) : lines;
}

/** Where a hunk goes: its lines, the new ones indented as the file is, take the place of `length` lines from `at`. */
type Edit = { at: number; length: number; write: HunkLine[] };
type Placed = Edit & { leniency?: string };
type Misplaced = Pick<HunkFailure, 'problem' | 'wanted' | 'instead'>;

function place(lines: readonly string[], hunk: Hunk, cursor: number): Placed | Misplaced {
  const anchored = followAnchors(lines, hunk.anchors, cursor);
  const block = hunk.lines.filter(({ mark }) => mark !== '+').map(({ text }) => text);
  if (block.length === 0) {
    if ('missing' in anchored) return misplacedAnchor(anchored.missing);
    const at =
      hunk.anchors.length > 0 ? anchored.after : hunk.line !== undefined ? Math.min(hunk.line, lines.length) : lines.length;
    return { at, length: 0, write: hunk.lines };
  }
  const found = findBlock(lines, block);
  const instead = hunk.lines.filter(({ mark }) => mark !== '-').map(({ text }) => text);
  if (!found) return { problem: 'its context and removed lines are not in the file', wanted: block, instead };
  const fitting = choose(found.matches, lines.length, block.length, hunk, anchored, cursor);
  if (fitting.length > 1) {
    const numbers = fitting.slice(0, 10).map(({ at }) => at + 1);
    return {
      problem: `it fits at lines ${numbers.join(', ')}; add more context or an @@ line with the enclosing function or class`,
    };
  }
  const match = fitting[0];
  if (!match) {
    if ('missing' in anchored) return misplacedAnchor(anchored.missing);
    return { problem: `its lines are in the file only before its @@ line, at line ${(found.matches[0]?.at ?? 0) + 1}` };
  }
  const write: HunkLine[] = [];
  for (const { mark, text } of hunk.lines) {
    const fitted = mark === '+' ? match.reindent(text) : text;
    if (fitted === undefined) {
      return { problem: 'its indentation differs from that of the file', wanted: block, instead };
    }
    write.push({ mark, text: fitted });
  }
  return { at: match.at, length: block.length, write, ...(found.leniency === 'exact' ? {} : { leniency: found.leniency }) };
}

/** The places that the hunk can mean, narrowed down by what else it says. */
function choose<T extends { at: number }>(
  matches: readonly T[],
  fileLength: number,
  blockLength: number,
  hunk: Hunk,
  anchored: { after: number } | { missing: string },
  cursor: number,
): readonly T[] {
  const atEnd = hunk.atEnd ? matches.filter(({ at }) => at + blockLength === fileLength) : [];
  if (atEnd.length > 0) return atEnd;
  if (hunk.anchors.length > 0) {
    // The anchor itself may be the first line of the context.
    if ('after' in anchored) return matches.filter(({ at }) => at >= anchored.after - 1).slice(0, 1);
    return matches.length === 1 ? matches : [];
  }
  if (matches.length === 1) return matches;
  const line = hunk.line;
  if (line !== undefined) {
    const nearest = matches.toSorted((a, b) => Math.abs(a.at + 1 - line) - Math.abs(b.at + 1 - line));
    return nearest.slice(0, 1);
  }
  const later = matches.filter(({ at }) => at >= cursor);
  return later.length > 0 ? later : matches;
}

/** The line after the anchors, each looked for after the one before; from the top when the rest of the file has it not. */
function followAnchors(
  lines: readonly string[],
  anchors: readonly string[],
  cursor: number,
): { after: number } | { missing: string } {
  let after = cursor;
  for (const [index, anchor] of anchors.entries()) {
    const found = findAnchor(lines, anchor, after) ?? (index === 0 ? findAnchor(lines, anchor, 0) : undefined);
    if (found === undefined) return { missing: anchor };
    after = found + 1;
  }
  return { after };
}

function findAnchor(lines: readonly string[], anchor: string, from: number): number | undefined {
  const tests: ((line: string) => boolean)[] = [
    (line) => line === anchor,
    (line) => line.trim() === anchor.trim(),
    (line) => line.includes(anchor.trim()),
  ];
  for (const test of tests) {
    const found = lines.findIndex((line, index) => index >= from && test(line));
    if (found >= 0) return found;
  }
  return undefined;
}

function misplacedAnchor(anchor: string): Misplaced {
  return { problem: `its @@ line is not in the file: ${JSON.stringify(anchor)}`, wanted: [anchor] };
}

/** Writes one hunk to the result, context as the file has it, and tells which lines are new. */
function writeHunk(write: readonly HunkLine[], own: readonly Line[], end: '\n' | '\r\n', result: Line[]): ChangedLines[] {
  const changed: ChangedLines[] = [];
  let used = 0;
  for (const { mark, text } of write) {
    if (mark === ' ') {
      const line = own[used++];
      if (line) result.push(line);
      continue;
    }
    const last = changed.at(-1);
    if (mark === '-') {
      used++;
      if (!last || last.start + last.count !== result.length + 1) changed.push({ start: result.length + 1, count: 0 });
      continue;
    }
    result.push({ text, end });
    if (last && last.start + last.count === result.length) last.count++;
    else changed.push({ start: result.length, count: 1 });
  }
  return changed;
}
