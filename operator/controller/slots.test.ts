import { describe, expect, it } from '@jest/globals';
import { aSession } from '../../test/support/objects.ts';
import { compareRanks, rankOf, Slots } from './slots.ts';

describe('places for running sessions', () => {
  it('go to as many as there are and no more', () => {
    const slots = new Slots(2);
    for (const uid of ['a', 'b']) {
      expect(slots.open(uid, [0])).toBe(true);
      slots.take(uid);
    }
    expect(slots.open('c', [0])).toBe(false);
    expect(slots.open('a', [0])).toBe(true);
    expect(slots.counts).toEqual({ max: 2, held: 2, waiting: 0 });
  });

  it('are offered to the one of best rank when one becomes free, and kept for it', () => {
    const slots = new Slots(1);
    const woken: string[] = [];
    slots.take('a');
    slots.wait('late', [2], () => woken.push('late'));
    slots.wait('first', [1], () => woken.push('first'));
    slots.leave('a');
    expect(woken).toEqual(['first']);
    expect(slots.open('late', [2])).toBe(false);
    expect(slots.open('newcomer', [3])).toBe(false);
    expect(slots.open('urgent', [0])).toBe(true);
    expect(slots.open('first', [1])).toBe(true);
  });

  it('go on to the next when who waited does not want one any more', () => {
    const slots = new Slots(1);
    const woken: string[] = [];
    slots.wait('first', [1], () => woken.push('first'));
    slots.wait('second', [2], () => woken.push('second'));
    slots.leave('first');
    expect(woken).toEqual(['second']);
    slots.leave('nobody');
    expect(woken).toEqual(['second']);
  });

  it('go to begun work first, then by priority, then by age', () => {
    const begun = aSession(
      {},
      { startTime: '2030-01-01T00:00:00Z' },
      { name: 'begun', creationTimestamp: '2030-01-05T00:00:00Z' },
    );
    const urgent = aSession({ priority: 5 }, {}, { name: 'urgent', creationTimestamp: '2030-01-04T00:00:00Z' });
    const old = aSession({}, {}, { name: 'old', creationTimestamp: '2030-01-01T00:00:00Z' });
    const young = aSession({}, {}, { name: 'young', creationTimestamp: '2030-01-02T00:00:00Z' });
    const order = [young, urgent, old, begun].toSorted((a, b) => compareRanks(rankOf(a), rankOf(b)));
    expect(order.map(({ metadata }) => metadata.name)).toEqual(['begun', 'urgent', 'old', 'young']);
  });
});
