import { afterEach, describe, expect, it } from '@jest/globals';
import { type ModelReply, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { PROBE_TOOL, type ProbeFacts, probeModel } from './probe.ts';
import { contextWindowOf, ModelProviders } from './profiles.ts';

const KEY = 'sk-test-0123456789abcdef';

const open: { close(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function start(spec: Partial<AIProfileSpec> = {}, options: ModelServerOptions = {}, key: string | undefined = KEY) {
  const server = await startModelServer([], options);
  const providers = new ModelProviders();
  open.push(server, providers);
  const { provider = 'openai-compatible' } = spec;
  const baseUrl = provider === 'ollama' || provider === 'azure' ? new URL(server.baseUrl).origin : server.baseUrl;
  const profile = providers.providerFor({ provider, model: 'm', baseUrl, ...spec }, key, {
    version: '1',
    credentialHosts: [new URL(baseUrl).host],
  });
  return { server, probe: (): Promise<ProbeFacts> => profile.probe(new AbortController().signal) };
}

/** Those whose server is asked for a call; what Ollama tells is enough. */
const CALLED = [
  { provider: 'openai' },
  { provider: 'openai', parameters: { api: 'responses' } },
  { provider: 'azure' },
  { provider: 'gemini' },
  { provider: 'anthropic' },
  { provider: 'openai-compatible' },
] as const satisfies Partial<AIProfileSpec>[];

describe('the probe of a model', () => {
  it.each(CALLED)('has it call a tool, in one small request: %j', async (spec) => {
    const { server, probe } = await start(spec, { apiKey: KEY });
    expect(await probe()).toEqual({ toolCalling: true, contextWindow: undefined });
    expect(server.probes).toHaveLength(1);
    const [request] = server.probes;
    expect(request?.tools).toEqual([PROBE_TOOL.name]);
    expect(request?.raw.length).toBeLessThan(1_500);
    expect(server.requests).toEqual([]);
  });

  it.each(CALLED)('finds out that it calls none, but not before it was asked twice: %j', async (spec) => {
    const { server, probe } = await start(spec, { probe: () => ({ text: 'I would call the tool now.' }) });
    expect(await probe()).toMatchObject({ toolCalling: false });
    expect(server.probes).toHaveLength(2);
    const { probe: late } = await start(spec, { probe: ({ messages }) => (messages.length === 1 ? { text: 'Ok.' } : called) });
    expect(await late()).toMatchObject({ toolCalling: true });
  });

  it('cannot tell from an answer that was cut off or refused', async () => {
    for (const reply of [{ text: 'Well, ', stop: 'length' as const }, { refusal: 'No.' }]) {
      const { server, probe } = await start({}, { probe: () => reply });
      expect(await probe()).toMatchObject({ toolCalling: undefined });
      expect(server.probes).toHaveLength(1);
    }
  });

  it.each(['gemini', 'anthropic', 'openai-compatible'] as const)(
    'reads how large the context is where %s tells',
    async (provider) => {
      const { probe } = await start({ provider }, { toldWindow: 48_000 });
      expect(await probe()).toEqual({ toolCalling: true, contextWindow: 48_000 });
    },
  );

  it('finds it in the list of a server that has no page for each model', async () => {
    const { probe } = await start({ model: 'scripted' }, { toldWindow: 16_384, models: ['scripted'], withoutPages: true });
    expect(await probe()).toEqual({ toolCalling: true, contextWindow: 16_384 });
    const { probe: unlisted } = await start({ model: 'stranger' }, { withoutPages: true });
    expect(await unlisted()).toEqual({ toolCalling: true, contextWindow: undefined });
  });

  it('takes the word of the call when the list is closed to the key, or out of order', async () => {
    for (const listStatus of [403, 500]) {
      const { server, probe } = await start({ provider: 'openai' }, { listStatus });
      expect(await probe()).toEqual({ toolCalling: true, contextWindow: undefined });
      expect(server.probes).toHaveLength(1);
    }
  });

  it('passes on how much the model shall think', async () => {
    const { server, probe } = await start({ parameters: { reasoningEffort: 'low', maxOutputTokens: 100_000 } });
    await probe();
    expect(server.probes[0]?.body.reasoning_effort).toBe('low');
    expect(server.probes[0]?.settings.maxOutputTokens).toBeLessThan(2_000);
  });
});

const called: ModelReply = { calls: [{ name: PROBE_TOOL.name, args: { ok: true } }] };

describe('a probe that fails', () => {
  it.each(['openai', 'azure', 'gemini', 'anthropic', 'openai-compatible'] as const)(
    'tells a wrong key from a wrong name at %s, and shows no key',
    async (provider) => {
      const rules = { apiKey: KEY, models: ['m'] };
      const wrongKey = await failureOf((await start({ provider }, rules, 'sk-wrong-0123456789')).probe());
      expect(wrongKey).toMatchObject({ class: 'access', about: 'key' });
      expect(String(wrongKey)).not.toContain('wrong-0123456789');
      const wrongName = await failureOf((await start({ provider, model: 'other' }, rules)).probe());
      expect(wrongName).toMatchObject({ class: 'access', about: 'model' });
    },
  );

  it('tells a used-up account', async () => {
    const error = { message: 'You exceeded your current quota.', code: 'insufficient_quota' };
    const { probe } = await start({}, { probe: () => ({ fault: { status: 429, body: { error } } }) });
    await expect(probe()).rejects.toMatchObject({ class: 'quota' });
  });

  it('names the host that cannot be reached', async () => {
    const { server, probe } = await start();
    await server.close();
    const { host } = new URL(server.baseUrl);
    await expect(probe()).rejects.toMatchObject({
      class: 'transient',
      status: undefined,
      message: expect.stringContaining(host),
    });
    open.shift();
  });

  it('ends at its deadline, and names the host', async () => {
    const never = new Promise<never>(() => undefined);
    const probed = {
      provider: { call: () => never },
      host: 'models.example',
      request: { model: 'm' },
      card: (signal: AbortSignal) =>
        new Promise<never>((_, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    };
    await expect(probeModel(probed, new AbortController().signal, 20)).rejects.toMatchObject({
      class: 'transient',
      message: 'the model at models.example gave no answer within 0 s',
    });
    await expect(probeModel(probed, AbortSignal.abort(new Error('stopped')), 20)).rejects.toThrow('stopped');
  });
});

async function failureOf(probe: Promise<unknown>): Promise<unknown> {
  try {
    await probe;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('the context window to work with', () => {
  const known = { provider: 'gemini', model: 'gemini-3.1-pro-preview' } as const;

  it.each<[string, AIProfileSpec, number | undefined, number | undefined]>([
    ['is what the profile says', { ...known, contextWindow: 50_000 }, 1_000_000, 50_000],
    ['is what the server tells of a stranger', { provider: 'openai-compatible', model: 'm' }, 48_000, 48_000],
    ['is not known of a stranger nobody tells of', { provider: 'openai-compatible', model: 'm' }, undefined, undefined],
    ['ends where tokens cost more', known, 1_048_576, 200_000],
    ['is below that when the server takes less', known, 100_000, 100_000],
    ['is known without the server', known, undefined, 200_000],
    ['is what most machines hold at Ollama', { provider: 'ollama', model: 'm' }, 131_072, 32_768],
    ['is less than that where the model takes less', { provider: 'ollama', model: 'm' }, 8_192, 8_192],
  ])('%s', (_, spec, told, window) => expect(contextWindowOf(spec, told)).toBe(window));
});
