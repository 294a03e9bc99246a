/** How rarely a claim is asked about that somebody else keeps. */
import { describe, expect, it } from '@jest/globals';
import { ManualClock, settled } from '../../test/support/manual-clock.ts';
import { CLAIM_TTL_MS } from './log.ts';
import { untilFree } from './until-free.ts';

/** A claim that is renewed every third of its time, and one who waits for its end. */
function waitingFor(options: { mostMs?: number } = {}) {
  const clock = new ManualClock();
  const stop = new AbortController();
  let renewing = true;
  let given = false;
  let looks = 0;
  let hear: (() => void) | undefined;
  const started = clock.now();
  let renewed = started;
  const left = () => {
    const step = CLAIM_TTL_MS / 3;
    if (renewing) renewed = started + Math.floor((clock.now() - started) / step) * step;
    return renewed + CLAIM_TTL_MS - clock.now();
  };
  const seen: string[] = [];
  const free = untilFree({
    look: async () => {
      looks++;
      return !given && left() > 0 ? { holder: 'other', leftMs: left() } : undefined;
    },
    listen: (listener) => {
      hear = listener;
      return () => {
        hear = undefined;
      };
    },
    onHeld: (holder) => seen.push(holder),
    signal: stop.signal,
    clock,
    ...options,
  });
  let freeAt: number | undefined;
  free.then(
    () => {
      freeAt = clock.now() - started;
    },
    () => undefined,
  );
  return {
    clock,
    stop,
    free,
    seen,
    giveBack() {
      given = true;
      hear?.();
    },
    die() {
      left();
      renewing = false;
    },
    get looks() {
      return looks;
    },
    get freeAt() {
      return freeAt;
    },
    get listens() {
      return hear !== undefined;
    },
  };
}

describe('waiting for the end of a claim', () => {
  it('asks about one that is kept for a minute no more than fifteen times', async () => {
    const waiting = waitingFor();
    await waiting.clock.advance(60_000);
    expect(waiting.freeAt).toBeUndefined();
    expect(waiting.looks).toBeLessThanOrEqual(15);
    expect(waiting.looks).toBeGreaterThan(5);
    expect(new Set(waiting.seen)).toEqual(new Set(['other']));
    waiting.stop.abort(new Error('over'));
    await expect(waiting.free).rejects.toThrow('over');
    expect(waiting.clock.pending).toBe(0);
    expect(waiting.listens).toBe(false);
  });

  it('ends when the claim runs out, and not later', async () => {
    const waiting = waitingFor();
    await waiting.clock.advance(13_000);
    waiting.die();
    await waiting.clock.advance(CLAIM_TTL_MS);
    await settled();
    // It was renewed last at 12 s.
    expect(waiting.freeAt).toBe(18_000);
    expect(waiting.listens).toBe(false);
  });

  it('ends at once with the news that it was given back', async () => {
    const waiting = waitingFor();
    await waiting.clock.advance(1_000);
    waiting.giveBack();
    await settled();
    expect(waiting.freeAt).toBe(1_000);
    expect(waiting.clock.pending).toBe(0);
  });

  it('looks by itself where news may not come through', async () => {
    const waiting = waitingFor({ mostMs: 1_000 });
    await waiting.clock.advance(10_000);
    expect(waiting.looks).toBe(11);
    waiting.stop.abort(new Error('over'));
    await expect(waiting.free).rejects.toThrow('over');
  });
});
