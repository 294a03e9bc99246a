import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.ts';
import { Connection } from './connection.ts';
import { type EventStreamOptions, followStream, type StreamMessage, type StreamState } from './event-stream.ts';
import type { Problem } from './problem.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

describe('a stream that is followed', () => {
  let server: Server;
  let url: string;
  let answers: Answer[];
  let asked: (string | undefined)[];
  let stop: (() => void) | undefined;
  const connection = new Connection(
    () => Promise.resolve(),
    () => Date.now(),
  );

  beforeEach(async () => {
    answers = [];
    asked = [];
    server = createServer((request, response) => {
      asked.push(request.headers['last-event-id']?.toString());
      const answer = answers.shift();
      if (answer) answer(request, response);
      else response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    url = `http://127.0.0.1:${address.port}/`;
  });

  afterEach(async () => {
    stop?.();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function follow(options: Partial<EventStreamOptions> = {}) {
    const seen = { messages: [] as StreamMessage[], states: [] as StreamState[], refused: [] as Problem[] };
    stop = followStream(
      {
        url,
        onMessages: (messages) => seen.messages.push(...messages),
        onState: (state) => seen.states.push(state),
        onRefused: (problem) => seen.refused.push(problem),
        ...options,
      },
      connection,
    );
    return seen;
  }

  const stream =
    (text: string, then: 'end' | 'break' | 'stay'): Answer =>
    (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(text, () => {
        if (then === 'end') response.end();
        if (then === 'break') response.socket?.resetAndDestroy();
      });
    };

  it('goes on after the last id that came, however the connection ended', async () => {
    answers = [
      stream('retry: 2000\n\nid: 1\nevent: a\ndata: one\n\n', 'end'),
      stream('id: 2\nevent: a\ndata: two\n\nevent: b\ndata: no id\n\n', 'break'),
      stream('id: 3\nevent: a\ndata: th', 'break'),
      stream(': alive\n\nid: 3\nevent: a\ndata: three\n\n', 'stay'),
    ];
    const { messages } = follow();
    await eventually('the last message', () => messages.at(-1)?.data === 'three');
    expect(messages.map(({ id, event, data }) => [id, event, data])).toEqual([
      ['1', 'a', 'one'],
      ['2', 'a', 'two'],
      ['2', 'b', 'no id'],
      ['3', 'a', 'three'],
    ]);
    expect(asked).toEqual([undefined, '1', '2', '2']);
  });

  it('begins after the id that is known', async () => {
    const { states } = follow({ lastEventId: '41' });
    await eventually('the stream to open', () => states.includes('open'));
    expect(states).toEqual(['connecting', 'open']);
    expect(asked).toEqual(['41']);
  });

  it('takes a text apart by lines, not by the pieces in which it travels', async () => {
    answers = [
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        const bytes = Buffer.from('id: 1\nevent: a\ndata: grüße 👋\n\n');
        for (const byte of bytes) response.write(Buffer.of(byte));
      },
    ];
    const { messages } = follow();
    await eventually('the message', () => messages.length > 0);
    expect(messages).toEqual([{ id: '1', event: 'a', data: 'grüße 👋' }]);
  });

  it('tries again when the server is busy, and gives up when it refuses', async () => {
    answers = [
      (_request, response) => response.writeHead(503).end(),
      (_request, response) => {
        response.writeHead(404, { 'Content-Type': 'application/problem+json' });
        response.end('{"type":"urn:x:not-found","status":404,"detail":"There is no such session."}');
      },
    ];
    const { refused, states, messages } = follow();
    await eventually('the refusal', () => refused.length > 0);
    expect(refused.map(({ status, message }) => [status, message])).toEqual([[404, 'There is no such session.']]);
    expect(states.at(-1)).toBe('refused');
    expect(asked).toHaveLength(2);
    expect(messages).toEqual([]);
  });

  it('says nothing more after it was given up', async () => {
    let push: ((text: string) => void) | undefined;
    let closed = false;
    answers = [
      (request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
        push = (text) => response.write(text);
        request.on('close', () => {
          closed = true;
        });
      },
    ];
    const { messages, states } = follow();
    await eventually('the stream to open', () => states.includes('open'));
    stop?.();
    push?.('id: 1\ndata: late\n\n');
    await eventually('the connection to close', () => closed);
    expect(messages).toEqual([]);
    expect(asked).toHaveLength(1);
  });
});
