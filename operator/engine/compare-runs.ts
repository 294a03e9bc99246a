/**
 * Compares two runs of one check. Output of test runners differs between any two runs (times, order, numbers of lines that
 * moved), so only the lines that tell of failures are compared, and without their numbers.
 */
import type { CheckChange } from './event-parts.ts';
import { withoutChance } from './fingerprint.ts';

/** `exitCode` -1: its end was not seen. */
export type CheckRun = { exitCode: number; output: string };

/** How the run differs from the one before the work; undefined when one of them did not come to an end. Pure. */
export function compareRuns(before: CheckRun | undefined, now: CheckRun): CheckChange | undefined {
  if (!before || before.exitCode === -1 || now.exitCode === -1) return undefined;
  if (now.exitCode === 0) return before.exitCode === 0 ? 'kept' : 'fixed';
  if (before.exitCode === 0) return 'broken';
  return before.exitCode === now.exitCode && failsAlike(before.output, now.output) ? 'still-fails' : 'fails-otherwise';
}

/** Words that begin with "it". */
export function changeWords(change: CheckChange): string {
  const words = {
    fixed: 'failed before the work and passes now',
    kept: 'passed before the work and passes now',
    'still-fails': 'failed before the work in the very same way, and still does',
    'fails-otherwise': 'failed before the work too, but in another way',
    broken: 'passed before the work: the failure is new',
  } as const satisfies Record<CheckChange, string>;
  return words[change];
}

const TELLS_OF_FAILURE =
  /\b(?:fail|error|not ok|panic|exception|traceback|assert|expected|received|cannot|could not|undefined|no such|missing|refused|denied|unresolved|unexpected|timed? ?out)|^\s*(?:✕|✗|✖|×|E\s|---)|\bFAIL/i;

/** Whether nothing in what the second says of failures is new. Where it says nothing of any, all of it must be the same. */
function failsAlike(before: string, now: string): boolean {
  const known = new Set(linesOf(before));
  const lines = linesOf(now);
  const failures = lines.filter((line) => TELLS_OF_FAILURE.test(line));
  if (failures.length === 0) return lines.length === known.size && lines.every((line) => known.has(line));
  return failures.every((line) => known.has(line));
}

/** Each line once, without what differs by chance and without numbers. */
function linesOf(output: string): string[] {
  const lines = withoutChance(output).split('\n');
  return [...new Set(lines.map((line) => line.replace(/\d+/g, '#').trim()).filter((line) => line !== ''))];
}
