/**
 * Those who follow sessions' logs within this process. A follower that waits is handed new events as they are committed;
 * one that is busy gets nothing pushed at it, and reads what it missed from storage when it comes back. So nothing is
 * buffered, and exactness follows from the cursor alone.
 */
import type { SessionEvent } from './events.ts';

type Follower = {
  /** Handed over while it waited. */
  fresh: readonly SessionEvent[];
  /** Set only while it waits. */
  wake: (() => void) | undefined;
  ended: { error?: Error } | undefined;
};

export class Followers {
  readonly #byUid = new Map<string, Set<Follower>>();

  /** Call after the commit, with consecutive events. */
  publish(uid: string, events: readonly SessionEvent[]): void {
    for (const follower of this.#byUid.get(uid) ?? []) {
      if (!follower.wake) continue;
      follower.fresh = events;
      this.#wake(follower);
    }
  }

  /** The session's log is gone: its followers have read all there will ever be. */
  end(uid: string): void {
    for (const follower of this.#byUid.get(uid) ?? []) {
      follower.ended = {};
      this.#wake(follower);
    }
  }

  /** Ends all followers with the error. */
  close(error: Error): void {
    for (const followers of this.#byUid.values()) {
      for (const follower of followers) {
        follower.ended = { error };
        this.#wake(follower);
      }
    }
  }

  /** @param page reads stored events after a sequence, synchronously, so that nothing is committed between reading and waiting */
  async *follow(
    uid: string,
    afterSeq: number,
    signal: AbortSignal,
    page: (afterSeq: number) => readonly SessionEvent[],
  ): AsyncGenerator<SessionEvent, void> {
    const follower: Follower = { fresh: [], wake: undefined, ended: undefined };
    const followers = this.#byUid.get(uid) ?? new Set();
    this.#byUid.set(uid, followers.add(follower));
    const wake = () => this.#wake(follower);
    signal.addEventListener('abort', wake);
    try {
      for (let cursor = afterSeq; !signal.aborted && !follower.ended; ) {
        const events = follower.fresh[0]?.seq === cursor + 1 ? follower.fresh : page(cursor);
        follower.fresh = [];
        for (const event of events) {
          if (signal.aborted || follower.ended) break;
          cursor = event.seq;
          yield event;
        }
        if (events.length > 0) continue;
        await new Promise<void>((resolve) => {
          follower.wake = resolve;
        });
      }
      if (follower.ended?.error && !signal.aborted) throw follower.ended.error;
    } finally {
      signal.removeEventListener('abort', wake);
      followers.delete(follower);
      if (followers.size === 0 && this.#byUid.get(uid) === followers) this.#byUid.delete(uid);
    }
  }

  #wake(follower: Follower): void {
    follower.wake?.();
    follower.wake = undefined;
  }
}
