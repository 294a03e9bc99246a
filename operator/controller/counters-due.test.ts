import { describe, expect, it } from '@jest/globals';
import { countersDueAt } from './counters-due.ts';

const created = Date.parse('2026-01-01T00:00:00Z');
const S = 1000;

/** Ages, in seconds, at which the counters of a session are written that changes all the time. */
function writes(lastS: number, first = created): number[] {
  const ages: number[] = [];
  for (let at = countersDueAt(first, created, 10 * S); at <= created + lastS * S; at = countersDueAt(at, created, 10 * S))
    ages.push((at - created) / S);
  return ages;
}

describe('the counters of a session', () => {
  it('are written ever less often, and at least every two minutes', () => {
    expect(writes(600)).toEqual([10, 30, 90, 210, 330, 450, 570]);
  });

  it('are written as often as they may where the clocks disagree, or the object has no time', () => {
    expect(countersDueAt(created, created + 300 * S, 10 * S)).toBe(created + 10 * S);
    expect(countersDueAt(created, Number.NaN, 10 * S)).toBe(created + 10 * S);
  });

  it('are written less often than every two minutes only where somebody wants that', () => {
    expect(countersDueAt(created, created, 300 * S)).toBe(created + 300 * S);
  });
});
