/** Tells whether the same action gave the same result again. What differs between two identical runs does not count. */
import { createHash } from 'node:crypto';
import type { RecordedCall, TextOrBlob, ToolOutcome } from './event-parts.ts';

/** Equal for calls that did the same and had the same come of it; 22 characters. */
export function fingerprintOf(call: RecordedCall, outcome: ToolOutcome, result: TextOrBlob): string {
  const text = typeof result === 'string' ? withoutChance(result) : result;
  const value = JSON.stringify([call.name, call.arguments, outcome, text]);
  return createHash('sha256').update(value).digest('base64url').slice(0, 22);
}

const UNIT = '(?:ns|µs|μs|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)';

/** In this order: a date holds a time, and a time looks like the beginning of a duration. */
const CHANCE: [RegExp, string][] = [
  [/\.run\/out\/[\w.-]+/g, '<output>'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?/g, '<time>'],
  [/(?<![:\w.])\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: ?[AP]M)?\b/g, '<time>'],
  [new RegExp(`\\b\\d+(?:\\.\\d+)? ?${UNIT}(?: ?\\d+(?:\\.\\d+)? ?${UNIT})*(?![\\w])`, 'g'), '<duration>'],
  // Seconds without a unit, as many runners print them.
  [/\b(in|after|took|time|duration(?:_ms)?|elapsed)([:=]? +)\d+\.\d+\b/gi, '$1$2<duration>'],
];

/** The text without durations, points in time and the name of the file that holds a command's whole output. Pure. */
export function withoutChance(text: string): string {
  return CHANCE.reduce((plain, [pattern, name]) => plain.replace(pattern, name), text);
}
