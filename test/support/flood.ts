/** An answer that does not end. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Writes for as long as somebody reads; resolves when the connection is gone. */
export function flood(response: ServerResponse, pieceBytes: number): Promise<unknown> {
  const piece = Buffer.alloc(pieceBytes, 'x');
  const write = () => {
    if (!response.destroyed && response.write(piece)) setImmediate(write);
  };
  response.on('drain', write);
  write();
  return once(response, 'close');
}
