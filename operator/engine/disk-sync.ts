/**
 * Brings what was written to a file to disk. A slow disk holds up those who wait for it and nobody else: the sync runs
 * beside the event loop. At most one runs; who comes meanwhile shares the next, which begins afterwards and so covers their
 * writes.
 */
import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** Brings everything written to the file before the call to disk; returns, or resolves, when it is there. */
export type SyncFile = (descriptor: number) => Promise<void> | undefined;

/** A sync that takes less is not worth the way to another thread and back, which takes half of it. */
const QUICK_MS = 1;

/** fdatasync: on the spot as long as the disk is quick, else in a thread. */
function adaptiveSync(): SyncFile {
  const inThread = promisify(fdatasync);
  let quick = true;
  return (descriptor) => {
    const began = performance.now();
    const judge = () => {
      quick = performance.now() - began < QUICK_MS;
    };
    if (!quick) return inThread(descriptor).then(judge);
    fdatasyncSync(descriptor);
    judge();
    return undefined;
  };
}

export class DiskSync {
  readonly #path: string;
  readonly #sync: SyncFile;
  #descriptor: number | undefined;
  #waiting: ((failure: Error | undefined) => void)[] = [];
  #busy = false;
  #running: Promise<void> = Promise.resolve();
  /** After a sync that failed nobody can know what is on disk: none after it succeeds. */
  #failure: Error | undefined;

  /** @param path a file that is there when `whenDone` is called first, and stays until `close` */
  constructor(path: string, sync: SyncFile = adaptiveSync()) {
    this.#path = path;
    this.#sync = sync;
  }

  /** Calls back, in the order of the calls, once everything written before is on disk, or with why it is not. */
  whenDone(done: (failure: Error | undefined) => void): void {
    this.#waiting.push(done);
    if (!this.#busy) this.#running = this.#run();
  }

  /** Resolves once nobody waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#failure) throw this.#failure;
        this.#descriptor ??= this.#open();
        const syncing = this.#sync(this.#descriptor);
        if (syncing !== undefined) await syncing;
      } catch (error) {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      }
      for (const done of waiting) done(this.#failure);
    }
    this.#busy = false;
  }

  /** The file may be new: its name has to last as well. */
  #open(): number {
    const folder = openSync(dirname(this.#path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    return openSync(this.#path, 'r+');
  }
}
