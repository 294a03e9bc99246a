import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { flood } from '../../test/support/flood.ts';
import { ModelProviders } from './profiles.ts';

const PROVIDERS = ['openai', 'azure', 'gemini', 'ollama', 'anthropic', 'openai-compatible'] as const;

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/**
 * Tries a profile whose server answers like this; resolves with what it fails with.
 * @param answered what: everything, or only the call, while what it tells of the model is nothing special
 */
async function probe(
  provider: (typeof PROVIDERS)[number],
  answer: (response: ServerResponse) => unknown,
  answered: 'everything' | 'the call' = 'everything',
): Promise<unknown> {
  const server = createServer(({ method, url }, response) => {
    const card = method === 'GET' || url === '/api/show';
    if (card && answered === 'the call') response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    else void answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const providers = new ModelProviders();
  open.push(providers, {
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  const host = `127.0.0.1:${address.port}`;
  const spec = { provider, model: 'm', baseUrl: `http://${host}` };
  const profile = providers.providerFor(spec, 'sk-test-0123456789abcdef', { version: '1', credentialHosts: [host] });
  return profile.probe(new AbortController().signal).catch((error: unknown) => error);
}

describe('an answer that does not end', () => {
  it.each(PROVIDERS)('is read only in part when it is a refusal: %s', async (provider) => {
    const error = await probe(provider, (response) => flood(response.writeHead(403), 100_000));
    expect(error).toMatchObject({ name: 'ModelError', class: 'access', status: 403 });
  });

  it.each(['openai', 'gemini', 'ollama', 'anthropic'] as const)(
    'fails for good when it says that all is well: %s',
    async (provider) => {
      const error = await probe(provider, (response) =>
        flood(response.writeHead(200, { 'content-type': 'application/json' }), 1 << 20, '\n\n'),
      );
      expect(error).toMatchObject({
        name: 'ModelError',
        class: 'invalid',
        message: expect.stringContaining('longer than 64 MiB'),
      });
    },
  );

  it.each([
    ['openai', 'event'],
    ['azure', 'event'],
    ['gemini', 'event'],
    ['ollama', 'line'],
    ['anthropic', 'event'],
    ['openai-compatible', 'event'],
  ] as const)('fails for good, and early, when it is one endless line: %s', async (provider, piece) => {
    for (const type of ['text/event-stream', 'application/json']) {
      const endless = (response: ServerResponse) => flood(response.writeHead(200, { 'content-type': type }), 100_000);
      expect(await probe(provider, endless, 'the call')).toMatchObject({
        name: 'ModelError',
        class: 'invalid',
        message: expect.stringMatching(`^the model at 127\\.0\\.0\\.1:\\d+: one ${piece} of the answer is longer than 8 MiB$`),
      });
    }
  });
});

describe('what people get to read of a refusal', () => {
  const SECRET = 'internal-4711';
  const foreign: [what: string, body: string][] = [
    ['a line of text', `the password is ${SECRET}`],
    ['a page', `<html><body>${SECRET}</body></html>`],
    ['JSON of another kind', JSON.stringify({ items: [{ secret: SECRET }] })],
    ['an error that is another kind of object', JSON.stringify({ error: { data: SECRET, message: { text: SECRET } } })],
    ['broken JSON', `{"items": "${SECRET}`],
    ['a text as JSON', JSON.stringify(SECRET)],
    ['a list', JSON.stringify([SECRET])],
  ];

  it.each(PROVIDERS)('is the status alone when no error object came: %s', async (provider) => {
    for (const [what, body] of foreign)
      for (const [status, words] of [
        [400, 'Bad Request'],
        [404, 'Not Found'],
      ] as const) {
        const error = await probe(provider, (response) => response.writeHead(status).end(body));
        expect([what, error]).toMatchObject([
          what,
          { name: 'ModelError', status, message: expect.stringContaining(`(${status}): ${words}`) },
        ]);
        expect(String(error)).not.toContain(SECRET);
      }
  });

  it.each(PROVIDERS)('is the message of an error object: %s', async (provider) => {
    const body = JSON.stringify({ error: { message: 'Your plan has no such model.', data: SECRET } });
    const error = await probe(provider, (response) => response.writeHead(400).end(body));
    expect(String(error)).toContain('(400): Your plan has no such model.');
    expect(String(error)).not.toContain(SECRET);
  });

  it.each(PROVIDERS)('is the error where that is a sentence: %s', async (provider) => {
    const error = await probe(provider, (response) => response.writeHead(400).end('{"error":"Your plan has ended."}'));
    expect(String(error)).toContain('(400): Your plan has ended.');
  });

  it.each(PROVIDERS)('is nothing of a page that comes as if all were well: %s', async (provider) => {
    for (const type of ['text/html', 'application/json', 'text/event-stream', 'application/x-ndjson'])
      for (const [, body] of foreign)
        for (const text of [body, `data: ${body}\n\n`])
          for (const answered of ['everything', 'the call'] as const) {
            const send = (response: ServerResponse) => response.writeHead(200, { 'content-type': type }).end(text);
            const shown = String(await probe(provider, send, answered));
            expect({ type, text, answered, shown: shown.includes(SECRET) ? shown : '' }).toMatchObject({ shown: '' });
          }
  });
});
