import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { describeEventLog, failingLogCases, type LogAdapter } from '../../test/conformance/log.ts';
import { FORMAT, type NewEvent, type SessionEvent } from './events.ts';
import { ClaimedError, type EventLog, FencedError, LogDamagedError, LogUnavailableError } from './log.ts';
import { SqliteEventLog } from './sqlite-log.ts';

const root = join(import.meta.dirname, '../..');
const note: NewEvent = { time: '2030-01-02T03:04:05.678Z', type: 'log.line', level: 'info', text: 'a line' };

/** The adapter for the suite; `wrap` stands between the suite and each connection. */
function sqlite(name: string, wrap: (log: EventLog) => EventLog = (log) => log): LogAdapter {
  return {
    name,
    async make() {
      const folder = mkdtempSync(join(tmpdir(), 'sqlite-log-'));
      const path = join(folder, 'events.db');
      const opened: EventLog[] = [];
      let now = Date.now();
      return {
        async connect() {
          const log = new SqliteEventLog({ path, now: () => now });
          opened.push(log);
          return wrap(log);
        },
        advance(ms) {
          now += ms;
        },
        writer: (uid) => ({ command: process.execPath, args: [join(root, 'test/support/sqlite-log-writer.ts'), path, uid] }),
        async [Symbol.asyncDispose]() {
          for (const log of opened) await log.close();
          rmSync(folder, { recursive: true });
        },
      };
    },
  };
}

describeEventLog(sqlite('SqliteEventLog'));

