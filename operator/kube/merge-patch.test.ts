import { describe, expect, it } from '@jest/globals';
import { mergePatch } from '../../test/support/kube-server.ts';
import { mergePatchOf } from './merge-patch.ts';

describe('merge patch', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['nothing for equal values', { a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 }, undefined],
    ['nothing for a field that is undefined on one side and absent on the other', { a: 1 }, { a: 1, b: undefined }, undefined],
    ['an explicit null for a field that went', { a: 1, b: 2 }, { a: 1 }, { b: null }],
    ['only what changed within a map', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, { a: { c: 3 } }],
    ['a whole list when an item changed', { a: [1, 2] }, { a: [1, 3] }, { a: [1, 3] }],
    ['a whole list when its order changed', { a: [1, 2] }, { a: [2, 1] }, { a: [2, 1] }],
    ['a new map as it is', {}, { a: { b: { c: 1 } } }, { a: { b: { c: 1 } } }],
    ['a value in the place of a map', { a: { b: 1 } }, { a: 'text' }, { a: 'text' }],
    ['an empty map in the place of a value', { a: 1 }, { a: {} }, { a: {} }],
    ['nulls within a map that lost everything', { a: { b: 1 } }, { a: {} }, { a: { b: null } }],
  ])('has %s', (_, from, to, patch) => {
    expect(mergePatchOf(from, to)).toEqual(patch);
  });

  it('turns any object into any other', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const value = (depth: number): unknown => {
      const kind = random(depth > 3 ? 3 : 5);
      if (kind === 0) return random(3);
      if (kind === 1) return 'xyz'[random(3)];
      if (kind === 2) return random(2) === 0;
      if (kind === 3) return Array.from({ length: random(3) }, () => value(depth + 1));
      return object(depth + 1);
    };
    const object = (depth: number): Record<string, unknown> =>
      Object.fromEntries(Array.from({ length: random(4) }, () => ['abcd'[random(4)], value(depth)]));
    for (let i = 0; i < 2_000; i++) {
      const from = object(0);
      const to = object(0);
      const patch = mergePatchOf(from, to);
      expect(patch === undefined ? from : mergePatch(from, patch)).toEqual(to);
      expect(mergePatchOf(to, structuredClone(to))).toBeUndefined();
    }
  });
});
