/**
 * The event log in one SQLite file. Writes share transactions and syncs (sqlite-log-commits.ts), and each still succeeds or
 * fails alone; reads see only what is on disk.
 *
 * Invariants: a write that is refused (fenced, out of sequence, claimed) throws before it changes anything. Nothing is
 * acknowledged, and no event is shown, before it is on disk.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DiskSync, type SyncFile } from './disk-sync.ts';
import { FORMAT, type NewEvent, type SessionEvent } from './events.ts';
import {
  CLAIM_TTL_MS,
  type Claim,
  ClaimedError,
  type EventLog,
  FencedError,
  LogDamagedError,
  LogUnavailableError,
  SequenceError,
} from './log.ts';
import { Followers } from './log-followers.ts';
import { isDamage, openSqlite, SqliteDamagedError, sqliteFailure } from './sqlite-file.ts';
import { type AfterWrite, GroupCommits } from './sqlite-log-commits.ts';
import { parseStoredEvent } from './stored-event.ts';
import { untilFree } from './until-free.ts';

export type SqliteEventLogOptions = {
  /** The database file; it is created when there is none. */
  path: string;
  /** False leaves out every fsync, so that a power cut may lose events. For measurements only. Default true. */
  fsync?: boolean;
  /** How a file is brought to disk. Default: fdatasync, in a thread when the disk is slow. */
  sync?: SyncFile;
  /** The caller holds the lock of the state folder: whoever holds a stored claim is dead, so it counts as expired. */
  exclusive?: boolean;
  /** Milliseconds since 1970. */
  now?: () => number;
};

const LAYOUT = {
  applicationId: 0x53574c47, // "SWLG"
  version: 1,
  schema: `
    CREATE TABLE claims (uid TEXT PRIMARY KEY, holder TEXT, epoch INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE events (uid TEXT, seq INTEGER, event TEXT NOT NULL, PRIMARY KEY (uid, seq)) STRICT, WITHOUT ROWID`,
};

/** Between two looks at the claim of another process that has the file open, which tells nothing; a look is a read in memory. */
const LOOK_MS = 1_000;
/** Events read and parsed before other work gets its turn. */
const PAGE = 128;

type Row = Record<string, SQLOutputValue>;