describe('The suite for event logs', () => {
  it('turns red when an adapter does not check the epoch', async () => {
    const broken = (log: EventLog) =>
      changed(log, {
        append: async (uid: string, _epoch: number, expectedSeq: number, events: readonly NewEvent[]) =>
          log.append(uid, (await log.head(uid)).epoch, expectedSeq, events),
      });
    const red = await failingLogCases(sqlite('no epoch check', broken));
    expect(red).toEqual(
      expect.arrayContaining([
        'a claim that was not renewed can be taken over, and fences whoever had it',
        'a new claim of the same holder fences the old one',
        'appends that are refused do not fail those that arrive with them',
      ]),
    );
    expect(red).not.toContain('a good claim keeps others out and says who has it until when');
  });

  it('turns red when an adapter does not check the sequence', async () => {
    const broken = (log: EventLog) =>
      changed(log, {
        append: async (uid: string, epoch: number, _expectedSeq: number, events: readonly NewEvent[]) =>
          log.append(uid, epoch, (await log.head(uid)).lastSeq, events),
      });
    const name = 'refuses an append after another event than the last, and stores nothing of it';
    expect(await failingLogCases(sqlite('no sequence check', broken), [name])).toEqual([name]);
  });

  it('turns red when a subscription forgets events between the stored and the new ones', async () => {
    const broken = (log: EventLog) =>
      changed(log, {
        subscribe: async function* (uid: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<SessionEvent, void> {
          const stored = await log.read(uid, afterSeq);
          yield* stored;
          const seen = stored.at(-1)?.seq ?? afterSeq;
          // Until something was appended meanwhile, or nothing will be.
          let last = seen;
          while (last === seen && !signal.aborted) {
            await new Promise((resolve) => setImmediate(resolve));
            ({ lastSeq: last } = await log.head(uid));
          }
          yield* log.subscribe(uid, last, signal);
        },
      });
    const name = 'subscribers of any speed, started at any moment, see each event once and in order';
    expect(await failingLogCases(sqlite('forgetful', broken), [name])).toEqual([name]);
  });

  it('turns red when an adapter doubles an event', async () => {
    const broken = (log: EventLog) =>
      changed(log, {
        subscribe: async function* (uid: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<SessionEvent, void> {
          yield* await log.read(uid, afterSeq);
          yield* log.subscribe(uid, afterSeq, signal);
        },
      });
    const name = 'a subscription gives what is stored, then what is appended, and ends with its signal';
    expect(await failingLogCases(sqlite('doubling', broken), [name])).toEqual([name]);
  });
});

describe('SqliteEventLog', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sqlite-log-'));
    path = join(folder, 'events.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function filled(events: number): Promise<void> {
    const log = new SqliteEventLog({ path });
    const { epoch } = await log.claim('a', 'one');
    await log.append(
      'a',
      epoch,
      0,
      Array.from({ length: events }, () => ({ ...note, text: 'x'.repeat(1_000) })),
    );
    await log.close();
  }

  it('takes over at once what a process that died had claimed, when the state folder is held exclusively', async () => {
    const before = new SqliteEventLog({ path });
    const lost = await before.claim('a', 'one');
    const shared = new SqliteEventLog({ path });
    await expect(shared.claim('a', 'two')).rejects.toThrow(ClaimedError);
    await shared.close();
    const exclusive = new SqliteEventLog({ path, exclusive: true });
    const claim = await exclusive.claim('a', 'two');
    expect(claim.epoch).toBeGreaterThan(lost.epoch);
    await expect(exclusive.claim('a', 'three')).rejects.toThrow(ClaimedError);
    await expect(before.append('a', lost.epoch, 0, [note])).rejects.toThrow(FencedError);
    await before.close();
    await exclusive.close();
  });

  it('commits what many sessions append in one turn of the event loop in one transaction', async () => {
    const log = new SqliteEventLog({ path });
    const claims = await Promise.all(Array.from({ length: 100 }, (_, index) => log.claim(`session-${index}`, 'one')));
    const before = transactionsIn(`${path}-wal`);
    await Promise.all(claims.map(({ uid, epoch }) => log.append(uid, epoch, 0, [note])));
    expect(transactionsIn(`${path}-wal`) - before).toBe(1);
    await log.close();
  });

  it('acknowledges and shows an event only once it is on disk, and lets those who come meanwhile share the next sync', async () => {
    const disk = new HeldDisk();
    const log = new SqliteEventLog({ path, sync: disk.sync });
    const claiming = log.claim('a', 'one');
    await disk.begun(1);
    disk.finish();
    const { epoch } = await claiming;
    const shown: number[] = [];
    const reading = new AbortController();
    const following = (async () => {
      for await (const { seq } of log.subscribe('a', 0, reading.signal)) shown.push(seq);
    })();

    const acknowledged: string[] = [];
    const first = log.append('a', epoch, 0, [note]).then(() => acknowledged.push('first'));
    await disk.begun(2);
    const later = [1, 2, 3].map((last) => log.append('a', epoch, last, [note]).then(() => acknowledged.push('later')));
    const stale = log.append('a', epoch + 1, 4, [note]).catch((error: unknown) => error);
    await nextTurns(3);
    expect(acknowledged).toEqual([]);
    expect(shown).toEqual([]);
    expect(await log.read('a', 0)).toEqual([]);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 0 });

    disk.finish();
    await first;
    await disk.begun(3);
    expect(acknowledged).toEqual(['first']);
    expect((await log.read('a', 0)).map(({ seq }) => seq)).toEqual([1]);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 1 });

    disk.finish();
    await Promise.all(later);
    expect(await stale).toBeInstanceOf(FencedError);
    expect(disk.count).toBe(3);
    expect(await log.head('a')).toEqual({ epoch, lastSeq: 4 });
    reading.abort();
    await following;
    expect(shown).toEqual([1, 2, 3, 4]);
    await log.close();
  });

  it('answers other callers while the disk is slow', async () => {
    const disk = new HeldDisk();
    const log = new SqliteEventLog({ path, sync: disk.sync });
    const claiming = log.claim('a', 'one');
    await disk.begun(1);
    await nextTurns(5);
    expect(await log.head('b')).toEqual({ epoch: 0, lastSeq: 0 });
    disk.finish();
    await claiming;
    await log.close();
  });

  it('takes no more events after a sync that failed, since nobody knows what is on disk', async () => {
    const disk = new HeldDisk();
    const log = new SqliteEventLog({ path, sync: disk.sync });
    const claiming = log.claim('a', 'one');
    await disk.begun(1);
    disk.finish();
    const { epoch } = await claiming;
    const append = log.append('a', epoch, 0, [note]);
    await disk.begun(2);
    disk.finish(new Error('EIO: i/o error, fdatasync'));
    await expect(append).rejects.toThrow(/could not be brought to disk \(EIO.*check the disk, then start swe-agent again/);
    await expect(log.append('a', epoch, 1, [note])).rejects.toThrow(LogUnavailableError);
    expect(disk.count).toBe(2);
    expect(await log.read('a', 0)).toEqual([]);
    await log.close();
  });

  it('brings what was asked for to disk before it closes', async () => {
    const disk = new HeldDisk();
    const log = new SqliteEventLog({ path, sync: disk.sync });
    const claiming = log.claim('a', 'one');
    let closed = false;
    const closing = log.close().then(() => {
      closed = true;
    });
    await disk.begun(1);
    await nextTurns(3);
    expect(closed).toBe(false);
    disk.finish();
    await closing;
    expect(await claiming).toMatchObject({ epoch: 1 });
  });

  it('leaves one file behind when it is closed', async () => {
    await filled(3);
    expect(readdirSync(folder)).toEqual(['events.db']);
  });

  it('stores the same with fsync off', async () => {
    const log = new SqliteEventLog({ path, fsync: false });
    const claim = await log.claim('a', 'one');
    await log.append('a', claim.epoch, 0, [note]);
    await log.renew(claim);
    await log.close();
    const again = new SqliteEventLog({ path });
    expect(await again.read('a', 0)).toEqual([{ ...note, seq: 1, epoch: claim.epoch, format: FORMAT }]);
    await again.close();
  });

  it.each([
    ['cut off in the middle', (file: string) => truncateSync(file, statSync(file).size / 2)],
    ['empty', (file: string) => truncateSync(file, 0)],
    ['overwritten at the start', (file: string) => overwrite(file, 0, 200)],
    ['overwritten in the middle', (file: string) => overwrite(file, statSync(file).size / 2, 20_000)],
    ['something else', (file: string) => writeFileSync(file, 'not a database, but long enough to be looked at '.repeat(50))],
  ])('refuses a file that is %s, names it, and leaves it as it is', async (_, damage) => {
    await filled(100);
    damage(path);
    const before = readFileSync(path);
    const error = thrown(() => new SqliteEventLog({ path }));
    expect(error).toBeInstanceOf(LogDamagedError);
    expect(String(error)).toContain(path);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('does not make a new log where only the write-ahead file of one is left', async () => {
    await filled(1);
    rmSync(path);
    writeFileSync(`${path}-wal`, 'rest');
    expect(() => new SqliteEventLog({ path })).toThrow(/damaged.*events\.db-wal is there/);
    expect(readdirSync(folder)).toEqual(['events.db-wal']);
  });

  it('refuses a file of a newer layout', async () => {
    await filled(1);
    const script = `const { DatabaseSync } = require('node:sqlite'); new DatabaseSync(${JSON.stringify(path)}).exec('PRAGMA user_version = 9')`;
    execFileSync(process.execPath, ['-e', script]);
    expect(() => new SqliteEventLog({ path })).toThrow(/has layout 9, this version of swe-agent knows layout 1/);
  });

  it('says what cannot be opened when the folder is missing', () => {
    const missing = join(folder, 'none', 'events.db');
    const error = thrown(() => new SqliteEventLog({ path: missing }));
    expect(error).toBeInstanceOf(LogUnavailableError);
    expect(String(error)).toContain(missing);
  });

  it('is unavailable, not broken, while another process holds the file, and works once it is free', async () => {
    const log = new SqliteEventLog({ path });
    const { epoch } = await log.claim('a', 'one');
    const script = `const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path)}); db.exec('BEGIN IMMEDIATE');
      console.log('locked'); process.stdin.on('data', () => process.exit())`;
    const locker = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(locker.stdout, 'data');
      await expect(log.append('a', epoch, 0, [note])).rejects.toThrow(LogUnavailableError);
    } finally {
      locker.stdin.write('done');
      await once(locker, 'exit');
    }
    expect(await log.append('a', epoch, 0, [note])).toHaveLength(1);
    await log.close();
  });

  const tmpfs = ['--dev-bind', '/', '/', '--size', '2000000', '--tmpfs', '/mnt'];
  const canMount = spawnSync('bwrap', [...tmpfs, 'true']).status === 0;
  if (!canMount) console.warn('not tested: a full disk (bubblewrap cannot make a small file system here)');
  (canMount ? it : it.skip)(
    'is unavailable while the disk is full, keeps what it acknowledged, and goes on when there is space',
    () => {
      const script = join(root, 'test/support/sqlite-log-on-a-full-disk.ts');
      const output = execFileSync('bwrap', [...tmpfs, process.execPath, script, '/mnt'], { encoding: 'utf8' });
      const report = JSON.parse(output);
      expect(report.acknowledgedBeforeFull).toBeGreaterThan(10);
      expect(report).toMatchObject({
        failure: 'LogUnavailableError',
        stored: report.acknowledgedBeforeFull,
        afterSpaceWasMade: report.acknowledgedBeforeFull + 1,
      });
    },
  );
});

