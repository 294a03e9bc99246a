/** A live list as server-sent events: `<kind>` for an item, `<kind>.deleted`, `synced`, and `list.reset`. */
import type { Request, Response } from 'express';
import { EventStream } from '../http/event-stream.ts';
import { type FieldError, invalid } from '../http/problem.ts';
import type { Piece } from './pieces.ts';

/** Whether `?watch=` asks for a stream; errors are added to `errors`. */
export function wantsWatch(request: Request, errors: FieldError[]): boolean {
  const { watch } = request.query;
  if (watch === undefined || watch === 'false') return false;
  if (watch !== 'true') errors.push({ field: 'watch', message: 'must be true or false' });
  return watch === 'true';
}

/** Where a reader that comes back wants to go on. @throws Problem 422 for what is no token */
export function tokenOf(request: Request): string | undefined {
  const token = request.headers['last-event-id'];
  if (token === undefined || token === '') return undefined;
  if (typeof token === 'string' && /^[\w-]{1,64}$/.test(token)) return token;
  throw invalid([{ field: 'Last-Event-ID', message: 'must be the id of an event of this stream' }]);
}

/**
 * Sends until the reader goes or `closing` aborts. What fails before the first piece is thrown, so that it can be answered
 * as any other request's fault; what fails later ends the stream, and the reader comes back and is told why.
 */
export async function sendList(
  kind: string,
  read: (signal: AbortSignal) => AsyncIterable<Piece>,
  request: Request,
  response: Response,
  closing: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the reader has gone')));
  const signal = AbortSignal.any([gone.signal, closing]);
  let stream: EventStream | undefined;
  try {
    for await (const piece of read(signal)) {
      stream ??= new EventStream(response, closing);
      if (request.method === 'HEAD') break;
      if (piece.type !== 'open') await send(stream, kind, piece);
    }
  } catch (error) {
    if (!signal.aborted && !stream?.signal.aborted) throw error;
  } finally {
    if (stream) stream.end();
    else if (signal.aborted) response.destroy();
  }
}

function send(stream: EventStream, kind: string, piece: Exclude<Piece, { type: 'open' }>): Promise<void> {
  const { token } = piece;
  switch (piece.type) {
    case 'item':
      return stream.sendText({ id: token, event: kind, text: piece.text });
    case 'deleted':
      return stream.sendText({ id: token, event: `${kind}.deleted`, text: JSON.stringify(deleted(kind, piece.id)) });
    case 'synced':
      return stream.sendText({ id: token, event: 'synced', text: '{}' });
    case 'reset':
      return stream.sendText({ id: token, event: 'list.reset', text: '{}' });
    default:
      return piece satisfies never;
  }
}

/** Profiles have no other id than their name. */
function deleted(kind: string, id: string): object {
  return kind === 'profile' ? { id, name: id } : { id };
}
