/** The session's event log as a stream: what is stored, then what is appended, from any place on. */
import type { Request, Response } from 'express';
import type { SessionEvent } from '../operator/engine/events.ts';
import type { EventLog } from '../operator/engine/log.ts';
import { EventStream } from './http/event-stream.ts';
import { invalid } from './http/problem.ts';

/** Sends events after Last-Event-ID or ?after= until the reader goes, the session is deleted, or `closing` aborts. */
export async function streamEvents(
  log: EventLog,
  uid: string,
  request: Request,
  response: Response,
  closing: AbortSignal,
): Promise<void> {
  const wanted = afterOf(request);
  const { lastSeq } = await log.head(uid);
  const stream = new EventStream(response, closing);
  if (request.method === 'HEAD') {
    stream.end();
    return;
  }
  try {
    // The reader knows events that the log does not: acknowledged writes were lost, and it has to start over.
    if (wanted > lastSeq) await stream.send({ id: 0, event: 'log.reset', data: { lastSeq } });
    for await (const event of log.subscribe(uid, wanted > lastSeq ? 0 : wanted, stream.signal)) {
      await stream.send({ id: event.seq, event: event.type, data: publicEvent(event) });
    }
    if (!stream.signal.aborted) await stream.send({ event: 'session.deleted', data: {} });
  } catch (error) {
    // The headers are gone: a reader that is still there tries again and is told why.
    if (!stream.signal.aborted) throw error;
  } finally {
    stream.end();
  }
}

/** An event without what only the model's provider can read. */
export function publicEvent(event: SessionEvent): object {
  if (event.type !== 'model.answered') return event;
  const { state: _, ...rest } = event;
  return rest;
}

function afterOf(request: Request): number {
  const header = request.headers['last-event-id'];
  const [field, value] = header === undefined ? ['after', request.query.after ?? '0'] : ['Last-Event-ID', header];
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  throw invalid([{ field, message: 'must be the sequence number of an event, 0 for all' }]);
}
