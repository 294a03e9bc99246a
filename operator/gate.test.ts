import { describe, expect, it } from '@jest/globals';
import { Gate } from './gate.ts';

const never = new AbortController().signal;

describe('a gate', () => {
  it('lets in as many as it says, and the others in their order as places become free', async () => {
    const gate = new Gate(2);
    const first = await gate.enter(never);
    const second = await gate.enter(never);
    const entered: string[] = [];
    const third = gate.enter(never).then((place) => {
      entered.push('third');
      return place;
    });
    const fourth = gate.enter(never).then((place) => {
      entered.push('fourth');
      return place;
    });
    await Promise.resolve();
    expect(entered).toEqual([]);
    second[Symbol.dispose]();
    const place = await third;
    expect(entered).toEqual(['third']);
    first[Symbol.dispose]();
    await fourth;
    expect(entered).toEqual(['third', 'fourth']);
    place[Symbol.dispose]();
    await expect(gate.enter(never)).resolves.toBeDefined();
  });

  it('lets those who come back go first', async () => {
    const gate = new Gate(1);
    const inside = await gate.enter(never);
    const entered: string[] = [];
    const waiting = gate.enter(never).then(() => entered.push('waiting'));
    const back = gate.enter(never, { first: true }).then((place) => {
      entered.push('back');
      place[Symbol.dispose]();
    });
    inside[Symbol.dispose]();
    await Promise.all([waiting, back]);
    expect(entered).toEqual(['back', 'waiting']);
  });

  it('forgets those who give up waiting, and a place that is left twice counts once', async () => {
    const gate = new Gate(1);
    const inside = await gate.enter(never);
    const abort = new AbortController();
    const gaveUp = gate.enter(abort.signal);
    const patient = gate.enter(never);
    abort.abort(new Error('enough'));
    await expect(gaveUp).rejects.toThrow('enough');
    await expect(gate.enter(abort.signal)).rejects.toThrow('enough');
    inside[Symbol.dispose]();
    inside[Symbol.dispose]();
    await patient;
    let entered = false;
    void gate.enter(never).then(() => {
      entered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(entered).toBe(false);
  });

  it('refuses to let nobody in', () => {
    expect(() => new Gate(0)).toThrow('lets nobody in');
  });
});
