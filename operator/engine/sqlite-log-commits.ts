/**
 * Writes to one SQLite file, committed once per turn of the event loop: however many callers write in a turn, they share one
 * transaction and one fsync, and each still succeeds or fails alone. SQLite only writes; the fsync of its write-ahead file
 * runs beside the event loop.
 *
 *   write → queue → (end of the turn) BEGIN · every job · COMMIT → fsync → promises settle
 */
import type { DatabaseSync } from 'node:sqlite';
import type { DiskSync } from './disk-sync.ts';
import { sqliteFailure } from './sqlite-file.ts';

export type GroupCommitsOptions = {
  database: DatabaseSync;
  /** Brings the write-ahead file to disk; undefined leaves that out. */
  disk: DiskSync | undefined;
  /** What a writer is told for what SQLite refused. */
  refused: (error: unknown) => unknown;
  /** What a writer is told whose write was committed and may not be on disk. */
  notOnDisk: (failure: Error) => Error;
};

export type AfterWrite = {
  /** Called when it is committed, and so seen by every statement after it. */
  committed?: () => void;
  /** Called when it is on disk, before the promise is settled. */
  synced?: () => void;
};

/** A write. `run` returns what follows it. */
type Job = { durable: boolean; run: () => Written; reject: (reason: unknown) => void };

type Written = {
  committed?: (() => void) | undefined;
  /** Called when it is on disk, or with why it is not known to be. */
  settle: (failure: Error | undefined) => void;
};

export class GroupCommits {
  readonly #options: GroupCommitsOptions;
  #queue: Job[] = [];

  constructor(options: GroupCommitsOptions) {
    this.#options = options;
  }

  /**
   * Queues a write, and resolves with what `run` returned once it is on disk.
   * @param durable false: a power cut may undo it without harm
   * @param run runs in a transaction with others; what it throws is its caller's, so it throws before it writes
   */
  write<T>(durable: boolean, run: () => T, after: AfterWrite): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#flush());
      this.#queue.push({
        durable,
        run: () => {
          const value = run();
          const settle = (failure: Error | undefined) => {
            if (failure) return reject(this.#options.notOnDisk(failure));
            after.synced?.();
            resolve(value);
          };
          return { committed: after.committed, settle };
        },
        reject,
      });
    });
  }

  /** Commits what was queued until now, and resolves when it is on disk. Nothing may be written afterwards. */
  async close(): Promise<void> {
    this.#flush();
    await this.#options.disk?.idle();
    this.#options.disk?.close();
  }

  #flush(): void {
    const jobs = this.#queue;
    this.#queue = [];
    if (jobs.length === 0) return;
    try {
      this.#commit(jobs);
    } catch (error) {
      // Storage refused the batch as a whole. Alone, a job that fits (or that needs no space) may still go through.
      if (jobs.length === 1) {
        jobs[0]?.reject(this.#options.refused(error));
        return;
      }
      for (const job of jobs) {
        try {
          this.#commit([job]);
        } catch (alone) {
          job.reject(this.#options.refused(alone));
        }
      }
    }
  }

  /** Runs the jobs in one transaction and has them settled. @throws SQLite's error when nothing was committed */
  #commit(jobs: Job[]): void {
    const { database, disk } = this.#options;
    const written: Written[] = [];
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const job of jobs) {
        try {
          written.push(job.run());
        } catch (error) {
          if (sqliteFailure(error)) throw error;
          written.push({ settle: () => job.reject(error) });
        }
      }
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
    for (const { committed } of written) committed?.();
    const settle = (failure: Error | undefined) => {
      for (const one of written) one.settle(failure);
    };
    if (disk && jobs.some((job) => job.durable)) disk.whenDone(settle);
    else settle(undefined);
  }
}
