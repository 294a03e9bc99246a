/** Opens a SQLite file that must never be lost silently: it is made whole or not at all, and a damaged one is refused, not replaced. */
import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorCode } from '../error-code.ts';

/** What is kept in the file. `applicationId` (a positive 32-bit integer) and `version` are stamped into it and checked. */
export type SqliteLayout = { applicationId: number; version: number; schema: string };

/** The file is damaged, foreign or of a newer version. It was left as it is; the message names it and says what to do. */
export class SqliteDamagedError extends Error {
  override readonly name = 'SqliteDamagedError';
}

/** An error of SQLite itself. `primary` is its primary result code, https://www.sqlite.org/rescode.html. */
export type SqliteFailure = { primary: number; message: string };

const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Files up to this size are checked whole when they are opened; damage in larger ones shows when it is read. */
const CHECK_LIMIT_BYTES = 16 * 1024 * 1024;

/** How long a write waits for another process's, in milliseconds. It blocks the process, so it is short. */
const BUSY_TIMEOUT_MS = 250;

/**
 * Opens the file in WAL mode, creating it with `layout.schema` when there is none.
 * A commit survives the end of the process. It is on disk once the write-ahead file (`<path>-wal`) was synced, or after the
 * next checkpoint.
 * @param sync false leaves out every fsync, also those that keep the file whole
 * @throws SqliteDamagedError, or SQLite's own error
 */
export function openSqlite(path: string, layout: SqliteLayout, sync: boolean): DatabaseSync {
  if (!existsSync(path)) {
    if (existsSync(`${path}-wal`)) throw damaged(path, `${path}-wal is there but the database that it belongs to is not`);
    create(path, layout);
  }
  // SQLite takes an empty file for a new database; here it can only be one that was cut off, since files are made whole.
  if (statSync(path).size === 0) throw damaged(path, 'it is empty');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    check(database, path, layout);
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${sync ? 'NORMAL' : 'OFF'}; PRAGMA journal_size_limit = 67108864`,
    );
    return database;
  } catch (error) {
    database?.close();
    const failure = sqliteFailure(error);
    if (failure && isDamage(failure)) throw damaged(path, failure.message, error);
    throw error;
  }
}

/** What SQLite said, or undefined when the error is not SQLite's. */
export function sqliteFailure(error: unknown): SqliteFailure | undefined {
  if (typeof error !== 'object' || error === null || errorCode(error) !== 'ERR_SQLITE_ERROR') return undefined;
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
  const message = 'message' in error && typeof error.message === 'string' ? error.message : `SQLite error ${code}`;
  return { primary: code & 0xff, message };
}

/** Whether the failure means that the file itself is broken. */
export function isDamage(failure: SqliteFailure): boolean {
  return failure.primary === CORRUPT || failure.primary === NOT_A_DATABASE;
}

/** Makes the file under another name and links it into place, so that a crash leaves a whole one or none. */
function create(path: string, layout: SqliteLayout): void {
  const draft = `${path}.new-${process.pid}`;
  rmSync(draft, { force: true });
  try {
    const database = new DatabaseSync(draft);
    try {
      database.exec(
        `PRAGMA synchronous = FULL; BEGIN; PRAGMA application_id = ${layout.applicationId}; PRAGMA user_version = ${layout.version};
         ${layout.schema}; COMMIT`,
      );
    } finally {
      database.close();
    }
    chmodSync(draft, 0o600);
    try {
      linkSync(draft, path);
    } catch (error) {
      // Another process was faster: its file is as good.
      if (!existsSync(path)) throw error;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function check(database: DatabaseSync, path: string, layout: SqliteLayout): void {
  const value = (pragma: string) => Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  const version = value('user_version');
  if (value('application_id') !== layout.applicationId) throw damaged(path, 'it is a database of something else');
  if (typeof version !== 'number' || version !== layout.version) {
    throw new SqliteDamagedError(
      `${path} has layout ${version}, this version of swe-agent knows layout ${layout.version}; it was left as it is. Start the version that made it`,
    );
  }
  if (statSync(path).size > CHECK_LIMIT_BYTES) return;
  const verdict = value('quick_check(1)');
  if (verdict !== 'ok') throw damaged(path, String(verdict));
}

function damaged(path: string, what: string, cause?: unknown): SqliteDamagedError {
  return new SqliteDamagedError(
    `${path} is damaged (${what}); it was left as it is. Put a backup in its place, or move it (and ${path}-wal) away to start empty`,
    { cause },
  );
}
