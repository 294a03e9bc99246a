/**
 * How many sessions run at the same time, and who is next. A session holds a place from the moment it is given to the
 * engine until its task ends; those that find no place wait in the order of their rank.
 */
import type { AgentSession } from '../api/resources.ts';

/** Compared from left to right, smaller first. */
export type Rank = readonly (number | string)[];

/** Work that was begun goes before new work, then higher priority, then older. */
export function rankOf(session: AgentSession): Rank {
  const { status, spec, metadata } = session;
  return [status?.startTime === undefined ? 1 : 0, -(spec.priority ?? 0), metadata.creationTimestamp ?? '', metadata.name];
}

export function compareRanks(a: Rank, b: Rank): number {
  for (const [at, left] of a.entries()) {
    const right = b[at];
    if (right === undefined || left === right) continue;
    return left < right ? -1 : 1;
  }
  return 0;
}

export class Slots {
  readonly #max: number;
  readonly #held = new Set<string>();
  readonly #waiting = new Map<string, { rank: Rank; wake: () => void }>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the session may run now: it does already, or there is room that nobody of better rank waits for. */
  open(uid: string, rank: Rank): boolean {
    if (this.#held.has(uid)) return true;
    let before = 0;
    for (const [other, waiting] of this.#waiting) if (other !== uid && compareRanks(waiting.rank, rank) < 0) before++;
    return this.#held.size + before < this.#max;
  }

  /** Takes a place. Only after `open` said so. */
  take(uid: string): void {
    this.#waiting.delete(uid);
    this.#held.add(uid);
  }

  /** Waits for a place; `wake` is called when it may be this session's turn. */
  wait(uid: string, rank: Rank, wake: () => void): void {
    this.#waiting.set(uid, { rank, wake });
  }

  /** Gives the place back, or stops waiting for one. */
  leave(uid: string): void {
    const left = this.#held.delete(uid);
    const waited = this.#waiting.delete(uid);
    if (!left && !waited) return;
    const next = [...this.#waiting.values()].toSorted((a, b) => compareRanks(a.rank, b.rank));
    for (const { wake } of next.slice(0, Math.max(0, this.#max - this.#held.size))) wake();
  }

  /** For messages and metrics. */
  get counts(): { max: number; held: number; waiting: number } {
    return { max: this.#max, held: this.#held.size, waiting: this.#waiting.size };
  }
}
