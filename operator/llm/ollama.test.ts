import { afterEach, describe, expect, it } from '@jest/globals';
import { describeProvider } from '../../test/conformance/provider.ts';
import { type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { HttpTransport } from './http-transport.ts';
import { OllamaProvider } from './ollama.ts';
import { OllamaConnection } from './ollama-connection.ts';
import { ModelProviders } from './profiles.ts';
import type { Message, ModelRequest, ToolSpec } from './provider.ts';

describeProvider({
  name: 'ollama',
  make: ({ baseUrl, apiKey, deadlines }) => {
    const transport = new HttpTransport(deadlines);
    return {
      provider: new OllamaProvider(new OllamaConnection({ baseUrl, apiKey, transport }), 32_768),
      close: () => transport.close(),
    };
  },
  reasoningOnWire: (reasoning) => `"thinking":${JSON.stringify(reasoning)}`,
  lacks: {
    filter: 'it filters nothing',
    'malformed-arguments': 'arguments come as an object',
    'tool-choice': 'it cannot be told whether to call',
    'parameter-refusals': 'options that it does not know are ignored',
    'reasoning-models': 'every model takes sampling parameters',
    'stream-codes': 'an error in a stream is a sentence',
    'usage-details': 'neither cached tokens nor those of thinking are told apart',
  },
  faults: [
    [
      'a model without tools',
      { status: 400, error: { message: 'registry.ollama.ai/library/m does not support tools' } },
      'access',
    ],
    [
      'a queue that is full',
      { status: 503, error: { message: 'server busy, please try again.  maximum pending requests exceeded' } },
      'transient',
    ],
    ['too much text', { status: 400, error: { message: 'the input length exceeds the context length' } }, 'overflow'],
  ],
});

describe('an ollama profile', () => {
  const hi: Message = { role: 'user', text: 'Hi' };
  const tool: ToolSpec = { name: 'bash', description: 'Runs a command.', parameters: { type: 'object' } };
  const open: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function start(change: Partial<AIProfileSpec> = {}, options?: ModelServerOptions) {
    const server = await startModelServer(() => ({ text: 'ok' }), options);
    const providers = new ModelProviders();
    open.push(server, providers);
    const spec: AIProfileSpec = { provider: 'ollama', model: 'm', baseUrl: new URL(server.baseUrl).origin, ...change };
    const profile = providers.providerFor(spec, undefined, { version: '1' });
    const ask = (change: Partial<ModelRequest> = {}) =>
      profile.provider.call(
        { model: profile.model, system: '', messages: [hi], tools: [tool], toolChoice: 'auto', ...change },
        { signal: new AbortController().signal },
      );
    const probe = () => profile.probe(new AbortController().signal);
    return { server, profile, ask, probe };
  }

  it('needs no key, and is told the length of its context', async () => {
    const { server, profile, ask } = await start({ contextWindow: 65_536 });
    await ask({ maxOutputTokens: 900 });
    expect(profile.contextWindow).toBe(65_536);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(server.requests[0]?.body).toMatchObject({ truncate: false, options: { num_ctx: 65_536, num_predict: 900 } });
  });

  it('has a context that most machines can hold when its profile does not say', async () => {
    const { server, profile, ask } = await start();
    await ask();
    expect(profile.contextWindow).toBe(32_768);
    expect(server.requests[0]?.body.options).toEqual({ num_ctx: 32_768 });
  });

  it('takes an address that was copied with its path', async () => {
    for (const path of ['/', '/api', '/v1/']) {
      const { server } = await start();
      const transport = new HttpTransport();
      open.push(transport);
      const baseUrl = new URL(path, server.baseUrl).href;
      const provider = new OllamaProvider(new OllamaConnection({ baseUrl, apiKey: undefined, transport }), 4_096);
      const request: ModelRequest = { model: 'm', system: '', messages: [hi], tools: [], toolChoice: 'auto' };
      await provider.call(request, { signal: new AbortController().signal });
      expect(server.requests[0]?.url).toBe('/api/chat');
    }
  });

  it('takes a host that is named like a part of the path', () => {
    const transport = new HttpTransport();
    open.push(transport);
    for (const baseUrl of ['http://v1', 'http://api/', 'http://v1:11434/v1?x=1'])
      expect(new OllamaConnection({ baseUrl, apiKey: undefined, transport }).host).toBe(new URL(baseUrl).host);
  });

  it('says plainly that a model cannot call tools, when it is called and when it is probed', async () => {
    const { ask, probe } = await start({}, { withoutTools: ['m'] });
    const told = {
      class: 'access',
      about: 'tools',
      message: expect.stringContaining('without tools it cannot work as an agent'),
    };
    await expect(ask()).rejects.toMatchObject(told);
    await expect(probe()).rejects.toMatchObject(told);
  });

  it('is probed without being loaded, and with its own limit where that is below the usual one', async () => {
    const { server, probe } = await start({}, { models: ['m'] });
    expect(await probe()).toEqual({ toolCalling: true, contextWindow: 40_960 });
    expect(server.probes).toEqual([]);
    const { probe: other } = await start({ model: 'other' }, { models: ['m'] });
    await expect(other()).rejects.toMatchObject({ class: 'access', about: 'model', message: expect.stringContaining('other') });
  });

  it('offers no tool when none may be called', async () => {
    const { server, ask } = await start();
    await ask({ toolChoice: 'none' });
    expect(server.requests[0]?.tools).toEqual([]);
  });

  it('thinks as much as it is told to, where it can', async () => {
    const { server, ask } = await start();
    for (const model of ['gpt-oss:20b', 'qwen3:8b']) await ask({ model, reasoningEffort: 'xhigh' });
    await ask({ model: 'qwen3:8b', reasoningEffort: 'none' });
    expect(server.requests.map(({ body }) => body.think)).toEqual(['high', true, false]);
  });

  it('does without thinking where the model cannot, and remembers that', async () => {
    const { server, ask } = await start({}, { unsupported: ['think'] });
    await ask({ reasoningEffort: 'high' });
    await ask({ reasoningEffort: 'high' });
    expect(server.requests.map(({ body }) => 'think' in body)).toEqual([true, false, false]);
  });
});
