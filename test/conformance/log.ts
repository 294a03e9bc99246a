/**
 * What every EventLog must do. The cases are data, so that an adapter's test can run them as Jest tests
 * (`describeEventLog`), and a test of this suite can run them against a broken adapter and see which fail.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from '@jest/globals';
import { FORMAT, type NewEvent, type SessionEvent } from '../../operator/engine/events.ts';
import {
  CLAIM_TTL_MS,
  ClaimedError,
  type EventLog,
  FencedError,
  LogUnavailableError,
  SequenceError,
} from '../../operator/engine/log.ts';
import { eventually, PATIENCE_MS } from '../support/eventually.ts';

/** Empty storage of one adapter, made for one case. */
export type LogStorage = AsyncDisposable & {
  /** A connection to the storage; the case closes none, disposal closes all. */
  connect(): Promise<EventLog>;
  /** Lets time pass for claims on all connections. */
  advance(ms: number): void;
  /**
   * The command of a process that claims the session, appends line events without end, and prints the sequence of each
   * on a line of its own once it is acknowledged.
   */
  writer(uid: string): { command: string; args: string[] };
};

export type LogAdapter = { name: string; make(): Promise<LogStorage> };

type Case = (storage: LogStorage) => Promise<void>;

/** Declares the suite as Jest tests. */
export function describeEventLog(adapter: LogAdapter): void {
  describe(`${adapter.name} as an event log`, () => {
    it.each(Object.keys(cases))('%s', async (name) => {
      await using storage = await adapter.make();
      await cases[name]?.(storage);
    });
  });
}

/** Runs the suite, or the cases that are named, and returns the names of those that fail. */
export async function failingLogCases(adapter: LogAdapter, names = Object.keys(cases)): Promise<string[]> {
  const failing: string[] = [];
  for (const name of names) {
    const run = cases[name];
    if (!run) throw new Error(`there is no case '${name}'`);
    await using storage = await adapter.make();
    await run(storage).catch(() => failing.push(name));
  }
  return failing;
}

