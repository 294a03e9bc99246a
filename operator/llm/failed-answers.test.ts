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

/** Tries a profile whose server answers everything like this; resolves with what it fails with. */
async function probe(provider: (typeof PROVIDERS)[number], answer: (response: ServerResponse) => unknown): Promise<unknown> {
  const server = createServer((_, response) => void answer(response));
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
  const spec = { provider, model: 'm', baseUrl: `http://127.0.0.1:${address.port}` };
  const profile = providers.providerFor(spec, 'sk-test-0123456789abcdef', { version: '1' });
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
        flood(response.writeHead(200, { 'content-type': 'application/json' }), 1 << 20),
      );
      expect(error).toMatchObject({
        name: 'ModelError',
        class: 'invalid',
        message: expect.stringContaining('longer than 64 MiB'),
      });
    },
  );
});
