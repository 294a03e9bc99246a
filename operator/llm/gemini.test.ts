import { afterEach, describe, expect, it } from '@jest/globals';
import { describeProvider } from '../../test/conformance/provider.ts';
import { type ModelScript, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import { GeminiProvider } from './gemini.ts';
import { GeminiAssembly } from './gemini-assembly.ts';
import { GeminiConnection } from './gemini-connection.ts';
import { HttpTransport } from './http-transport.ts';
import type { Message, ModelRequest, ToolSpec } from './provider.ts';

const quota = (quotaId: string) => ({
  error: {
    code: 429,
    message: 'You exceeded your current quota, please check your plan and billing details.',
    status: 'RESOURCE_EXHAUSTED',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId }] },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '31s' },
    ],
  },
});

describeProvider({
  name: 'gemini',
  make: ({ baseUrl, apiKey, deadlines }) => {
    const transport = new HttpTransport(deadlines);
    return {
      provider: new GeminiProvider(new GeminiConnection({ baseUrl, apiKey, transport })),
      close: () => transport.close(),
    };
  },
  reasoningOnWire: (reasoning) => `"thoughtSignature":"signed-${Buffer.from(reasoning).toString('base64')}"`,
  reasoning: { model: 'gemini-3.1-pro-preview', lowOnWire: '"thinkingLevel":"LOW"' },
  headers: ['x-goog-api-key'],
  lacks: {
    'malformed-arguments': 'arguments come as an object, and a failure to write one has a finish reason of its own',
    'stream-codes': 'an error in a stream has a status like any other',
  },
  faults: [
    ['a limit per minute', { status: 429, body: quota('GenerateRequestsPerMinutePerProjectPerModel') }, 'transient'],
    ['a limit per day', { status: 429, body: quota('GenerateRequestsPerDayPerProjectPerModel') }, 'quota'],
    ['overload', { status: 503 }, 'transient'],
    [
      'a country that is not served',
      { status: 400, error: { message: 'User location is not supported for the API use.' } },
      'access',
    ],
  ],
});

