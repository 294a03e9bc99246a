/** The session's events in one answer, in place of thousands of messages: how a reader opens a long session at once. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, createGzip } from 'node:zlib';
import type { Request, Response } from 'express';
import type { EventLog } from '../operator/engine/log.ts';
import { type FieldError, invalid } from './http/problem.ts';
import { publicEvent } from './session-events.ts';

const MAX_LIMIT = 20_000;
const DEFAULT_LIMIT = 5_000;
/** Events read and written as one piece, before other work gets its turn. */
const PIECE = 128;
/** How long a reader that takes nothing is waited for, in milliseconds. */
const STALLED_MS = 60_000;

/** Whether `?format=` asks for it. @throws Problem 422 for a format that there is not */
export function wantsHistory(request: Request): boolean {
  const { format } = request.query;
  if (format === undefined || format === 'sse') return false;
  if (format === 'json') return true;
  throw invalid([{ field: 'format', message: 'must be json, or be left out for server-sent events' }]);
}

/**
 * Sends `{"items", "last_seq", "next"}`: events after `?after=`, at most `?limit=`, the last sequence number of the log, and
 * what `after` has to be for the rest. It is made while it is sent, so its length costs no memory.
 */
export async function sendHistory(
  log: EventLog,
  uid: string,
  request: Request,
  response: Response,
  closing: AbortSignal,
): Promise<void> {
  const { after, limit } = rangeOf(request);
  const { lastSeq } = await log.head(uid);
  // Read before the headers are sent: a log that cannot be read is still answered with what is wrong.
  const first = await log.read(uid, after, Math.min(PIECE, limit));
  response.status(200).type('application/json; charset=utf-8').vary('Accept-Encoding');
  const zipped = request.acceptsEncodings('gzip') === 'gzip';
  if (zipped) response.set('Content-Encoding', 'gzip');
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.setTimeout(STALLED_MS, () => response.destroy());
  const text = Readable.from(pieces(log, uid, { after, limit, lastSeq, first }));
  try {
    if (zipped) await pipeline(text, createGzip({ level: constants.Z_BEST_SPEED }), response, { signal: closing });
    else await pipeline(text, response, { signal: closing });
  } catch (error) {
    // Nobody is left to hear of it.
    if (!response.destroyed && !closing.aborted) throw error;
  }
}

type Range = {
  after: number;
  limit: number;
  lastSeq: number;
  /** The first of the events, which are read already. */
  first: Awaited<ReturnType<EventLog['read']>>;
};

/** Only what was there when it began: what comes meanwhile is for the stream that follows. */
async function* pieces(log: EventLog, uid: string, { after, limit, lastSeq, first }: Range): AsyncGenerator<Buffer, void> {
  let at = after;
  let sent = 0;
  for (let events = first; events.length > 0; events = await log.read(uid, at, Math.min(PIECE, limit - sent))) {
    const due = events.filter(({ seq }) => seq <= lastSeq);
    if (due.length > 0) {
      const text = due.map((event) => JSON.stringify(publicEvent(event))).join(',\n');
      yield Buffer.from(`${sent === 0 ? '{"items":[' : ',\n'}${text}`);
    }
    sent += due.length;
    at = due.at(-1)?.seq ?? at;
    if (due.length < events.length || sent >= limit || at >= lastSeq) break;
    await nextTurn();
  }
  const rest = `"last_seq":${lastSeq},"next":${at < lastSeq && sent >= limit ? at : null}}`;
  yield Buffer.from(sent === 0 ? `{"items":[],${rest}` : `],${rest}`);
}

function rangeOf(request: Request): { after: number; limit: number } {
  const errors: FieldError[] = [];
  const { format: _, after = '0', limit = String(DEFAULT_LIMIT), ...others } = request.query;
  for (const field of Object.keys(others)) {
    errors.push({ field, message: 'is not a parameter here; possible are format, after and limit' });
  }
  if (typeof after !== 'string' || !/^\d{1,15}$/.test(after)) {
    errors.push({ field: 'after', message: 'must be the sequence number of an event, 0 for all' });
  }
  const count = typeof limit === 'string' && /^\d{1,6}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > MAX_LIMIT) errors.push({ field: 'limit', message: `must be a number from 1 to ${MAX_LIMIT}` });
  if (errors.length > 0) throw invalid(errors);
  return { after: Number(after), limit: count };
}
