/**
 * The folder where one process keeps its state. The lock is an open exclusive transaction on a SQLite file: the kernel
 * gives it back when the process ends, however it ends, so there is never a stale lock to remove.
 *
 * Nothing else may open `lock.db` in this process: closing a second descriptor of it would drop the lock.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqliteFailure } from './engine/sqlite-file.ts';
import { FolderError, makeUsable } from './usable-folder.ts';

/** The folder cannot be used; the message names it and says what to do. */
export class StateFolderError extends FolderError {
  override readonly name = 'StateFolderError';
}

/** Keeps locks from the garbage collector, which would release them: main.ts may hold no reference once it has started all. */
const held = new Set<DatabaseSync>();

export class StateFolder implements Disposable {
  /** Absolute. */
  readonly path: string;
  readonly #lock: DatabaseSync;

  private constructor(path: string, lock: DatabaseSync) {
    this.path = path;
    this.#lock = lock;
    held.add(lock);
  }

  /**
   * Makes the folder when there is none, readable by its user only, and takes its lock.
   * @throws StateFolderError when another process has it, FolderError when it cannot be made or written
   */
  static open(path: string): StateFolder {
    const folder = resolve(path);
    makeUsable(folder, { what: 'state folder', variable: 'SWE_AGENT_STATE_DIR', private: true, knownBy: LOCK });
    const lock = take(folder);
    try {
      writeFileSync(join(folder, HOLDER), `${process.pid}\n`, { mode: 0o600 });
    } catch (error) {
      lock.close();
      throw unusable(folder, error);
    }
    return new StateFolder(folder, lock);
  }

  /** The path of a file or folder in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Gives the folder back. */
  close(): void {
    if (!this.#lock.isOpen) return;
    rmSync(join(this.path, HOLDER), { force: true });
    this.#lock.close();
    held.delete(this.#lock);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const LOCK = 'lock.db';

/** SQLite's result code for a lock that another process has. */
const BUSY = 5;

/** Says who holds the lock; only for the message, the lock itself is the proof. */
const HOLDER = 'lock.pid';

function take(folder: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(folder, LOCK));
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (sqliteFailure(error)?.primary === BUSY) {
      const pid = holder(folder);
      const who = pid === undefined ? 'another process' : `another process (pid ${pid})`;
      throw new StateFolderError(
        `the state folder ${folder} is in use by ${who}: stop it, or set SWE_AGENT_STATE_DIR to another folder`,
        { cause: error },
      );
    }
    throw unusable(folder, error);
  }
}

function holder(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, HOLDER), 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function unusable(folder: string, error: unknown): StateFolderError {
  const why = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return new StateFolderError(
    `the state folder ${folder} cannot be used (${why}): make it writable, or set SWE_AGENT_STATE_DIR to another folder`,
    { cause: error },
  );
}
