import { describe, expect, it } from '@jest/globals';
import { NO_KEYS, nextKey } from './key-sequence.ts';

const SHORTCUTS = ['n', 'g s', 'g p', 's', '?'];

function type(...keys: [key: string, at: number][]): string[] {
  const found: string[] = [];
  let sequence = NO_KEYS;
  for (const [key, at] of keys) {
    const step = nextKey(sequence, key, at, SHORTCUTS);
    sequence = step.sequence;
    if (step.found !== undefined) found.push(step.found);
  }
  return found;
}

describe('keys pressed one after another', () => {
  it('make a shortcut of one key at once', () => {
    expect(type(['n', 0])).toEqual(['n']);
  });

  it('make a shortcut of two when they come together', () => {
    expect(type(['g', 0], ['s', 900])).toEqual(['g s']);
  });

  it('stand for themselves when they do not', () => {
    expect(type(['g', 0], ['s', 1_100])).toEqual(['s']);
  });

  it('begin anew after one that leads nowhere', () => {
    expect(type(['g', 0], ['x', 10], ['s', 20])).toEqual(['s']);
    expect(type(['g', 0], ['n', 10])).toEqual(['n']);
    expect(type(['g', 0], ['g', 10], ['p', 20])).toEqual(['g p']);
  });
});
