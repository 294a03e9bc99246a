/** Words for text that a model expected in a file and that is not there. */
import { findBlock } from './line-match.ts';
import { nearestRegion } from './nearest.ts';
import { around } from './snippet.ts';
import { shortenLine } from './truncate.ts';

/**
 * What the file has instead: the most similar lines with their numbers and the first difference, and whether `instead`
 * (what was to be put there) is in the file already. Empty when nothing is alike.
 */
export function explainMismatch(lines: readonly string[], wanted: readonly string[], instead?: readonly string[]): string {
  const parts: string[] = [];
  const done = instead?.some((line) => line.trim() !== '') ? findBlock(lines, instead)?.matches[0] : undefined;
  if (done) parts.push(`The new text is already in the file, at line ${done.at + 1}: the change may have been made before.`);
  const region = nearestRegion(lines, wanted);
  if (region) {
    const last = region.at + region.length;
    parts.push(
      `The most similar place is line ${region.at + 1}${region.length > 1 ? ` to ${last}` : ''}:\n${around(lines, region.at, region.length)}`,
    );
    const difference = firstDifference(lines.slice(region.at, last), wanted);
    if (difference) parts.push(`First difference, at line ${region.at + difference.index + 1}: ${difference.words}`);
  }
  return parts.join('\n');
}

function firstDifference(present: readonly string[], wanted: readonly string[]): { index: number; words: string } | undefined {
  const start = wanted.findIndex((line) => line.trim() !== '');
  for (const [index, line] of present.entries()) {
    const mine = wanted[start + index];
    if (mine === undefined || mine === line) continue;
    const onlyBlanks = mine.replace(/\s+/g, '') === line.replace(/\s+/g, '');
    const show = (text: string) => JSON.stringify(shortenLine(text, 300));
    return {
      index,
      words: `you wrote ${show(mine)}, the file has ${show(line)}${onlyBlanks ? ' (only blanks and tabs differ)' : ''}.`,
    };
  }
  return undefined;
}
