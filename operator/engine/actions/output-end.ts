/** The part of a check's output that a role is shown. */

/** How runners begin the line that names a test that failed: TAP, unittest, pytest, go test, Jest, Mocha, Vitest, cargo. */
const NAMES_FAILURE = /^\s*(?:not ok\b|FAIL(?:ED|URE)?[:\s]|ERROR[:\s]|--- FAIL|test .+ \.\.\. FAILED|[✕✗✖×●]\s|\d+\) )/;
const MAX_NAMES = 15;
const NAME_CHARS = 160;

/** The last whole lines that fit, and before them those of the rest that name tests that failed. Pure. */
export function endOf(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const from = text.indexOf('\n', text.length - chars) + 1;
  const left = text.slice(0, from).split('\n').slice(0, -1);
  const names = [...new Set(left.filter((line) => NAMES_FAILURE.test(line)).map((line) => line.trim().slice(0, NAME_CHARS)))];
  const shown = names.slice(0, MAX_NAMES);
  if (names.length > shown.length) shown.push(`… and ${names.length - shown.length} more`);
  const among = shown.length > 0 ? `, and among them:\n${shown.join('\n')}\n[…]` : ']';
  return `[${left.length} lines before this are left out${among}\n${text.slice(from)}`;
}
