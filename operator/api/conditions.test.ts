import { describe, expect, it } from '@jest/globals';
import { cut, replaceConditions, rfc3339, setCondition } from './conditions.ts';

const at = (text: string) => Date.parse(text);
const T0 = at('2030-01-01T00:00:00.900Z');
const T1 = at('2030-01-01T00:05:00Z');
const waiting = { type: 'Finished', status: 'False', reason: 'Working', message: 'working' } as const;

describe('conditions', () => {
  it('stamps a new condition with the time and the generation', () => {
    expect(setCondition([], waiting, T0, 3)).toEqual([
      { ...waiting, observedGeneration: 3, lastTransitionTime: '2030-01-01T00:00:00Z' },
    ]);
  });

  it('keeps the time of the last transition while the status stays, and moves it when the status changes', () => {
    const first = setCondition([], waiting, T0, 1);
    const same = setCondition(first, { ...waiting, reason: 'StillWorking' }, T1, 2);
    expect(same[0]).toMatchObject({ reason: 'StillWorking', observedGeneration: 2, lastTransitionTime: rfc3339(T0) });
    const changed = setCondition(same, { ...waiting, status: 'True' }, T1, 2);
    expect(changed[0]).toMatchObject({ status: 'True', lastTransitionTime: rfc3339(T1) });
  });

  it('returns the very same list when nothing is different', () => {
    const conditions = setCondition([], waiting, T0, 1);
    expect(setCondition(conditions, waiting, T1, 1)).toBe(conditions);
  });

  it('keeps the place of a condition and does not change the list it was given', () => {
    const two = setCondition(setCondition([], waiting, T0, 1), { ...waiting, type: 'Verified' }, T0, 1);
    const after = setCondition(two, { ...waiting, status: 'True' }, T1, 1);
    expect(after.map(({ type, status }) => `${type}=${status}`)).toEqual(['Finished=True', 'Verified=False']);
    expect(two.map(({ type, status }) => `${type}=${status}`)).toEqual(['Finished=False', 'Verified=False']);
  });

  it('drops stale conditions and orders the rest as told', () => {
    const before = ['A', 'B', 'C'].flatMap((type) => setCondition([], { ...waiting, type }, T0, 1));
    const after = replaceConditions(
      before,
      [
        { ...waiting, type: 'C' },
        { ...waiting, type: 'A', status: 'True' },
      ],
      T1,
      1,
    );
    expect(after.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ['C', rfc3339(T0)],
      ['A', rfc3339(T1)],
    ]);
  });

  it('cuts a message at 1024 characters and never within one', () => {
    expect(setCondition([], { ...waiting, message: 'x'.repeat(2_000) }, T0, 1)[0]?.message).toHaveLength(1024);
    expect(cut('ab😀d', 4)).toBe('ab…');
    expect(cut('ab😀d', 5)).toBe('ab😀d');
  });
});
