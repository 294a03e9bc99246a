/** The lines of a watch: JSON values, one a line, from a connection that may fall silent without closing. */
import type { IncomingMessage } from 'node:http';
import { KubeUnreachableError } from './http-transport.ts';

/** A line may not be longer than this; the largest object an API server stores is around 1.5 MiB. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

/**
 * Yields the parsed lines until the server ends the stream; a line that was cut off is dropped.
 * The connection is closed however the reading ends.
 * @throws KubeUnreachableError with kind `idle` when nothing arrives for `idleMs` or the stream outlives `totalMs`,
 *   with kind `connection` when the connection breaks; the signal's reason when it aborts
 */
export async function* watchLines(
  response: IncomingMessage,
  limits: { idleMs: number; totalMs: number },
  signals: readonly AbortSignal[],
): AsyncGenerator<unknown> {
  const end = performance.now() + limits.totalMs;
  let why: unknown;
  const stop = (reason: unknown) => {
    why ??= reason;
    response.destroy(new Error('stopped'));
  };
  const links = signals.map((signal) => ({ signal, follow: () => stop(signal.reason) }));
  for (const { signal, follow } of links) {
    if (signal.aborted) follow();
    else signal.addEventListener('abort', follow, { once: true });
  }
  response.setEncoding('utf8');
  const chunks: AsyncIterator<string> = response[Symbol.asyncIterator]();
  let rest = '';
  try {
    for (;;) {
      // Only the wait for the server is timed, not what the reader does between two lines.
      const patience = Math.max(0, Math.min(limits.idleMs, end - performance.now()));
      const message = `the watch was silent for ${Math.round(patience)} ms or outlived its time`;
      const timer = setTimeout(() => stop(new KubeUnreachableError('idle', message, { sent: true })), patience);
      let chunk: IteratorResult<string>;
      try {
        chunk = await chunks.next();
      } catch (cause) {
        throw why ?? new KubeUnreachableError('connection', 'the connection of a watch broke', { sent: true, cause });
      } finally {
        clearTimeout(timer);
      }
      if (chunk.done) {
        if (why !== undefined) throw why;
        return;
      }
      const lines = (rest + chunk.value).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARS)
        throw new KubeUnreachableError('connection', 'a line of a watch is too long', { sent: true });
      for (const line of lines) {
        if (line.trim() === '') continue;
        yield parse(line);
        if (why !== undefined) throw why;
      }
    }
  } finally {
    for (const { signal, follow } of links) signal.removeEventListener('abort', follow);
    response.destroy();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new KubeUnreachableError('connection', `a line of a watch is not JSON: ${line.slice(0, 100)}`, { sent: true, cause });
  }
}