export class SqliteEventLog implements EventLog {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #now: () => number;
  readonly #sql: Record<
    'claim' | 'head' | 'page' | 'event' | 'setClaim' | 'renew' | 'release' | 'deleteEvents' | 'deleteClaim' | 'uids',
    StatementSync
  >;
  readonly #followers = new Followers();
  /** Those who wait for the end of a claim, by session. */
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #commits: GroupCommits;
  /** Sessions with events that are committed and not yet on disk: the last event that is, and the last there is. */
  readonly #ahead = new Map<string, { onDisk: number; stored: number }>();
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @throws LogDamagedError | LogUnavailableError */
  constructor({ path, fsync = true, sync, exclusive = false, now = Date.now }: SqliteEventLogOptions) {
    this.#path = path;
    this.#now = now;
    try {
      const database = openSqlite(path, LAYOUT, fsync);
      if (exclusive) database.exec('UPDATE claims SET expires_at = 0 WHERE expires_at > 0');
      this.#database = database;
      this.#commits = new GroupCommits({
        database,
        disk: fsync ? new DiskSync(`${path}-wal`, sync) : undefined,
        refused: (error) => this.#translate(error),
        notOnDisk: (failure) => this.#notOnDisk(failure),
      });
      this.#sql = {
        claim: database.prepare('SELECT holder, epoch, expires_at FROM claims WHERE uid = ?'),
        head: database.prepare('SELECT seq FROM events WHERE uid = ? ORDER BY seq DESC LIMIT 1'),
        page: database.prepare('SELECT seq, event FROM events WHERE uid = ? AND seq > ? ORDER BY seq LIMIT ?'),
        event: database.prepare('INSERT INTO events (uid, seq, event) VALUES (?, ?, ?)'),
        setClaim: database.prepare('INSERT OR REPLACE INTO claims (uid, holder, epoch, expires_at) VALUES (?, ?, ?, ?)'),
        renew: database.prepare('UPDATE claims SET expires_at = ? WHERE uid = ?'),
        release: database.prepare('UPDATE claims SET holder = NULL, expires_at = 0 WHERE uid = ?'),
        deleteEvents: database.prepare('DELETE FROM events WHERE uid = ?'),
        deleteClaim: database.prepare('DELETE FROM claims WHERE uid = ?'),
        uids: database.prepare('SELECT uid FROM claims ORDER BY uid'),
      };
    } catch (error) {
      throw this.#translate(error);
    }
  }

  claim(uid: string, holder: string, floor: { epoch: number } = { epoch: 0 }): Promise<Claim> {
    return this.#write(true, () => {
      const current = this.#claimOf(uid);
      if (current.holder !== undefined && current.holder !== holder && current.expiresAt > this.#now()) {
        throw new ClaimedError(uid, current.holder, current.expiresAt);
      }
      const epoch = Math.max(current.epoch, floor.epoch) + 1;
      this.#sql.setClaim.run(uid, holder, epoch, this.#now() + CLAIM_TTL_MS);
      return { uid, holder, epoch, lastSeq: this.#lastSeq(uid) };
    });
  }

  renew(claim: Claim): Promise<void> {
    return this.#write(false, () => {
      this.#prove(claim.uid, claim.epoch);
      this.#sql.renew.run(this.#now() + CLAIM_TTL_MS, claim.uid);
    });
  }

  async release(claim: Claim): Promise<void> {
    await this.#write(false, () => {
      const current = this.#claimOf(claim.uid);
      if (current.epoch === claim.epoch && current.holder !== undefined) this.#sql.release.run(claim.uid);
    });
    for (const hear of this.#waiting.get(claim.uid) ?? []) hear();
  }

  untilFree(uid: string, onHeld: (holder: string) => void, signal: AbortSignal): Promise<void> {
    const look = async () => {
      const { holder, expiresAt } = this.#access(() => this.#claimOf(uid));
      const leftMs = expiresAt - this.#now();
      return holder !== undefined && leftMs > 0 ? { holder, leftMs } : undefined;
    };
    const listen = (hear: () => void) => {
      const waiting = this.#waiting.get(uid) ?? new Set();
      this.#waiting.set(uid, waiting.add(hear));
      return () => {
        waiting.delete(hear);
        if (waiting.size === 0) this.#waiting.delete(uid);
      };
    };
    return untilFree({ look, listen, onHeld, mostMs: LOOK_MS, signal });
  }

  async append(uid: string, epoch: number, expectedSeq: number, events: readonly NewEvent[]): Promise<SessionEvent[]> {
    const stored = events.map((event, index) => ({ ...event, seq: expectedSeq + 1 + index, epoch, format: FORMAT }));
    const rows = stored.map((event) => JSON.stringify(event));
    const lastStored = expectedSeq + stored.length;
    await this.#write(
      true,
      () => {
        this.#prove(uid, epoch);
        const lastSeq = this.#lastSeq(uid);
        if (lastSeq !== expectedSeq) {
          throw new SequenceError(`session ${uid}: an append after event ${expectedSeq}, but the last event is ${lastSeq}`);
        }
        rows.forEach((row, index) => {
          this.#sql.event.run(uid, expectedSeq + 1 + index, row);
        });
      },
      {
        committed: () => this.#ahead.set(uid, { onDisk: this.#ahead.get(uid)?.onDisk ?? expectedSeq, stored: lastStored }),
        synced: () => {
          const ahead = this.#ahead.get(uid);
          if (ahead?.stored === lastStored) this.#ahead.delete(uid);
          else if (ahead) ahead.onDisk = lastStored;
          this.#followers.publish(uid, stored);
        },
      },
    );
    return stored;
  }

  async read(uid: string, afterSeq: number, limit = Number.POSITIVE_INFINITY): Promise<SessionEvent[]> {
    const events: SessionEvent[] = [];
    for (let cursor = afterSeq; ; ) {
      const wanted = Math.min(PAGE, limit - events.length);
      const page = wanted > 0 ? this.#page(uid, cursor, wanted) : [];
      events.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE || events.length >= limit) return events;
      cursor = last.seq;
      await nextTurn();
    }
  }

  async head(uid: string): Promise<{ epoch: number; lastSeq: number }> {
    return this.#access(() => ({ epoch: this.#claimOf(uid).epoch, lastSeq: this.#ahead.get(uid)?.onDisk ?? this.#lastSeq(uid) }));
  }

  subscribe(uid: string, afterSeq: number, signal: AbortSignal): AsyncIterable<SessionEvent> {
    return this.#followers.follow(uid, afterSeq, signal, (cursor) => this.#page(uid, cursor, PAGE));
  }

  delete(uid: string): Promise<void> {
    return this.#write(
      true,
      () => {
        this.#sql.deleteEvents.run(uid);
        this.#sql.deleteClaim.run(uid);
      },
      { committed: () => this.#ahead.delete(uid), synced: () => this.#followers.end(uid) },
    );
  }

  async sessions(): Promise<string[]> {
    return this.#access(() => this.#sql.uids.all().map((row) => text(row, 'uid')));
  }

  /** Brings to disk what was asked for until now; every operation after it, and every subscription, fails with LogUnavailableError. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const written = this.#commits.close();
    this.#closed = true;
    await written;
    this.#followers.close(this.#closedError());
    this.#database.close();
  }

  async #write<T>(durable: boolean, run: () => T, after: AfterWrite = {}): Promise<T> {
    if (this.#closed) throw this.#closedError();
    return this.#commits.write(durable, run, after);
  }

  /** @throws FencedError unless the epoch is the session's current one and was not given back */
  #prove(uid: string, epoch: number): void {
    const current = this.#claimOf(uid);
    if (current.epoch === epoch && current.holder !== undefined) return;
    const now = current.holder === undefined ? 'nobody holds it' : `${current.holder} holds it with epoch ${current.epoch}`;
    throw new FencedError(`session ${uid}: epoch ${epoch} has ended, ${now}`);
  }

  #claimOf(uid: string): { holder?: string; epoch: number; expiresAt: number } {
    const row = this.#sql.claim.get(uid);
    if (row === undefined) return { epoch: 0, expiresAt: 0 };
    const claim = { epoch: integer(row, 'epoch'), expiresAt: integer(row, 'expires_at') };
    return row.holder === null ? claim : { ...claim, holder: text(row, 'holder') };
  }

  #lastSeq(uid: string): number {
    const row = this.#sql.head.get(uid);
    return row === undefined ? 0 : integer(row, 'seq');
  }

  #page(uid: string, afterSeq: number, limit: number): SessionEvent[] {
    const last = this.#ahead.get(uid)?.onDisk ?? Number.POSITIVE_INFINITY;
    const events = this.#access(() =>
      this.#sql.page.all(uid, afterSeq, limit).map((row) => parseStoredEvent(uid, integer(row, 'seq'), text(row, 'event'))),
    );
    return events.filter((event) => event.seq <= last);
  }

  #access<T>(read: () => T): T {
    if (this.#closed) throw this.#closedError();
    try {
      return read();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #notOnDisk(failure: Error): LogUnavailableError {
    const message = `the event log ${this.#path} could not be brought to disk (${failure.message}), and takes no more events: check the disk, then start swe-agent again`;
    return new LogUnavailableError(message, { cause: failure });
  }

  #closedError(): LogUnavailableError {
    return new LogUnavailableError(`the event log ${this.#path} is closed`);
  }

  #translate(error: unknown): unknown {
    if (error instanceof SqliteDamagedError) return new LogDamagedError(error.message, { cause: error });
    const failure = sqliteFailure(error);
    if (!failure) return error;
    if (!isDamage(failure)) return new LogUnavailableError(`the event log ${this.#path}: ${failure.message}`, { cause: error });
    const message = `the event log ${this.#path} is damaged (${failure.message}); stop swe-agent and put a backup in its place`;
    return new LogDamagedError(message, { cause: error });
  }
}

function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new LogDamagedError(`the event log holds ${typeof value} in ${column}`);
  return value;
}

function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new LogDamagedError(`the event log holds ${typeof value} in ${column}`);
  return value;
}