/** A disk that is as slow as a test wants. */
class HeldDisk {
  count = 0;
  #finish: PromiseWithResolvers<void> | undefined;
  #begun = Promise.withResolvers<void>();

  readonly sync = async (): Promise<void> => {
    this.count++;
    this.#finish = Promise.withResolvers();
    this.#begun.resolve();
    await this.#finish.promise;
  };

  /** Resolves when so many syncs have begun. */
  async begun(count: number): Promise<void> {
    while (this.count < count) {
      this.#begun = Promise.withResolvers();
      await this.#begun.promise;
    }
  }

  finish(failure?: Error): void {
    if (failure) this.#finish?.reject(failure);
    else this.#finish?.resolve();
  }
}

/** Lets the event loop turn, so that what could happen has happened. */
async function nextTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The log with some operations replaced. */
function changed(log: EventLog, part: Partial<EventLog>): EventLog {
  return {
    claim: (uid, holder, floor) => log.claim(uid, holder, floor),
    renew: (claim) => log.renew(claim),
    release: (claim) => log.release(claim),
    untilFree: (uid, onHeld, signal) => log.untilFree(uid, onHeld, signal),
    append: (uid, epoch, expectedSeq, events) => log.append(uid, epoch, expectedSeq, events),
    read: (uid, afterSeq, limit) => log.read(uid, afterSeq, limit),
    head: (uid) => log.head(uid),
    subscribe: (uid, afterSeq, signal) => log.subscribe(uid, afterSeq, signal),
    delete: (uid) => log.delete(uid),
    sessions: () => log.sessions(),
    close: () => log.close(),
    ...part,
  };
}

/** Counts the commit frames of a write-ahead file, https://www.sqlite.org/fileformat.html#the_write_ahead_log. */
function transactionsIn(wal: string): number {
  const bytes = readFileSync(wal);
  const frame = 24 + bytes.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frame <= bytes.length; at += frame) if (bytes.readUInt32BE(at + 4) !== 0) commits++;
  return commits;
}

function overwrite(file: string, from: number, length: number): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0xa5, from, from + length));
}

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
