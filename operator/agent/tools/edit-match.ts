/** Deciding what an edit of a file does: pure, from the text, what to find and what to put there. */
import { commonLines } from './line-diff.ts';
import { findBlock, plainCharacters } from './line-match.ts';
import { lineEnd, toLF, withLineEnd } from './text-file.ts';

export type EditRequest = {
  oldText: string;
  newText: string;
  /** Replace every exact occurrence. Otherwise there may be only one. */
  replaceAll: boolean;
  /** Accept nothing but the exact text, because who asks has not seen the file as it is now. */
  exactOnly: boolean;
};

/** Lines of the new text that an edit wrote, from 1; `count` is 0 where lines were only taken out (before line `start`). */
export type ChangedLines = { start: number; count: number };

export type EditDecision =
  /** `leniency` says in words what was overlooked to find the place; absent when it was found exactly. */
  | { kind: 'replaced'; text: string; changed: ChangedLines[]; leniency?: string }
  /** Several places, by line number from 1. */
  | { kind: 'ambiguous'; lines: number[]; leniency?: string }
  | { kind: 'absent' };

/**
 * Line ends of `oldText` and `newText` do not matter: they become those of the place that is edited. When the exact text
 * is not there, differences that carry no meaning are overlooked, and only if that leaves a single place.
 */
export function decideEdit(raw: string, request: EditRequest): EditDecision {
  const file = new LineView(raw);
  const oldText = toLF(request.oldText);
  const newText = toLF(request.newText);
  const exact = occurrences(file.text, oldText);
  if (exact.length === 1 || (exact.length > 1 && request.replaceAll)) {
    return file.replace(exact.map((start) => ({ start, end: start + oldText.length, text: newText })));
  }
  if (exact.length > 1) return { kind: 'ambiguous', lines: exact.map((start) => file.lineAt(start)) };
  if (request.exactOnly) return { kind: 'absent' };
  for (const variant of variants(oldText, newText)) {
    const decision = decideLeniently(file, variant);
    if (decision) return decision;
  }
  return { kind: 'absent' };
}

/**
 * What the model may have meant by its two texts: as they are, without blank lines around them, without copied line
 * numbers, without doubled escapes.
 */
type Variant = { oldText: string; newText: string; note?: string; wholeLines?: boolean };

function* variants(oldText: string, newText: string): Generator<Variant> {
  yield { oldText, newText };
  const before = /^\n*/.exec(oldText)?.[0].length ?? 0;
  const after = /\n*$/.exec(oldText)?.[0].length ?? 0;
  if (before + after > 0 && oldText.trim() !== '') {
    const around = new RegExp(`^\\n{0,${before}}|\\n{0,${after}}$`, 'g');
    yield {
      oldText: oldText.replace(around, ''),
      newText: newText.replace(around, ''),
      note: 'blank lines around it',
      wholeLines: true,
    };
  }
  const unnumbered = withoutLineNumbers(oldText);
  if (unnumbered !== undefined) {
    yield { oldText: unnumbered, newText: newText.replace(/^ *\d+\t/gm, ''), note: 'line numbers' };
  }
  const unescaped = withoutEscapes(oldText);
  if (unescaped !== undefined) {
    yield { oldText: unescaped, newText: withoutEscapes(newText) ?? newText, note: 'doubled escapes' };
  }
}

function decideLeniently(file: LineView, { oldText, newText, note, wholeLines: linesOnly }: Variant): EditDecision | undefined {
  if (note !== undefined && !linesOnly) {
    const exact = occurrences(file.text, oldText);
    if (exact.length > 1) return { kind: 'ambiguous', lines: exact.map((start) => file.lineAt(start)), leniency: note };
    if (exact[0] !== undefined) {
      return file.replace([{ start: exact[0], end: exact[0] + oldText.length, text: newText }], note);
    }
  }
  const plain = plainCharacters(oldText);
  const typographic = linesOnly || plain.trim() === '' ? [] : occurrences(plainCharacters(file.text), plain);
  if (typographic.length > 0) {
    const leniency = joined('typographic characters', note);
    const [start, ...more] = typographic;
    if (start === undefined || more.length > 0) {
      return { kind: 'ambiguous', lines: typographic.map((place) => file.lineAt(place)), leniency };
    }
    const end = start + oldText.length;
    return file.replace([{ start, end, text: keepingEnds(file.text.slice(start, end), oldText, newText) }], leniency);
  }
  const block = bodyLines(oldText);
  const found = findBlock(file.lines, block);
  if (!found) return undefined;
  const leniency = joined(found.leniency === 'exact' ? undefined : found.leniency, note);
  const [match, ...others] = found.matches;
  if (!match || others.length > 0) {
    return { kind: 'ambiguous', lines: found.matches.map(({ at }) => at + 1), ...(leniency ? { leniency } : {}) };
  }
  const fitted: string[] = [];
  const kept = commonLines(block, bodyLines(newText));
  for (const [index, line] of bodyLines(newText).entries()) {
    const original = kept[index] ?? -1;
    const text = original >= 0 ? file.lines[match.at + original] : match.reindent(line);
    if (text === undefined) return undefined;
    fitted.push(text);
  }
  const end = match.at + block.length;
  const wholeLines = oldText.endsWith('\n') && end < file.lines.length;
  const final = wholeLines && newText.endsWith('\n') ? '\n' : '';
  return file.replace(
    [
      {
        start: file.startOf(match.at),
        end: wholeLines ? file.startOf(end) : file.startOf(end) - (end < file.lines.length ? 1 : 0),
        text: newText === '' ? '' : fitted.join('\n') + final,
      },
    ],
    leniency,
  );
}

