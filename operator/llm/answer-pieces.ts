/**
 * Streamed answers, cut where they may be cut. Decoders keep what is not complete yet and look through it again with every
 * chunk, some of them from its beginning: a line that does not end would cost them time in its square and memory without
 * end. So they get whole events or lines alone, and none that is longer than any that a model gives.
 */
import { AnswerTooLongError } from './http-transport.ts';

/** Of one event or line, in bytes; of an answer in one document, which has no such pieces, in all. */
export const MOST_PIECE_BYTES = 8 << 20;

const ENDS = { event: ['\n\n', '\r\r', '\r\n\r\n'], line: ['\n'] } as const;
const LONGEST_END = 4;

/**
 * The answer, its body coming in whole pieces but for the last. The body fails with AnswerTooLongError when a piece is longer
 * than MOST_PIECE_BYTES. Answers that are failures are short, and stay as they are.
 */
export function inPieces(response: Response, kind: keyof typeof ENDS): Response {
  if (!response.ok || !response.body) return response;
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(wholePieces(kind)), { status, statusText, headers });
}

function wholePieces(kind: keyof typeof ENDS): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const ends = ENDS[kind];
  let held: Uint8Array[] = [];
  let bytes = 0;
  /** The last bytes of what is held: an end may have begun there. */
  let seam = Buffer.alloc(0);
  return new TransformStream({
    transform(chunk, controller) {
      const text = Buffer.concat([seam, chunk]);
      const first = firstEnd(text, ends);
      if (bytes - seam.length + (first ?? text.length) > MOST_PIECE_BYTES)
        throw new AnswerTooLongError(`one ${kind} of the answer is longer than ${MOST_PIECE_BYTES >> 20} MiB`);
      if (first === undefined) {
        held.push(chunk);
        bytes += chunk.length;
        seam = text.subarray(-(LONGEST_END - 1));
        return;
      }
      const whole = lastEnd(text, ends) - seam.length;
      controller.enqueue(Buffer.concat([...held, chunk.subarray(0, whole)]));
      const rest = chunk.subarray(whole);
      held = [rest];
      bytes = rest.length;
      seam = Buffer.from(rest.subarray(-(LONGEST_END - 1)));
    },
    flush(controller) {
      if (bytes > 0) controller.enqueue(Buffer.concat(held));
    },
  });
}

/** Where the first piece ends. */
function firstEnd(text: Buffer, ends: readonly string[]): number | undefined {
  const found = ends.flatMap((end) => {
    const at = text.indexOf(end);
    return at < 0 ? [] : [at + end.length];
  });
  return found.length > 0 ? Math.min(...found) : undefined;
}

/** Where the last whole piece ends, in a text that has one. */
function lastEnd(text: Buffer, ends: readonly string[]): number {
  return Math.max(...ends.map((end) => (text.includes(end) ? text.lastIndexOf(end) + end.length : 0)));
}
