/** The place in a file that a text which is not in it was probably meant for. */

/** Lines `at` to `at + length - 1`, counted from 0. `likeness` is 1 for lines that differ in whitespace only, 0 for nothing in common. */
export type Region = { at: number; length: number; likeness: number };

/** The most similar region of the file, or undefined when nothing is alike enough to be worth showing. */
export function nearestRegion(lines: readonly string[], block: readonly string[]): Region | undefined {
  const start = block.findIndex((line) => line.trim() !== '');
  if (start < 0 || lines.length === 0) return undefined;
  const wanted = block.slice(start, block.findLastIndex((line) => line.trim() !== '') + 1).map(fingerprint);
  const present = lines.slice(0, SEARCHED_LINES).map(fingerprint);
  const candidates = anchors(present, wanted)
    .map((at) => ({ at, likeness: windowLikeness(present, wanted, at) }))
    .sort((a, b) => b.likeness - a.likeness || a.at - b.at);
  const best = candidates[0];
  if (!best || best.likeness < 0.4) return undefined;
  // A line that is missing or too many makes its neighbours about as good: the first of them begins where the block does.
  const first = candidates.filter(
    ({ at, likeness }) => best.at - at >= 0 && best.at - at <= 2 && likeness >= best.likeness - 0.12,
  );
  const at = Math.min(...first.map((candidate) => candidate.at));
  return { ...best, at, length: Math.min(wanted.length, lines.length - at) };
}

/** Comparing costs time on the operator's only thread; a longer file is searched this far. */
const SEARCHED_LINES = 20_000;

type Fingerprint = { text: string; pairs: Map<string, number>; size: number };

/** What is compared of a line: its text without blanks, as a bag of neighbouring characters. */
function fingerprint(line: string): Fingerprint {
  const text = line.replace(/\s+/g, '').slice(0, 400);
  const pairs = new Map<string, number>();
  for (let index = 0; index + 1 < text.length; index++) {
    const pair = text.slice(index, index + 2);
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  return { text, pairs, size: Math.max(0, text.length - 1) };
}

/** At most 40 places where the block could begin: where its most telling lines stand, or lines like them. */
function anchors(present: readonly Fingerprint[], wanted: readonly Fingerprint[]): number[] {
  const votes = new Map<number, number>();
  const telling = wanted
    .map((line, offset) => ({ line, offset }))
    .sort((a, b) => b.line.size - a.line.size)
    .slice(0, 6);
  for (const { line, offset } of telling) {
    for (const [index, candidate] of present.entries()) {
      const alike = likeness(candidate, line);
      const at = index - offset;
      if (alike < 0.5 || at < 0) continue;
      votes.set(at, (votes.get(at) ?? 0) + alike * (1 + Math.log1p(line.size)));
    }
  }
  return [...votes]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, 40)
    .map(([at]) => at);
}

/** Likeness of the block and the lines from `at` on, long lines weighing more; a line may have been left out or put in. */
function windowLikeness(present: readonly Fingerprint[], wanted: readonly Fingerprint[], at: number): number {
  let total = 0;
  let weight = 0;
  for (const [offset, line] of wanted.entries()) {
    const own = 1 + Math.min(line.size, 40);
    const near = [0, -1, 1].map((shift) => {
      const candidate = present[at + offset + shift];
      return candidate ? likeness(candidate, line) * (shift === 0 ? 1 : 0.8) : 0;
    });
    total += own * Math.max(...near);
    weight += own;
  }
  return total / weight;
}

/** Dice coefficient of the pairs of neighbouring characters. */
function likeness(a: Fingerprint, b: Fingerprint): number {
  if (a.text === b.text) return 1;
  const size = a.size + b.size;
  if (size === 0 || 2 * Math.min(a.size, b.size) < 0.5 * size) return 0;
  let common = 0;
  const [few, many] = a.pairs.size < b.pairs.size ? [a.pairs, b.pairs] : [b.pairs, a.pairs];
  for (const [pair, count] of few) common += Math.min(count, many.get(pair) ?? 0);
  return (2 * common) / size;
}
