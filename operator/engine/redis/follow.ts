/**
 * Follows one session's log. The cursor alone decides what comes next, and news only say when to look: so an event can
 * neither be missed nor doubled, whatever becomes of the news or of the connection.
 */
import { sleep } from '../../clock.ts';
import type { SessionEvent } from '../events.ts';
import { LogDamagedError, LogUnavailableError } from '../log.ts';
import type { Hear } from './news.ts';

export type Followed = {
  uid: string;
  afterSeq: number;
  signal: AbortSignal;
  /** Aborts when the log is closed; the reason is what followers fail with. */
  closed: AbortSignal;
  /** Some events after a sequence, and the last sequence there was at that moment. */
  page: (afterSeq: number) => Promise<{ lastSeq: number; events: readonly SessionEvent[] }>;
  listen: (hear: Hear) => () => void;
};

/** Between two tries to read from a log that is away; its coming back ends the wait early. */
const RETRY_MS = 1_000;

export async function* follow({ uid, afterSeq, signal, closed, page, listen }: Followed): AsyncGenerator<SessionEvent, void> {
  const ended = AbortSignal.any([signal, closed]);
  let cursor = afterSeq;
  /** Whether there was a log with events before the cursor. */
  let seen = false;
  let look = true;
  let wake: () => void = () => undefined;
  const stop = listen((last) => {
    if (last !== undefined && last !== 0 && last <= cursor) return;
    look = true;
    wake();
  });
  ended.addEventListener('abort', wakeUp);
  function wakeUp(): void {
    wake();
  }
  try {
    while (!ended.aborted) {
      if (!look) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      look = false;
      const found = await tried(() => page(cursor), ended);
      if (ended.aborted) break;
      if (!found) {
        // The next connection wakes it, too.
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const over = new AbortController();
        await Promise.race([promise, sleep(RETRY_MS, over.signal).catch(() => undefined)]);
        over.abort();
        look = true;
        continue;
      }
      if (found.lastSeq < cursor && seen) {
        if (found.lastSeq === 0) return;
        throw new LogDamagedError(
          `session ${uid}: the log ends at ${found.lastSeq}, but event ${cursor} was read from it before`,
        );
      }
      for (const event of found.events) {
        if (ended.aborted) break;
        cursor = event.seq;
        seen = true;
        yield event;
      }
      if (found.events.length > 0 && cursor < found.lastSeq) look = true;
    }
    if (!signal.aborted) throw closed.reason;
  } finally {
    ended.removeEventListener('abort', wakeUp);
    stop();
  }
}

/** The result, or undefined when the log is away or the signal aborted meanwhile. */
async function tried<T>(read: () => Promise<T>, ended: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  ended.addEventListener('abort', onAbort);
  try {
    return await Promise.race([read(), promise]);
  } catch (error) {
    if (error instanceof LogUnavailableError) return undefined;
    throw error;
  } finally {
    ended.removeEventListener('abort', onAbort);
  }
}
