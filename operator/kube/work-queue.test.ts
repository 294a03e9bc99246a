import { describe, expect, it } from '@jest/globals';
import { ManualClock, settled } from '../../test/support/manual-clock.ts';
import { type ProcessResult, WorkQueue } from './work-queue.ts';

/** A queue whose work ends when the test says so. */
function scripted(options: { concurrency?: number } = {}) {
  const clock = new ManualClock(0);
  const begun: string[] = [];
  const open = new Map<string, { resolve: (result: ProcessResult) => void; reject: (error: unknown) => void }>();
  const retries: { key: string; inMs: number }[] = [];
  let most = 0;
  const queue = new WorkQueue({
    concurrency: options.concurrency ?? 4,
    backoff: { baseMs: 100, maxMs: 1_000 },
    clock,
    random: () => 1,
    onError: (key, _error, inMs) => retries.push({ key, inMs }),
    process: (key, signal) => {
      if (open.has(key)) throw new Error(`${key} is processed twice at the same time`);
      begun.push(key);
      most = Math.max(most, open.size + 1);
      return new Promise<ProcessResult>((resolve, reject) => {
        open.set(key, { resolve, reject });
        signal.addEventListener('abort', () => reject(signal.reason));
      }).finally(() => open.delete(key));
    },
  });
  const end = async (key: string, result?: ProcessResult) => {
    open.get(key)?.resolve(result);
    await settled();
  };
  const fail = async (key: string) => {
    open.get(key)?.reject(new Error('no luck'));
    await settled();
  };
  return { clock, queue, begun, retries, open, end, fail, most: () => most };
}

describe('work queue', () => {
  it('processes a key once however often it was added before its turn', async () => {
    const { queue, begun, end } = scripted();
    for (let i = 0; i < 5; i++) queue.add('a');
    queue.start();
    await end('a');
    expect(begun).toEqual(['a']);
  });

  it('processes a key once more when it was added while it was processed, and never twice at once', async () => {
    const { queue, begun, end } = scripted();
    queue.start();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(begun).toEqual(['a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
  });

  it('never processes more keys at once than it may, and all of them in the end', async () => {
    const { queue, begun, end, most } = scripted({ concurrency: 2 });
    queue.start();
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('a');
    await end('c');
    await end('d');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    expect(most()).toBe(2);
  });

  it('waits longer after each failure in a row, up to the maximum, and starts over after a success', async () => {
    const { queue, clock, begun, retries, fail, end } = scripted();
    queue.start();
    queue.add('a');
    for (const wait of [100, 200, 400, 800, 1_000, 1_000]) {
      await fail('a');
      expect(retries.at(-1)).toEqual({ key: 'a', inMs: wait });
      const before = begun.length;
      await clock.advance(wait - 1);
      expect(begun.length).toBe(before);
      await clock.advance(1);
      expect(begun.length).toBe(before + 1);
    }
    await end('a');
    queue.add('a');
    await fail('a');
    expect(retries.at(-1)).toEqual({ key: 'a', inMs: 100 });
  });

  it('does not let a change wait for the end of a backoff', async () => {
    const { queue, begun, fail } = scripted();
    queue.start();
    queue.add('a');
    await fail('a');
    queue.add('a');
    expect(begun).toEqual(['a', 'a']);
  });

  it('keeps the earliest of several wishes for a later time, and forgets it when the key is processed', async () => {
    const { queue, clock, begun, end } = scripted();
    queue.start();
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    await clock.advance(199);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['a']);
    await end('a');
    await clock.advance(10_000);
    expect(begun).toEqual(['a']);
  });

  it('comes back to a key when its processor wished so', async () => {
    const { queue, clock, begun, end } = scripted();
    queue.start();
    queue.add('a');
    await end('a', { requeueAfterMs: 300 });
    await clock.advance(299);
    expect(begun).toHaveLength(1);
    await clock.advance(1);
    expect(begun).toHaveLength(2);
  });

  it('keeps a wish that is further away than a timer can be set', async () => {
    const { queue, clock, begun } = scripted();
    const days = 60 * 24 * 3_600_000;
    queue.start();
    queue.addAfter('a', days);
    await clock.advance(days - 1);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['a']);
  });

  it('lets what is processed end on stop and begins nothing new', async () => {
    const { queue, clock, begun, end } = scripted({ concurrency: 1 });
    queue.start();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    const stopped = queue.stop(1_000);
    await end('a');
    await stopped;
    queue.add('d');
    await clock.advance(10_000);
    expect(begun).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });

  it('aborts what does not end in time on stop', async () => {
    const { queue, clock, retries } = scripted();
    queue.start();
    queue.add('a');
    let done = false;
    const stopped = queue.stop(1_000).then(() => {
      done = true;
    });
    await clock.advance(999);
    expect(done).toBe(false);
    await clock.advance(1);
    await stopped;
    expect(retries).toEqual([]);
  });

  it('processes every change when many keys change again and again', async () => {
    const latest = new Map<string, number>();
    const seen = new Map<string, number>();
    const running = new Set<string>();
    let overlaps = 0;
    const queue = new WorkQueue({
      concurrency: 3,
      onError: () => undefined,
      backoff: { baseMs: 1, maxMs: 2 },
      process: async (key) => {
        if (running.has(key)) overlaps++;
        running.add(key);
        const value = latest.get(key) ?? 0;
        await settled();
        running.delete(key);
        if (value % 7 === 3 && !seen.has(`${key}:${value}`)) {
          seen.set(`${key}:${value}`, 1);
          throw new Error('now and then');
        }
        seen.set(key, value);
      },
    });
    queue.start();
    for (let round = 1; round <= 50; round++) {
      for (const key of ['a', 'b', 'c', 'd', 'e']) {
        latest.set(key, round);
        queue.add(key);
      }
      if (round % 5 === 0) await settled();
    }
    while (queue.depth().ready + queue.depth().processing + queue.depth().delayed > 0) await settled();
    for (const key of latest.keys()) expect(seen.get(key)).toBe(50);
    expect(overlaps).toBe(0);
    await queue.stop(0);
  });

  it('tells a meter of every key that begins to wait, is taken and is done', async () => {
    const told: string[] = [];
    const ends = Promise.withResolvers<void>();
    const results = [ends.promise, Promise.resolve({ requeueAfterMs: 60_000 }), Promise.reject(new Error('no luck'))];
    for (const result of results) result.catch(() => undefined);
    const queue = new WorkQueue({
      concurrency: 1,
      clock: new ManualClock(0),
      onError: () => undefined,
      process: async () => results.shift(),
      meter: {
        added: () => told.push('added'),
        taken: (waitedMs) => told.push(waitedMs >= 0 ? 'taken' : 'taken before its time'),
        processed: (result, durationMs) => told.push(durationMs >= 0 ? result : 'no time'),
      },
    });
    queue.start();
    for (let times = 0; times < 3; times++) queue.add('a');
    expect(told.splice(0)).toEqual(['added', 'taken', 'added']);
    ends.resolve();
    await settled();
    expect(told.splice(0)).toEqual(['done', 'taken', 'requeue']);
    queue.add('a');
    await settled();
    expect(told.splice(0)).toEqual(['added', 'taken', 'error']);
    await queue.stop(0);
  });
});