describe('the gemini adapter', () => {
  const hi: Message = { role: 'user', text: 'Hi' };
  const tool: ToolSpec = { name: 'bash', description: 'Runs a command.', parameters: { type: 'object' } };
  const result = (callId: string): Message => ({ role: 'tool', callId, name: 'bash', text: 'out' });
  const open: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function start(script: ModelScript, options?: ModelServerOptions) {
    const server = await startModelServer(script, options);
    const transport = new HttpTransport();
    open.push(server, transport);
    const provider = new GeminiProvider(new GeminiConnection({ baseUrl: server.baseUrl, apiKey: 'k', transport }));
    const ask = (change: Partial<ModelRequest> = {}) =>
      provider.call(
        { model: 'm', system: 'sys', messages: [hi], tools: [tool], toolChoice: 'auto', ...change },
        { signal: new AbortController().signal },
      );
    return { server, ask };
  }

  it('waits as long as Google says with a limit per minute', async () => {
    const { ask } = await start(() => ({ fault: { status: 429, body: quota('GenerateRequestsPerMinutePerProject') } }));
    await expect(ask()).rejects.toMatchObject({ class: 'transient', retryAfterMs: 31_000 });
  });

  it('gives every signature back in the part in which it came', async () => {
    const { server, ask } = await start(() => ({
      reasoning: 'hm',
      text: 'I look.',
      calls: [{ name: 'bash' }, { name: 'bash' }],
    }));
    const { text, calls, state } = await ask();
    const said: Message = { role: 'assistant', text, calls, ...(state && { state }) };
    await ask({ messages: [hi, said, ...calls.map((call) => result(call.id)), hi] });
    const signature = 'signed-aG0=';
    const call = (id: string | undefined) => ({ functionCall: { id, name: 'bash', args: {} } });
    const response = (id: string | undefined) => ({ functionResponse: { id, name: 'bash', response: { output: 'out' } } });
    expect(server.requests[1]?.body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Hi' }] },
      { role: 'model', parts: [{ text: 'I look.' }, { ...call(calls[0]?.id), thoughtSignature: signature }, call(calls[1]?.id)] },
      { role: 'user', parts: [response(calls[0]?.id), response(calls[1]?.id)] },
      { role: 'user', parts: [{ text: 'Hi' }] },
    ]);
  });

  it('gives back the signature of an answer without calls', async () => {
    const { server, ask } = await start(() => ({ reasoning: 'hm', text: 'Done.' }));
    const { text, calls, state } = await ask();
    await ask({ messages: [hi, { role: 'assistant', text, calls, ...(state && { state }) }, hi] });
    expect(server.requests[1]?.reasoning).toEqual([{ text: '', thoughtSignature: 'signed-aG0=' }]);
  });

  it('goes on without signatures that Google does not take back', async () => {
    const { server, ask } = await start(() => ({ reasoning: 'hm', calls: [{ name: 'bash' }] }));
    const { text, calls, state } = await ask();
    const items = [{ type: 'call', id: calls[0]?.id, signature: 'of another' }];
    const said: Message = { role: 'assistant', text, calls, state: { provider: '', model: '', ...state, items } };
    await ask({ messages: [hi, said, result(calls[0]?.id ?? '')] });
    expect(server.requests.map((seen) => seen.reasoning.length)).toEqual([0, 1, 0]);
  });

  it('takes a conversation with calls that another provider made', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    const call = { id: 'toolu_1', name: 'bash', arguments: 'no JSON' };
    await ask({ messages: [hi, { role: 'assistant', text: '', calls: [call] }, result(call.id)] });
    expect(server.requests[0]?.calls).toEqual([{ ...call, arguments: '{"malformed_arguments":"no JSON"}' }]);
    expect(server.requests).toHaveLength(1);
  });

  it('asks a model for no level of thinking that has none', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    const models = ['gemini-1.5-pro', 'gemini-2.5-pro', 'gemini-3.1-pro-preview'];
    for (const model of models) await ask({ model, reasoningEffort: 'xhigh' });
    expect(server.requests.map(({ raw }) => /"thinkingLevel":"(\w+)"/.exec(raw)?.[1])).toEqual([undefined, undefined, 'HIGH']);
  });

  it('sends a model that does not think no word of thinking, and what it asks for itself', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    const call = { id: 'toolu_1', name: 'bash', arguments: '{}' };
    const messages: Message[] = [hi, { role: 'assistant', text: '', calls: [call] }, result(call.id)];
    await ask({ model: 'gemini-1.5-pro', messages, reasoningEffort: 'high', temperature: 0.3, topP: 0.9, maxOutputTokens: 700 });
    expect(server.requests[0]?.body.generationConfig).toEqual({ temperature: 0.3, topP: 0.9, maxOutputTokens: 700 });
    expect(server.requests[0]?.raw).not.toMatch(/thought|thinking/i);
    expect(server.requests).toHaveLength(1);
  });
});

describe('an answer from a gemini stream', () => {
  const request: ModelRequest = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' };
  const ended = (finishReason: string, parts: object[] = []) => {
    const assembly = new GeminiAssembly('here', undefined);
    assembly.add({ candidates: [{ content: { parts }, finishReason }] });
    return () => assembly.answer(request);
  };

  it.each(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'OTHER'])('failed when it ended with %s', (finishReason) => {
    expect(ended(finishReason)).toThrow(finishReason);
  });

  it.each(['RECITATION', 'PROHIBITED_CONTENT', 'BLOCKLIST'])('is a refusal when it ended with %s', (finishReason) => {
    expect(ended(finishReason, [{ text: 'So far' }])()).toMatchObject({ stop: 'refusal', text: 'So far', calls: [] });
  });

  it('names calls that Google gave no id, and leaves thoughts out of the text', () => {
    const parts = [{ text: 'I think.', thought: true }, { functionCall: { name: 'a' } }, { functionCall: { name: 'a' } }];
    const { text, calls, stop } = ended('STOP', parts)();
    expect([text, stop, calls.length, new Set(calls.map(({ id }) => id)).size]).toEqual(['', 'calls', 2, 2]);
  });
});
