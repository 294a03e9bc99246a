import { afterEach, describe, expect, it } from '@jest/globals';
import { type ModelServer, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { AnthropicProvider } from './anthropic.ts';
import { GeminiProvider } from './gemini.ts';
import { OllamaProvider } from './ollama.ts';
import { OpenAIChatProvider } from './openai-chat.ts';
import { OpenAIResponsesProvider } from './openai-responses.ts';
import { ModelProviders, ProfileError } from './profiles.ts';

const KEY = 'sk-test-0123456789abcdef';
const openai: AIProfileSpec = { provider: 'openai', model: 'gpt-4.1', credentialSecretRef: { name: 's' } };

const open: { close(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function providers(): ModelProviders {
  const made = new ModelProviders();
  open.push(made);
  return made;
}

async function server(options?: ModelServerOptions): Promise<ModelServer> {
  const started = await startModelServer(() => ({ text: 'ok' }), options);
  open.push(started);
  return started;
}

describe('a profile made ready', () => {
  it.each([
    ['OpenAI itself', openai, OpenAIResponsesProvider],
    ['OpenAI itself, told to use chat', { ...openai, parameters: { api: 'chat' as const } }, OpenAIChatProvider],
    ['provider openai at another address', { ...openai, baseUrl: 'http://127.0.0.1:1/v1' }, OpenAIChatProvider],
    [
      'provider openai at another address, told to use responses',
      { ...openai, baseUrl: 'http://127.0.0.1:1/v1', parameters: { api: 'responses' as const } },
      OpenAIResponsesProvider,
    ],
    ['Gemini', { provider: 'gemini' as const, model: 'm' }, GeminiProvider],
    ['Ollama', { provider: 'ollama' as const, model: 'm' }, OllamaProvider],
    ['Anthropic', { provider: 'anthropic' as const, model: 'm' }, AnthropicProvider],
    [
      'a compatible server',
      { provider: 'openai-compatible' as const, model: 'm', baseUrl: 'http://127.0.0.1:1/v1' },
      OpenAIChatProvider,
    ],
  ])('speaks the right API to %s', (_, spec, adapter) => {
    const key = 'baseUrl' in spec ? { version: '1', credentialHosts: [new URL(spec.baseUrl).host] } : { version: '1' };
    expect(providers().providerFor(spec, KEY, key).provider).toBeInstanceOf(adapter);
  });

  it('knows prices and window of its model, and takes the profile’s own first', () => {
    const known = providers().providerFor(openai, KEY, { version: '1' });
    expect(known).toMatchObject({ model: 'gpt-4.1', contextWindow: 1_047_576, pricing: { inputPerMillion: 2 }, parameters: {} });
    const own = providers().providerFor(
      { ...openai, contextWindow: 50_000, pricing: { inputPerMillion: 9, outputPerMillion: 10 } },
      KEY,
      { version: '2' },
    );
    expect(own).toMatchObject({ contextWindow: 50_000, pricing: { inputPerMillion: 9 } });
  });

  it('stays below the length from which tokens cost more, and assumes 128k for a stranger', () => {
    expect(providers().providerFor({ ...openai, model: 'gpt-6.2-sol' }, KEY, { version: '1' }).contextWindow).toBe(272_000);
    expect(providers().providerFor({ ...openai, model: 'stranger' }, KEY, { version: '1' })).toMatchObject({
      contextWindow: 128_000,
      pricing: undefined,
    });
  });

  it('is made once for a version and anew for the next', () => {
    const all = providers();
    const first = all.providerFor(openai, KEY, { version: 'uid/1/1' });
    expect(all.providerFor(openai, KEY, { version: 'uid/1/1' })).toBe(first);
    expect(all.providerFor(openai, KEY, { version: 'uid/2/1' })).not.toBe(first);
  });

  it('calls a server that wants no key without one', async () => {
    const { baseUrl, requests } = await server();
    const made = providers().providerFor({ provider: 'openai-compatible', model: 'm', baseUrl }, undefined, { version: '1' });
    const answer = await made.provider.call(
      { model: 'm', system: '', messages: [{ role: 'user', text: 'hi' }], tools: [], toolChoice: 'auto' },
      { signal: new AbortController().signal },
    );
    expect(answer.text).toBe('ok');
    expect(requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe('a profile that cannot be used', () => {
  it('says that this build lacks a provider that only a newer schema has', () => {
    const newer: AIProfileSpec = JSON.parse('{"provider": "newer", "model": "m", "baseUrl": "http://127.0.0.1:1"}');
    expect(problemOf(newer)).toMatchObject({
      reason: 'UnsupportedProvider',
      message: expect.stringContaining('this build has no provider newer; it has openai, azure, gemini, ollama'),
    });
  });

  it('says what is missing or wrong', () => {
    expect(problemOf(openai, '')).toMatchObject({ reason: 'CredentialMissing' });
    expect(problemOf({ provider: 'openai-compatible', model: 'm' })).toMatchObject({ reason: 'InvalidBaseUrl' });
    expect(problemOf({ ...openai, baseUrl: 'file:///etc/passwd' })).toMatchObject({ reason: 'InvalidBaseUrl' });
    const withPassword = problemOf({ ...openai, baseUrl: 'http://user:hunter2@127.0.0.1/v1' });
    expect(withPassword.message).not.toContain('hunter2');
  });

  it('sends no key to a host that its Secret does not name', () => {
    const elsewhere = { ...openai, baseUrl: 'https://evil.example/v1' };
    expect(problemOf(elsewhere, KEY, ['api.openai.com'])).toMatchObject({ reason: 'CredentialNotForHost' });
    expect(problemOf(elsewhere, KEY)).toMatchObject({
      reason: 'CredentialNotForHost',
      message: expect.stringContaining("names no hosts, so it goes to the provider's own address only, not to evil.example"),
    });
    const open = { ...openai, baseUrl: 'http://api.openai.com/v1' };
    for (const hosts of [undefined, ['api.openai.com']]) {
      expect(problemOf(open, KEY, hosts)).toMatchObject({ reason: 'CredentialNotForHost' });
    }
    const all = providers();
    expect(all.providerFor(openai, KEY, { version: '1', credentialHosts: ['api.openai.com'] })).toBeDefined();
    expect(
      all.providerFor({ ...openai, baseUrl: 'http://127.0.0.1:99/v1' }, KEY, { version: '2', credentialHosts: ['127.0.0.1'] }),
    ).toBeDefined();
  });
});

it('says when an address with https meets a server without it', async () => {
  const baseUrl = (await server()).baseUrl.replace('http:', 'https:');
  const made = providers().providerFor({ provider: 'openai-compatible', model: 'm', baseUrl }, KEY, {
    version: '1',
    credentialHosts: [new URL(baseUrl).host],
  });
  await expect(made.probe(new AbortController().signal)).rejects.toMatchObject({
    class: 'access',
    message: expect.stringContaining('does not speak TLS'),
  });
});

function problemOf(spec: AIProfileSpec, key: string | undefined = KEY, credentialHosts?: string[]): ProfileError {
  try {
    providers().providerFor(spec, key, { version: '1', credentialHosts });
  } catch (error) {
    if (error instanceof ProfileError) return error;
    throw error;
  }
  throw new Error('the profile was accepted');
}
