/** Follows one session: its log from the first event on, live, and what the server says of it as a whole. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { sleep } from '../../../operator/clock.ts';
import { send } from '../api/http.ts';
import { explain, isTransient, Problem, parseJson } from '../api/problem.ts';
import { useEventStream } from '../api/use-event-stream.ts';
import { type LogPicture, readHistory, SessionLog } from './session-log.ts';
import { sessionPath, sessionQuery } from './session-view.ts';

/** Events that are asked for at a time. */
const PIECE = 20_000;
/** Milliseconds between two questions about the session as a whole while its log moves. */
const ASK_EVERY = 1_200;
const ASK_ANYWAY = 8_000;
const RETRY = 1_500;

export type FollowedLog = LogPicture & {
  /** Why the log cannot be read, for good. */
  refused: string | undefined;
};

export function useSessionView(id: string) {
  return useQuery({ ...sessionQuery(id), refetchInterval: ASK_ANYWAY, retry: (count, error) => count < 3 && isTransient(error) });
}

/** The component must be another one for another session. */
export function useSessionLog(id: string, readable: boolean): FollowedLog {
  const [log] = useState(() => new SessionLog());
  const [after, setAfter] = useState<{ log: SessionLog; seq: number } | undefined>();
  const [refused, setRefused] = useState<string | undefined>();
  const picture = useSyncExternalStore(log.subscribe, log.picture);
  useEffect(() => {
    if (!readable) return;
    const end = new AbortController();
    setRefused(undefined);
    readAll(id, log, end.signal).then(
      (whole) => {
        if (end.signal.aborted) return;
        if (whole) log.becomeReady();
        setAfter({ log, seq: log.picture().timeline.lastSeq });
      },
      (error: unknown) => {
        if (!end.signal.aborted) setRefused(explain(error));
      },
    );
    return () => end.abort(new DOMException('nobody looks at this session any more', 'AbortError'));
  }, [id, log, readable]);
  const following = after?.log === log && !picture.deleted ? after : undefined;
  const state = useEventStream(
    following
      ? {
          url: sessionPath(id, 'events'),
          ...(following.seq > 0 && { lastEventId: String(following.seq) }),
          onMessages: (messages) => {
            log.take(messages);
            log.becomeReady();
          },
          onRefused: (problem) => setRefused(problem.message),
        }
      : null,
  );
  // A log that nothing is in yet sends nothing.
  useEffect(() => {
    if (state !== 'open') return;
    const timer = setTimeout(() => log.becomeReady(), 700);
    return () => clearTimeout(timer);
  }, [state, log]);
  useAskAgain(id, picture);
  return { ...picture, refused };
}

/**
 * Reads the history in large pieces. @returns whether it was read; a server that only streams it has not given any
 * @throws Problem when the server refuses for good
 */
async function readAll(id: string, log: SessionLog, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const after = log.picture().timeline.lastSeq;
    const attempt = new AbortController();
    try {
      const response = await send(`${sessionPath(id, 'events')}?format=json&after=${after}&limit=${PIECE}`, {
        signal: AbortSignal.any([signal, attempt.signal]),
        timeout: 60_000,
      });
      if (!response.headers.get('content-type')?.includes('json')) return false;
      const piece = readHistory(parseJson(await response.text()));
      if (!piece) return false;
      log.add(piece.events);
      if (piece.next === undefined || piece.events.length === 0) return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (error instanceof Problem && !isTransient(error)) {
        if (error.status === 422 || error.status === 404) return false;
        throw error;
      }
      await sleep(RETRY, signal).catch(() => {});
      if (signal.aborted) return false;
    } finally {
      attempt.abort();
    }
  }
}

/** What the server says of the session as a whole changes when its log does; it is asked again, but not for every event. */
function useAskAgain(id: string, { timeline, deleted, ready }: LogPicture): void {
  const client = useQueryClient();
  const asked = useRef(0);
  const { lastSeq } = timeline;
  useEffect(() => {
    if (!ready || lastSeq === 0) return;
    const wait = deleted ? 0 : Math.max(50, asked.current + ASK_EVERY - Date.now());
    const timer = setTimeout(() => {
      asked.current = Date.now();
      client.invalidateQueries({ queryKey: sessionQuery(id).queryKey }).catch(() => {});
    }, wait);
    return () => clearTimeout(timer);
  }, [client, id, lastSeq, deleted, ready]);
}
