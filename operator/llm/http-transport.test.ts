import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { flood } from '../../test/support/flood.ts';
import { holdTimers, turns } from '../../test/support/held-timers.ts';
import {
  AnswerTooLongError,
  DeadlineError,
  type Deadlines,
  HttpTransport,
  MOST_ANSWER_BYTES,
  MOST_FAILURE_BYTES,
} from './http-transport.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function start(listener: (request: IncomingMessage, response: ServerResponse) => void, deadlines: Partial<Deadlines> = {}) {
  const server: Server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const transport = new HttpTransport(deadlines);
  open.push(transport, {
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return { url: `http://127.0.0.1:${address.port}/`, transport };
}

/** Writes each piece after so many ms. */
function drip(response: ServerResponse, pieces: string[], everyMs: number): void {
  const timer = setInterval(() => {
    const piece = pieces.shift();
    if (piece === undefined) {
      clearInterval(timer);
      response.end();
    } else response.write(piece);
  }, everyMs);
  response.on('close', () => clearInterval(timer));
}

describe('the transport of model calls', () => {
  it('uses a connection again', async () => {
    const sockets = new Set<Socket>();
    const { url, transport } = await start((request, response) => {
      sockets.add(request.socket);
      response.end('ok');
    });
    for (let call = 0; call < 3; call++) expect(await (await transport.fetch(url)).text()).toBe('ok');
    expect(sockets.size).toBe(1);
  });

  it('sends a request again when the idle connection it used had just been closed', async () => {
    let requests = 0;
    const { url, transport } = await start((request, response) => {
      requests++;
      if (requests === 2) request.socket.resetAndDestroy();
      else response.end(`answer ${requests}`);
    });
    await (await transport.fetch(url)).text();
    expect(await (await transport.fetch(url, { method: 'POST', body: 'x' })).text()).toBe('answer 3');
  });

  it('does not send a request again on a fresh connection', async () => {
    let requests = 0;
    const { url, transport } = await start((request) => {
      requests++;
      request.socket.resetAndDestroy();
    });
    await expect(transport.fetch(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(requests).toBe(1);
  });

  it('sends only the headers that a model call needs', async () => {
    const seen: string[] = [];
    const { url, transport } = await start((request, response) => {
      seen.push(...Object.keys(request.headers));
      response.end();
    });
    await transport.fetch(url, {
      method: 'POST',
      body: '{}',
      headers: { authorization: 'Bearer k', 'x-stainless-os': 'Linux', 'x-secret': 's' },
    });
    expect(seen.sort()).toEqual(['authorization', 'connection', 'content-length', 'host']);
  });

  it('follows no redirect, so that no key goes to another host', async () => {
    const { url, transport } = await start((_, response) => response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end());
    expect((await transport.fetch(url)).status).toBe(307);
  });

  it('waits for as long as bytes keep coming, even if they are only comments', async () => {
    let answer: ServerResponse | undefined;
    const { url, transport } = await start(
      (_, response) => {
        answer = response;
        response.write(': waiting\n\n');
      },
      { firstByteMs: 200, idleMs: 200 },
    );
    using timers = holdTimers();
    const reader = (await transport.fetch(url)).body?.getReader();
    for (let piece = 0; piece < 8; piece++) {
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(': waiting\n\n');
      timers.pass(150);
      answer?.write(': waiting\n\n');
    }
    answer?.end();
    await reader?.read();
    expect(await reader?.read()).toMatchObject({ done: true });
  });

  const silent: [what: string, deadlines: Partial<Deadlines>, answer: (response: ServerResponse) => void][] = [
    ['the first byte', { firstByteMs: 100 }, (response) => response.flushHeaders()],
    ['the next byte', { idleMs: 100 }, (response) => drip(response, ['a', 'b'], 300)],
    ['the whole answer', { answerMs: 200 }, (response) => drip(response, Array(100).fill('a'), 20)],
  ];
  it.each(silent)('gives up when %s does not come in time', async (_, deadlines, answer) => {
    const { url, transport } = await start((_request, response) => answer(response), deadlines);
    await expect(transport.fetch(url).then((response) => response.text())).rejects.toThrow(DeadlineError);
  });

  it('gives up once, not twice, on a connection that it used before', async () => {
    let requests = 0;
    const { url, transport } = await start(
      (_, response) => {
        requests++;
        if (requests === 1) response.end('ok');
      },
      { firstByteMs: 100 },
    );
    using timers = holdTimers();
    await (await transport.fetch(url)).text();
    const late = expect(transport.fetch(url)).rejects.toThrow(DeadlineError);
    await turns(() => requests === 2);
    timers.pass(100);
    await late;
    expect(requests).toBe(2);
  });

  it('reads a large answer whole', async () => {
    const { url, transport } = await start((_, response) => drip(response, Array(16).fill('x'.repeat(1 << 20)), 1));
    const body = (await transport.fetch(url)).body;
    let bytes = 0;
    for await (const chunk of body ?? []) bytes += chunk.length;
    expect(bytes).toBe(16 << 20);
  });

  it.each([403, 500, 307])('reads no more of a failed answer than can tell why, and hangs up: %i', async (status) => {
    let gone: Promise<unknown> | undefined;
    const { url, transport } = await start((_, response) => {
      response.writeHead(status);
      gone = flood(response, 10_000);
    });
    const response = await transport.fetch(url);
    expect(response.status).toBe(status);
    expect((await response.text()).length).toBe(MOST_FAILURE_BYTES);
    await gone;
  });

  it('reads a failed answer whole up to the limit', async () => {
    const { url, transport } = await start((_, response) => response.writeHead(500).end('x'.repeat(MOST_FAILURE_BYTES)));
    expect((await (await transport.fetch(url)).text()).length).toBe(MOST_FAILURE_BYTES);
  });

  it('gives up on an answer that does not end, and hangs up', async () => {
    let gone: Promise<unknown> | undefined;
    const { url, transport } = await start((_, response) => {
      gone = flood(response, 1 << 20);
    });
    let bytes = 0;
    const reading = async () => {
      for await (const chunk of (await transport.fetch(url)).body ?? []) bytes += chunk.length;
    };
    await expect(reading()).rejects.toThrow(AnswerTooLongError);
    expect(bytes).toBeLessThanOrEqual(MOST_ANSWER_BYTES);
    await gone;
  });

  it('leaves no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { url, transport } = await start((_, response) => response.end('ok'));
    const before = timers();
    for (let call = 0; call < 5; call++) await (await transport.fetch(url)).text();
    await turns(() => timers() <= before);
  });
});