const cases: Record<string, Case> = {
  async 'a session without a log has no events, no epoch and is not listed'(storage) {
    const log = await storage.connect();
    expect(await log.head('a')).toEqual({ epoch: 0, lastSeq: 0 });
    expect(await log.read('a', 0)).toEqual([]);
    expect(await log.sessions()).toEqual([]);
  },

  async 'stores events with sequence, epoch and format, and gives them back in order'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    const stored = [
      ...(await log.append('a', epoch, 0, [line('first'), line('second')])),
      ...(await log.append('a', epoch, 2, [line('third')])),
    ];
    expect(stored).toEqual(
      ['first', 'second', 'third'].map((text, index) => ({ ...line(text), seq: index + 1, epoch, format: FORMAT })),
    );
    expect(await log.read('a', 0)).toEqual(stored);
    expect(await log.read('a', 1)).toEqual(stored.slice(1));
    expect(await log.read('a', 0, 2)).toEqual(stored.slice(0, 2));
    expect(await log.read('a', 3)).toEqual([]);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 3 });
    expect(await log.sessions()).toEqual(['a']);
  },

  async 'keeps any text as it is'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    const texts = ['', 'Zürich 漢字 🦊 \u2028', 'null \u0000 byte', '"quoted" \\ \n\t', 'x'.repeat(200_000)];
    await log.append('a', epoch, 0, texts.map(line));
    const again = await storage.connect();
    expect((await again.read('a', 0)).map(textOf)).toEqual(texts);
  },

  async 'reads long logs whole'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, numbered(1, 1_000));
    expect((await log.read('a', 0)).map((event) => event.seq)).toEqual(range(1, 1_000));
    expect((await log.read('a', 300, 500)).map((event) => event.seq)).toEqual(range(301, 800));
  },

  async 'keeps sessions apart'(storage) {
    const log = await storage.connect();
    const a = await log.claim('a', 'one');
    const b = await log.claim('b', 'one', { epoch: 4 });
    await log.append('a', a.epoch, 0, numbered(1, 2));
    await log.append('b', b.epoch, 0, numbered(1, 1));
    expect(await log.head('a')).toEqual({ epoch: a.epoch, lastSeq: 2 });
    expect(await log.head('b')).toEqual({ epoch: b.epoch, lastSeq: 1 });
    expect((await log.sessions()).toSorted()).toEqual(['a', 'b']);
  },

  async 'refuses an append to a session that was never claimed'(storage) {
    const log = await storage.connect();
    await expect(log.append('a', 0, 0, [line('x')])).rejects.toThrow(FencedError);
    await expect(log.append('a', 1, 0, [line('x')])).rejects.toThrow(FencedError);
    expect(await log.read('a', 0)).toEqual([]);
  },

  async 'refuses an append after another event than the last, and stores nothing of it'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, numbered(1, 3));
    for (const expected of [0, 2, 4])
      await expect(log.append('a', epoch, expected, numbered(1, 2))).rejects.toThrow(SequenceError);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 3 });
  },

  async 'an append of nothing proves the claim and the sequence'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    expect(await log.append('a', epoch, 0, [])).toEqual([]);
    await expect(log.append('a', epoch, 1, [])).rejects.toThrow(SequenceError);
    await expect(log.append('a', epoch + 1, 0, [])).rejects.toThrow(FencedError);
  },

  async 'a claim goes above the epoch before it and above the floor, and tells the last sequence'(storage) {
    const log = await storage.connect();
    const first = await log.claim('a', 'one');
    expect(first).toEqual({ uid: 'a', holder: 'one', epoch: first.epoch, lastSeq: 0 });
    expect(first.epoch).toBeGreaterThan(0);
    await log.append('a', first.epoch, 0, numbered(1, 2));
    const second = await log.claim('a', 'one');
    expect(second.epoch).toBeGreaterThan(first.epoch);
    expect(second.lastSeq).toBe(2);
    const third = await log.claim('a', 'one', { epoch: 41 });
    expect(third.epoch).toBeGreaterThan(41);
    const fourth = await log.claim('a', 'one', { epoch: 7 });
    expect(fourth.epoch).toBeGreaterThan(third.epoch);
    expect((await log.head('a')).epoch).toBe(fourth.epoch);
  },

  async 'a good claim keeps others out and says who has it until when'(storage) {
    const log = await storage.connect();
    const other = await storage.connect();
    const claim = await log.claim('a', 'one');
    const refusal = await other.claim('a', 'two').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ClaimedError);
    expect(refusal).toMatchObject({ holder: 'one' });
    storage.advance(CLAIM_TTL_MS - 1);
    await log.renew(claim);
    storage.advance(CLAIM_TTL_MS - 1);
    const later = await other.claim('a', 'two').catch((error: unknown) => error);
    expect(later).toBeInstanceOf(ClaimedError);
    if (refusal instanceof ClaimedError && later instanceof ClaimedError) {
      expect(later.expiresAt - refusal.expiresAt).toBe(CLAIM_TTL_MS - 1);
    }
    expect(await log.append('a', claim.epoch, 0, [line('still mine')])).toHaveLength(1);
  },

  async 'a claim that was not renewed can be taken over, and fences whoever had it'(storage) {
    const log = await storage.connect();
    const other = await storage.connect();
    const lost = await log.claim('a', 'one');
    await log.append('a', lost.epoch, 0, [line('before')]);
    storage.advance(CLAIM_TTL_MS);
    const taken = await other.claim('a', 'two');
    expect(taken).toMatchObject({ holder: 'two', lastSeq: 1 });
    await expect(log.append('a', lost.epoch, 1, [line('too late')])).rejects.toThrow(FencedError);
    await expect(log.renew(lost)).rejects.toThrow(FencedError);
    await log.release(lost);
    expect(await other.append('a', taken.epoch, 1, [line('after')])).toHaveLength(1);
    await expect(log.claim('a', 'one')).rejects.toThrow(ClaimedError);
    expect((await log.read('a', 0)).map(textOf)).toEqual(['before', 'after']);
  },

  async 'an expired claim that nobody took over can still be used and renewed'(storage) {
    const log = await storage.connect();
    const other = await storage.connect();
    const claim = await log.claim('a', 'one');
    storage.advance(10 * CLAIM_TTL_MS);
    expect(await log.append('a', claim.epoch, 0, [line('x')])).toHaveLength(1);
    await log.renew(claim);
    await expect(other.claim('a', 'two')).rejects.toThrow(ClaimedError);
  },

  async 'a new claim of the same holder fences the old one'(storage) {
    const log = await storage.connect();
    const old = await log.claim('a', 'one');
    const fresh = await log.claim('a', 'one');
    await expect(log.append('a', old.epoch, 0, [line('x')])).rejects.toThrow(FencedError);
    await expect(log.renew(old)).rejects.toThrow(FencedError);
    await log.release(old);
    expect(await log.append('a', fresh.epoch, 0, [line('y')])).toHaveLength(1);
  },

  async 'a released session can be claimed at once, and its old claim is worth nothing'(storage) {
    const log = await storage.connect();
    const other = await storage.connect();
    const released = await log.claim('a', 'one');
    await log.release(released);
    await expect(log.append('a', released.epoch, 0, [line('x')])).rejects.toThrow(FencedError);
    await expect(log.renew(released)).rejects.toThrow(FencedError);
    await log.release(released);
    expect((await other.claim('a', 'two')).epoch).toBeGreaterThan(released.epoch);
  },

  async 'who waits for a session is told who has it, and that it was given back'(storage) {
    const logs = [await storage.connect(), await storage.connect()];
    const claim = await at(logs, 0).claim('a', 'one');
    const given = new AbortController();
    // Also in the very log that it was claimed in, and under the same name.
    const waiting = logs.map(async (log) => {
      const holders = new Set<string>();
      await log.untilFree('a', (holder) => holders.add(holder), AbortSignal.timeout(PATIENCE_MS));
      return { holders: [...holders], early: !given.signal.aborted };
    });
    await at(logs, 1).claim('b', 'two');
    await at(logs, 0).append('a', claim.epoch, 0, [line('x')]);
    await at(logs, 0).renew(claim);
    given.abort();
    await at(logs, 0).release(claim);
    expect(await Promise.all(waiting)).toEqual(logs.map(() => ({ holders: ['one'], early: false })));
  },

  async 'nobody waits for a session that was never claimed, or whose claim has run out'(storage) {
    const log = await storage.connect();
    const holders: string[] = [];
    const free = (uid: string) => log.untilFree(uid, (holder) => holders.push(holder), AbortSignal.timeout(PATIENCE_MS));
    await free('a');
    await log.claim('a', 'one');
    storage.advance(CLAIM_TTL_MS);
    await free('a');
    expect(holders).toEqual([]);
  },

  async 'a wait for a session ends with its signal, and with the log'(storage) {
    const [log, closed] = [await storage.connect(), await storage.connect()];
    await log.claim('a', 'one');
    const stop = new AbortController();
    const held = Promise.withResolvers<void>();
    const waiting = log.untilFree('a', () => held.resolve(), stop.signal);
    waiting.catch(() => undefined);
    await held.promise;
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await closed.close();
    await expect(closed.untilFree('a', () => undefined, stop.signal)).rejects.toThrow();
    await expect(closed.untilFree('a', () => undefined, AbortSignal.timeout(PATIENCE_MS))).rejects.toThrow(LogUnavailableError);
  },

  async 'of many that claim at once, one gets the session'(storage) {
    const logs = [await storage.connect(), await storage.connect()];
    const claims = await Promise.allSettled(range(0, 19).map((index) => at(logs, index % 2).claim('a', `holder-${index}`)));
    expect(claims.filter((claim) => claim.status === 'fulfilled')).toHaveLength(1);
    for (const claim of claims) if (claim.status === 'rejected') expect(claim.reason).toBeInstanceOf(ClaimedError);
  },

  async 'of appends after the same event, one is stored'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    const appends = await Promise.allSettled(range(1, 10).map((index) => log.append('a', epoch, 0, [line(`${index}`)])));
    expect(appends.filter((append) => append.status === 'fulfilled')).toHaveLength(1);
    for (const append of appends) if (append.status === 'rejected') expect(append.reason).toBeInstanceOf(SequenceError);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 1 });
  },

  async 'appends that are refused do not fail those that arrive with them'(storage) {
    const logs = [await storage.connect(), await storage.connect()];
    const uids = range(1, 40).map((index) => `session-${index}`);
    const claims = await Promise.all(uids.map((uid, index) => at(logs, index % 2).claim(uid, 'one')));
    for (const round of range(0, 4)) {
      const outcomes = await Promise.allSettled(
        claims.flatMap(({ uid, epoch }, index) => {
          const log = at(logs, index % 2);
          return [
            log.append(uid, epoch + 1, 2 * round, [line('fenced')]),
            log.append(uid, epoch, 2 * round, [line(`${uid} ${round}`), line('and more')]),
            log.append(uid, epoch, 2 * round, [line('out of sequence')]),
          ];
        }),
      );
      expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'stored' : outcome.reason.name))).toEqual(
        uids.flatMap(() => ['FencedError', 'stored', 'SequenceError']),
      );
    }
    for (const [index, uid] of uids.entries()) {
      const events = await at(logs, (index + 1) % 2).read(uid, 0);
      expect(events.map(textOf)).toEqual(range(0, 4).flatMap((round) => [`${uid} ${round}`, 'and more']));
    }
  },

  async 'what is appended without waiting is stored in that order'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    await Promise.all(range(0, 49).map((index) => log.append('a', epoch, index, numbered(index + 1, index + 1))));
    expect((await log.read('a', 0)).map(textOf)).toEqual(range(1, 50).map(String));
  },

  async 'a subscription gives what is stored, then what is appended, and ends with its signal'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, numbered(1, 3));
    const stop = new AbortController();
    const seen: SessionEvent[] = [];
    const reading = collect(log.subscribe('a', 1, stop.signal), seen);
    await eventually('the stored events', () => seen.length >= 2);
    const appended = await log.append('a', epoch, 3, numbered(4, 5));
    await eventually('the new events', () => seen.length >= 4);
    expect(seen.slice(2)).toEqual(appended);
    expect(seen.map((event) => event.seq)).toEqual([2, 3, 4, 5]);
    stop.abort();
    await reading;
  },

  async 'a subscription whose signal is aborted already gives nothing'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    await log.append('a', epoch, 0, numbered(1, 3));
    const seen: SessionEvent[] = [];
    await collect(log.subscribe('a', 0, AbortSignal.abort()), seen);
    expect(seen).toEqual([]);
  },

  async 'a subscription waits for a session that has no log yet, and for events far ahead'(storage) {
    const log = await storage.connect();
    const stop = new AbortController();
    const fromStart: SessionEvent[] = [];
    const fromThird: SessionEvent[] = [];
    const reading = [
      collect(log.subscribe('a', 0, stop.signal), fromStart),
      collect(log.subscribe('a', 3, stop.signal), fromThird),
    ];
    const { epoch } = await log.claim('a', 'one');
    for (const seq of range(1, 5)) await log.append('a', epoch, seq - 1, numbered(seq, seq));
    await eventually('all events', () => fromStart.length >= 5 && fromThird.length >= 2);
    expect(fromStart.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(fromThird.map((event) => event.seq)).toEqual([4, 5]);
    stop.abort();
    await Promise.all(reading);
  },

  async 'subscribers of any speed, started at any moment, see each event once and in order'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    const total = 600;
    const stop = new AbortController();
    const readers: { from: number; seen: number[]; done: Promise<void> }[] = [];
    const follow = (from: number, pause: (seq: number) => Promise<void> | undefined) => {
      const seen: number[] = [];
      const done = handled(
        (async () => {
          for await (const event of log.subscribe('a', from, stop.signal)) {
            seen.push(event.seq);
            await pause(event.seq);
          }
        })(),
      );
      readers.push({ from, seen, done });
    };
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    follow(0, () => undefined);
    follow(0, (seq) => (seq % 7 === 0 ? turn() : undefined));
    follow(0, (seq) => (seq % 150 === 1 ? new Promise((resolve) => setTimeout(resolve, 20)) : undefined));
    for (let last = 0; last < total; ) {
      const size = 1 + (last % 5);
      const events = numbered(last + 1, Math.min(last + size, total));
      const append = log.append('a', epoch, last, events);
      // Some begin between an append and its acknowledgement, from before, at and after the end of the log.
      if (last % 100 < 3) follow(Math.max(0, last - 10), () => undefined);
      if (last % 100 < 3) follow(last, () => turn());
      await append;
      last += events.length;
      if (last % 40 < 2) follow(last, () => undefined);
    }
    await eventually('all subscribers', () => readers.every(({ from, seen }) => from >= total || seen.at(-1) === total));
    stop.abort();
    await Promise.all(readers.map(({ done }) => done));
    expect(readers.length).toBeGreaterThan(10);
    for (const { from, seen } of readers) expect(seen).toEqual(range(from + 1, total));
  },

  async 'a reader that stops reading holds no writer up, and finds all events later'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    const stop = new AbortController();
    const subscription = log.subscribe('a', 0, stop.signal)[Symbol.asyncIterator]();
    await log.append('a', epoch, 0, numbered(1, 1));
    expect((await subscription.next()).value).toMatchObject({ seq: 1 });
    for (const seq of range(2, 300)) await log.append('a', epoch, seq - 1, numbered(seq, seq));
    for (const seq of range(2, 300)) expect((await subscription.next()).value).toMatchObject({ seq });
    stop.abort();
    expect((await subscription.next()).done).toBe(true);
  },

  async 'deleting removes the events and the claim of that session only, and ends its subscriptions'(storage) {
    const log = await storage.connect();
    const a = await log.claim('a', 'one');
    const b = await log.claim('b', 'one');
    await log.append('a', a.epoch, 0, numbered(1, 3));
    await log.append('b', b.epoch, 0, numbered(1, 2));
    const seen: SessionEvent[] = [];
    const reading = collect(log.subscribe('a', 0, new AbortController().signal), seen);
    await eventually('the stored events', () => seen.length >= 3);
    await log.delete('a');
    await reading;
    expect(await log.sessions()).toEqual(['b']);
    expect(await log.read('a', 0)).toEqual([]);
    expect(await log.head('a')).toEqual({ epoch: 0, lastSeq: 0 });
    await expect(log.append('a', a.epoch, 3, [line('x')])).rejects.toThrow(FencedError);
    await log.delete('never seen');
    expect(await log.append('b', b.epoch, 2, [line('y')])).toHaveLength(1);
    expect((await log.claim('a', 'two')).lastSeq).toBe(0);
  },

  async 'a log that is closed stores what it was given before and fails everything after'(storage) {
    const log = await storage.connect();
    const { epoch } = await log.claim('a', 'one');
    const reading = collect(log.subscribe('a', 0, new AbortController().signal), []);
    const append = log.append('a', epoch, 0, [line('in time')]);
    const failed = expect(reading).rejects.toThrow(LogUnavailableError);
    await log.close();
    await log.close();
    expect(await append).toHaveLength(1);
    await failed;
    await expect(log.append('a', epoch, 1, [line('late')])).rejects.toThrow(LogUnavailableError);
    await expect(log.claim('a', 'one')).rejects.toThrow(LogUnavailableError);
    await expect(log.read('a', 0)).rejects.toThrow(LogUnavailableError);
    await expect(log.head('a')).rejects.toThrow(LogUnavailableError);
    await expect(log.sessions()).rejects.toThrow(LogUnavailableError);
    const again = await storage.connect();
    expect((await again.read('a', 0)).map(textOf)).toEqual(['in time']);
  },

  async 'what was acknowledged is there after the writer was killed with SIGKILL'(storage) {
    const { command, args } = storage.writer('a');
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = 0;
    try {
      acknowledged = await readUntil(child, 200);
    } finally {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    const log = await storage.connect();
    const events = await log.read('a', 0);
    expect(acknowledged).toBeGreaterThanOrEqual(200);
    expect(events.length).toBeGreaterThanOrEqual(acknowledged);
    expect(events.map((event) => event.seq)).toEqual(range(1, events.length));
    storage.advance(10 * CLAIM_TTL_MS);
    const claim = await log.claim('a', 'successor');
    expect(claim.lastSeq).toBe(events.length);
    expect(await log.append('a', claim.epoch, claim.lastSeq, [line('on we go')])).toHaveLength(1);
  },
};

async function readUntil(child: ChildProcess, wanted: number): Promise<number> {
  let last = 0;
  if (!child.stdout) throw new Error('the writer has no output');
  for await (const text of createInterface(child.stdout)) {
    last = Number(text);
    if (last >= wanted) return last;
  }
  throw new Error(`the writer ended after ${last} events`);
}

function collect(subscription: AsyncIterable<SessionEvent>, into: SessionEvent[]): Promise<void> {
  return handled(
    (async () => {
      for await (const event of subscription) into.push(event);
    })(),
  );
}

/** The promise, whose rejection is not taken for a forgotten one when the case fails before it looks at it. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function line(text: string): NewEvent {
  return { time: '2030-01-02T03:04:05.678Z', type: 'log.line', level: 'info', text };
}

function numbered(from: number, to: number): NewEvent[] {
  return range(from, to).map((seq) => line(String(seq)));
}

function textOf(event: SessionEvent): string {
  return event.type === 'log.line' ? event.text : event.type;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`nothing at ${index}`);
  return item;
}
