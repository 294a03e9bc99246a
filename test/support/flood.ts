/** An answer that does not end. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/**
 * Writes for as long as somebody reads; resolves when the connection is gone.
 * @param end of each piece; without one, all is a single line
 */
export function flood(response: ServerResponse, pieceBytes: number, end = ''): Promise<unknown> {
  const piece = Buffer.from('x'.repeat(pieceBytes - end.length) + end);
  const write = () => {
    if (!response.destroyed && response.write(piece)) setImmediate(write);
  };
  response.on('drain', write);
  write();
  return once(response, 'close');
}
