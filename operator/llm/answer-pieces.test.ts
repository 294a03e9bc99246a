import { describe, expect, it } from '@jest/globals';
import { inPieces, MOST_PIECE_BYTES } from './answer-pieces.ts';
import { AnswerTooLongError } from './http-transport.ts';

function answer(chunks: Iterable<string>, status = 200): Response {
  const bytes = Iterator.from(chunks).map((text) => new Uint8Array(Buffer.from(text)));
  return new Response(ReadableStream.from(bytes), { status, headers: { 'content-type': 'text/event-stream' } });
}

async function chunksOf(response: Response): Promise<string[]> {
  const out: string[] = [];
  for await (const chunk of response.body ?? []) out.push(Buffer.from(chunk).toString());
  return out;
}

describe('a streamed answer in pieces', () => {
  const cuts: [what: string, kind: 'event' | 'line', sent: string[], got: string[]][] = [
    ['whole events', 'event', ['data: 1\n\nda', 'ta: 2\n', '\n', 'data: 3'], ['data: 1\n\n', 'data: 2\n\n', 'data: 3']],
    ['an end of two bytes that came apart', 'event', ['a\r', '\rb'], ['a\r\r', 'b']],
    ['an end of four bytes that came byte by byte', 'event', [...'a\r\n\r\nb'], ['a\r\n\r\n', 'b']],
    ['all that is complete at once', 'event', ['a\n\nb\n\nc'], ['a\n\nb\n\n', 'c']],
    ['events of several lines', 'event', ['event: x\n', 'data: y\n\n'], ['event: x\ndata: y\n\n']],
    ['whole lines', 'line', ['{"a":', '1}\n{"b":2}\n{', '}'], ['{"a":1}\n{"b":2}\n', '{}']],
    ['letters of several bytes', 'line', ['größer\n'], ['größer\n']],
    ['nothing', 'line', [], []],
  ];
  it.each(cuts)('gives %s', async (_, kind, sent, got) => {
    expect(await chunksOf(inPieces(answer(sent), kind))).toEqual(got);
  });

  it('gives a long piece once, however many chunks it came in', async () => {
    const chunks = [...Array<string>(20_000).fill('x'.repeat(100)), '\n\n'];
    const got = await chunksOf(inPieces(answer(chunks), 'event'));
    expect(got.map(({ length }) => length)).toEqual([2_000_002]);
  });

  it.each(['event', 'line'] as const)('fails when an %s does not end, with no more read than may be', async (kind) => {
    let sent = 0;
    const endless = function* () {
      for (;;) {
        sent += 1 << 20;
        yield 'x'.repeat(1 << 20);
      }
    };
    const reading = chunksOf(inPieces(answer(endless()), kind));
    await expect(reading).rejects.toThrow(AnswerTooLongError);
    await expect(reading).rejects.toThrow(`one ${kind} of the answer is longer than 8 MiB`);
    expect(sent).toBeLessThanOrEqual(MOST_PIECE_BYTES + (4 << 20));
  });

  it('takes a piece of just the longest length, and not one byte more', async () => {
    const longest = 'x'.repeat(MOST_PIECE_BYTES - 1);
    expect((await chunksOf(inPieces(answer(['\n', longest, '\n']), 'line'))).map(({ length }) => length)).toEqual([
      1,
      MOST_PIECE_BYTES,
    ]);
    await expect(chunksOf(inPieces(answer([longest, 'x\n']), 'line'))).rejects.toThrow(AnswerTooLongError);
    await expect(chunksOf(inPieces(answer([`a\n\n${longest}`, 'xx']), 'event'))).rejects.toThrow(AnswerTooLongError);
  });

  it('leaves a failure as it is, and keeps status and headers', async () => {
    const failed = answer(['no'], 500);
    expect(inPieces(failed, 'event')).toBe(failed);
    const well = inPieces(answer(['yes'], 201), 'event');
    expect([well.status, well.headers.get('content-type'), await well.text()]).toEqual([201, 'text/event-stream', 'yes']);
  });

  it('lets go of the answer when its reader does', async () => {
    let gone: unknown;
    const source = new ReadableStream<Uint8Array>({
      cancel: (reason) => {
        gone = reason;
      },
    });
    await inPieces(new Response(source), 'event').body?.cancel('enough');
    expect(gone).toBe('enough');
  });
});
