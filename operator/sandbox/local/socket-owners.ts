/** Which process has a socket open (Linux). Only processes that this one may look into are seen. */
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { processes } from './processes.ts';

/** How long a look may hold up everything else before others get their turn, in milliseconds. */
const TURN_MS = 2;
/** Processes that had a socket lately: a browser connects again and again. */
const REMEMBERED = 8;

type Question = { name: string; answer: (pid: number | undefined) => void };

export class SocketOwners {
  readonly #lately: number[] = [];
  #questions: Question[] = [];
  #looking = false;

  /** A process of this user that has the socket of that inode open; undefined when none is seen. */
  find(inode: string): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#questions.push({ name: `socket:[${inode}]`, answer: resolve });
    if (!this.#looking) void this.#look();
    return promise;
  }

  /** Answers all questions that have come so far with one look at the processes, and those that came meanwhile with another. */
  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#questions.length > 0) {
      const open = new Map(Map.groupBy(this.#questions, ({ name }) => name));
      this.#questions = [];
      let turn = performance.now();
      for (const pid of this.#order()) {
        for (const name of socketsOf(pid, open)) {
          // This process has many files open, and seldom calls itself: it stays the last.
          if (pid !== process.pid) this.#remember(pid);
          for (const { answer } of open.get(name) ?? []) answer(pid);
          open.delete(name);
        }
        if (open.size === 0) break;
        if (performance.now() - turn < TURN_MS) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        turn = performance.now();
      }
      for (const questions of open.values()) for (const { answer } of questions) answer(undefined);
    }
    this.#looking = false;
  }

  /** Who had one lately, then the youngest first: whoever has just connected has often just been started. */
  *#order(): Generator<number> {
    // As they are now: those that are found move.
    const lately = [...this.#lately];
    yield* lately;
    const tried = new Set([...lately, process.pid]);
    for (const pid of processes().sort((a, b) => b - a)) if (!tried.has(pid)) yield pid;
    yield process.pid;
  }

  #remember(pid: number): void {
    const at = this.#lately.indexOf(pid);
    if (at >= 0) this.#lately.splice(at, 1);
    this.#lately.unshift(pid);
    this.#lately.length = Math.min(this.#lately.length, REMEMBERED);
  }
}

/** Those of the wanted sockets that the process has open. */
function socketsOf(pid: number, wanted: ReadonlyMap<string, unknown>): string[] {
  const directory = `/proc/${pid}/fd`;
  const me = process.geteuid?.();
  // Others' processes cannot be looked into, which would cost an error each.
  if (me !== 0 && statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid !== me) return [];
  return filesOf(directory).flatMap((fd) => {
    const name = linkOf(`${directory}/${fd}`);
    return name !== undefined && wanted.has(name) ? [name] : [];
  });
}

/** None for a process that is gone. */
function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** undefined for a file that was closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
