/**
 * Finding a block of lines in a file although the one who wrote it down was not exact. Each leniency is one that cannot
 * change what the lines mean; shared by edit_file and apply_patch.
 */

/** How the block differs from what is in the file. */
export type Leniency = 'exact' | 'trailing whitespace' | 'typographic characters' | 'indentation' | 'indentation and characters';

/** Where a block was found. `reindent` turns a line that was written for the block into one that fits the file. */
export type BlockMatch = { at: number; reindent: (line: string) => string | undefined };

export type BlockSearch = { leniency: Leniency; matches: BlockMatch[] };

/**
 * All places in `lines` at which `block` stands, under the strictest leniency that finds any; undefined when none does.
 * A block of only blank lines is found exactly or not at all.
 */
export function findBlock(lines: readonly string[], block: readonly string[]): BlockSearch | undefined {
  const blank = block.every((line) => line.trim() === '');
  for (const { leniency, normal, indented } of LENIENCIES) {
    if (blank && leniency !== 'exact') return undefined;
    const wanted = block.map((line) => normal(indented ? line.trim() : line));
    const matches: BlockMatch[] = [];
    for (let at = 0; at + block.length <= lines.length; at++) {
      if (
        !wanted.every((line, index) => line === normal(indented ? (lines[at + index] ?? '').trim() : (lines[at + index] ?? '')))
      )
        continue;
      const reindent = indented ? indentationShift(block, lines.slice(at, at + block.length)) : same;
      if (reindent) matches.push({ at, reindent });
    }
    if (matches.length > 0) return { leniency, matches };
  }
  return undefined;
}

/** Curly quotes, long dashes and special spaces as their plain ASCII counterparts; as many UTF-16 units as before. */
export function plainCharacters(text: string): string {
  return text
    .replace(/[\u2018\u2019\u201A\u201B\u2032]/g, "'")
    .replace(/[\u201C\u201D\u201E\u201F\u2033]/g, '"')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/[\u00A0\u2000-\u200A\u202F\u205F\u3000]/g, ' ');
}

const same = (line: string) => line;
const withoutTrailing = (line: string) => line.replace(/[ \t\r]+$/, '');

const LENIENCIES: readonly { leniency: Leniency; normal: (line: string) => string; indented: boolean }[] = [
  { leniency: 'exact', normal: same, indented: false },
  { leniency: 'trailing whitespace', normal: withoutTrailing, indented: false },
  { leniency: 'typographic characters', normal: (line) => plainCharacters(withoutTrailing(line)), indented: false },
  { leniency: 'indentation', normal: withoutTrailing, indented: true },
  { leniency: 'indentation and characters', normal: (line) => plainCharacters(withoutTrailing(line)), indented: true },
];

/**
 * The one change that turns the indentation of every block line into that of the file's line: something put in front,
 * something taken away, or spaces for tabs and the other way round. Undefined when no single change does.
 */
function indentationShift(
  block: readonly string[],
  found: readonly string[],
): ((line: string) => string | undefined) | undefined {
  const pairs = block.flatMap((line, index) =>
    line.trim() === '' ? [] : [[indentOf(line), indentOf(found[index] ?? '')] as const],
  );
  const first = pairs[0];
  if (!first) return undefined;
  const shifts: ((indent: string) => string | undefined)[] = [same];
  const [mine, theirs] = first;
  if (theirs.endsWith(mine)) {
    const added = theirs.slice(0, theirs.length - mine.length);
    shifts.push((indent) => added + indent);
  }
  if (mine.startsWith(theirs)) {
    const removed = mine.slice(0, mine.length - theirs.length);
    shifts.push((indent) => (indent.startsWith(removed) ? indent.slice(removed.length) : undefined));
  }
  for (const width of [2, 4, 8, 3]) {
    const unit = ' '.repeat(width);
    shifts.push((indent) =>
      /^ *$/.test(indent) && indent.length % width === 0 ? '\t'.repeat(indent.length / width) : undefined,
    );
    shifts.push((indent) => (/^\t*$/.test(indent) ? unit.repeat(indent.length) : undefined));
  }
  const shift = shifts.find((candidate) => pairs.every(([from, to]) => candidate(from) === to));
  if (!shift) return undefined;
  return (line) => {
    if (line.trim() === '') return line;
    const indent = indentOf(line);
    const shifted = shift(indent);
    return shifted === undefined ? undefined : shifted + line.slice(indent.length);
  };
}

function indentOf(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}
