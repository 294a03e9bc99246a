import { afterEach, describe, expect, it } from '@jest/globals';
import { describeProvider } from '../../test/conformance/provider.ts';
import { startModelServer } from '../../test/support/model-server.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { azureConnection } from './azure-connection.ts';
import { HttpTransport } from './http-transport.ts';
import { OpenAIChatProvider } from './openai-chat.ts';
import { OpenAIResponsesProvider } from './openai-responses.ts';
import { ModelProviders } from './profiles.ts';

for (const [name, apiVersion] of [
  ['azure (v1 API)', undefined],
  ['azure (API of a date)', '2025-04-01-preview'],
] as const) {
  describeProvider({
    name,
    make: ({ baseUrl, apiKey, deadlines }) => {
      const transport = new HttpTransport(deadlines);
      const settings = { baseUrl: new URL(baseUrl).origin, apiKey, deployment: undefined, apiVersion, api: undefined };
      const { connection, api } = azureConnection({ ...settings, transport });
      return {
        provider: api === 'responses' ? new OpenAIResponsesProvider(connection) : new OpenAIChatProvider(connection),
        close: () => transport.close(),
      };
    },
    reasoningOnWire: (reasoning) =>
      apiVersion === undefined
        ? `"encrypted_content":"scripted-${Buffer.from(reasoning).toString('base64')}"`
        : `"reasoning_content":${JSON.stringify(reasoning)}`,
    headers: ['api-key'],
    faults: [
      [
        'a wrong key in the words of Azure',
        { status: 401, error: { code: '401', message: 'Access denied due to invalid subscription key or wrong API endpoint.' } },
        'access',
      ],
      [
        'a deployment that is not there',
        { status: 404, error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } },
        'access',
      ],
    ],
  });
}

describe('an azure profile', () => {
  const open: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function start(change: Partial<AIProfileSpec>) {
    const server = await startModelServer(() => ({ text: 'ok' }), { apiKey: 'k' });
    const providers = new ModelProviders();
    open.push(server, providers);
    const baseUrl = new URL(server.baseUrl).origin;
    const spec: AIProfileSpec = { provider: 'azure', model: 'gpt-6.2-sol', deployment: 'our-sol', baseUrl, ...change };
    const profile = providers.providerFor(spec, 'k', { version: '1', credentialHosts: ['127.0.0.1'] });
    const ask = () =>
      profile.provider.call(
        {
          model: profile.model,
          system: '',
          messages: [{ role: 'user', text: 'Hi' }],
          tools: [],
          toolChoice: 'auto',
          temperature: 1,
        },
        { signal: new AbortController().signal },
      );
    return { server, profile, ask };
  }

  it.each<[string, Partial<AIProfileSpec>, string]>([
    ['the v1 API', {}, '/openai/v1/responses'],
    ['the v1 API by its name', { apiVersion: 'v1' }, '/openai/v1/responses'],
    ['the preview of the v1 API', { apiVersion: 'preview' }, '/openai/v1/responses?api-version=preview'],
    ['chat completions of the v1 API', { parameters: { api: 'chat' } }, '/openai/v1/chat/completions'],
    ['the API of a date', { apiVersion: '2024-10-21' }, '/openai/deployments/our-sol/chat/completions?api-version=2024-10-21'],
    [
      'responses of the API of a date',
      { apiVersion: '2025-04-01-preview', parameters: { api: 'responses' } },
      '/openai/responses?api-version=2025-04-01-preview',
    ],
  ])('calls its deployment over %s', async (_, change, url) => {
    const { server, ask } = await start(change);
    await ask();
    expect(server.requests[0]).toMatchObject({ url, model: 'our-sol' });
    expect(server.requests[0]?.headers).toMatchObject({ 'api-key': 'k' });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each(['/', '/openai', '/openai/v1/', '/openai/deployments/our-sol/chat/completions?api-version=2024-10-21'])(
    'takes an endpoint that was copied with the path %s',
    async (path) => {
      const server = await startModelServer(() => ({ text: 'ok' }));
      const transport = new HttpTransport();
      open.push(server, transport);
      const baseUrl = new URL(path, server.baseUrl).href;
      const settings = { baseUrl, apiKey: 'k', deployment: 'our-sol', apiVersion: undefined, api: undefined };
      const { connection } = azureConnection({ ...settings, transport });
      await new OpenAIResponsesProvider(connection).call(
        { model: 'm', system: '', messages: [{ role: 'user', text: 'Hi' }], tools: [], toolChoice: 'auto' },
        { signal: new AbortController().signal },
      );
      expect(server.requests[0]?.url).toBe('/openai/v1/responses');
    },
  );

  it('knows its model under whatever name it is deployed', async () => {
    const { server, profile, ask } = await start({});
    expect(profile).toMatchObject({ contextWindow: 272_000, pricing: { inputPerMillion: 2 } });
    await ask();
    expect(server.requests[0]?.settings.temperature).toBeUndefined();
  });

  it.each([{}, { apiVersion: '2024-10-21' }])('is probed with a call to its deployment: %j', async (change) => {
    const { server, profile } = await start(change);
    expect(await profile.probe(new AbortController().signal)).toEqual({ toolCalling: true, contextWindow: undefined });
    expect(server.probes).toHaveLength(1);
    expect(server.requests).toEqual([]);
  });
});