/** A text seen with LF line ends that can be changed in place, every untouched byte staying what it was. */
class LineView {
  readonly text: string;
  readonly lines: readonly string[];
  readonly #raw: string;
  /** Offset of every line in `text`, and one past the end. */
  readonly #starts: number[] = [];
  /** Positions in `text` of line ends that are CRLF in the raw text. */
  readonly #crlf: number[] = [];

  constructor(raw: string) {
    this.#raw = raw;
    this.text = toLF(raw);
    this.lines = this.text.split('\n');
    let start = 0;
    for (const line of this.lines) {
      this.#starts.push(start);
      start += line.length + 1;
    }
    this.#starts.push(this.text.length);
    if (this.text.length === raw.length) return;
    for (let at = raw.indexOf('\r\n'); at >= 0; at = raw.indexOf('\r\n', at + 2)) this.#crlf.push(at - this.#crlf.length);
  }

  startOf(line: number): number {
    return this.#starts[Math.min(line, this.#starts.length - 1)] ?? this.text.length;
  }

  /** Number, from 1, of the line that holds the offset. */
  lineAt(offset: number): number {
    return countBelow(this.#starts.slice(0, -1), offset + 1);
  }

  replace(edits: readonly { start: number; end: number; text: string }[], leniency?: string): EditDecision {
    let text = '';
    let at = 0;
    let line = 1;
    const changed: ChangedLines[] = [];
    for (const edit of edits) {
      const before = this.#rawSlice(at, edit.start);
      const region = this.#rawSlice(edit.start, edit.end);
      const written = withLineEnd(edit.text, lineEnd(region.includes('\n') ? region : this.#raw));
      line += newlines(before);
      const touched = edit.text === '' ? 0 : newlines(edit.text) + (edit.text.endsWith('\n') ? 0 : 1);
      changed.push({ start: line, count: touched });
      line += newlines(edit.text);
      text += before + written;
      at = edit.end;
    }
    text += this.#rawSlice(at, this.text.length);
    return { kind: 'replaced', text, changed, ...(leniency ? { leniency } : {}) };
  }

  #rawSlice(start: number, end: number): string {
    return this.#raw.slice(start + countBelow(this.#crlf, start), end + countBelow(this.#crlf, end));
  }
}

/** How many of the ascending numbers are below the limit. */
function countBelow(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Offsets of all occurrences that do not overlap. */
function occurrences(text: string, wanted: string): number[] {
  const found: number[] = [];
  if (wanted === '') return found;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}

/** Lines of a text whose final newline ends the last line. */
function bodyLines(text: string): string[] {
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

/** The new text with what it shares with the old one at both ends taken from the file, where both are equally long. */
function keepingEnds(present: string, oldText: string, newText: string): string {
  const shortest = Math.min(oldText.length, newText.length);
  let head = 0;
  while (head < shortest && oldText[head] === newText[head]) head++;
  let tail = 0;
  while (tail < shortest - head && oldText[oldText.length - 1 - tail] === newText[newText.length - 1 - tail]) tail++;
  return present.slice(0, head) + newText.slice(head, newText.length - tail) + present.slice(present.length - tail);
}

/** The text without the line numbers that a file view puts in front; undefined unless every line carries the next one. */
function withoutLineNumbers(text: string): string | undefined {
  const lines = bodyLines(text).map((line) => /^ *(\d+)\t(.*)$/.exec(line));
  const first = Number(lines[0]?.[1] ?? Number.NaN);
  if (!lines.every((match, index) => match !== null && Number(match[1]) === first + index)) return undefined;
  return lines.map((match) => match?.[2] ?? '').join('\n') + (text.endsWith('\n') ? '\n' : '');
}

/** The text with JSON's escapes resolved once more, when it looks escaped twice: escaped line ends and no real one. */
function withoutEscapes(text: string): string | undefined {
  if (text.includes('\n') || !text.includes('\\n')) return undefined;
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r', '"': '"', "'": "'", '\\': '\\' };
  return toLF(text.replace(/\\([ntr"'\\])/g, (whole, letter: string) => escapes[letter] ?? whole));
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}

function joined(...notes: (string | undefined)[]): string {
  return notes.filter((note) => note !== undefined).join(' and ');
}
