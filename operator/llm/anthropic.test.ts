import { afterEach, describe, expect, it } from '@jest/globals';
import { describeProvider } from '../../test/conformance/provider.ts';
import { type ModelScript, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import { AnthropicProvider } from './anthropic.ts';
import { AnthropicConnection } from './anthropic-connection.ts';
import { HttpTransport } from './http-transport.ts';
import type { Message, ModelRequest, ToolSpec } from './provider.ts';

describeProvider({
  name: 'anthropic',
  make: ({ baseUrl, apiKey, deadlines }) => {
    const transport = new HttpTransport(deadlines);
    return {
      provider: new AnthropicProvider(new AnthropicConnection({ baseUrl, apiKey, transport })),
      close: () => transport.close(),
    };
  },
  reasoningOnWire: (reasoning) => `"signature":"signed-${Buffer.from(reasoning).toString('base64')}"`,
  reasoning: { model: 'claude-sonnet-5-5', lowOnWire: '"output_config":{"effort":"low"}' },
  headers: ['anthropic-version'],
  lacks: {
    'parameter-refusals': 'the API has no sampling parameters',
    'stream-codes': 'an error has a type, and too much text is told by its words',
  },
  faults: [
    ['overload', { status: 529 }, 'transient'],
    [
      'credits that are used up',
      { status: 400, error: { message: 'Your credit balance is too low to access the Anthropic API.' } },
      'quota',
    ],
    ['a billing problem', { status: 402 }, 'quota'],
    [
      'a limit of spending',
      {
        status: 400,
        body: {
          type: 'error',
          error: {
            type: 'invalid_request_error',
            message: 'No.',
            details: { error_code: 'enforced_spend_limit_reached' },
          },
        },
      },
      'quota',
    ],
    [
      'an answer that would not fit after the text',
      {
        status: 400,
        error: { message: 'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length' },
      },
      'overflow',
    ],
    ['a request of too many bytes', { status: 413 }, 'overflow'],
  ],
});

describe('the anthropic adapter', () => {
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
    const provider = new AnthropicProvider(new AnthropicConnection({ baseUrl: server.baseUrl, apiKey: 'k', transport }));
    const ask = (change: Partial<ModelRequest> = {}) =>
      provider.call(
        { model: 'm', system: 'sys', messages: [hi], tools: [tool], toolChoice: 'auto', ...change },
        { signal: new AbortController().signal },
      );
    return { server, ask };
  }

  it('marks tools, system text and the last two turns for the cache, and nothing more', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    const call = (id: string): Message => ({ role: 'assistant', text: '', calls: [{ id, name: 'bash', arguments: '{}' }] });
    await ask({ messages: [hi, call('a'), result('a'), call('b'), result('b'), call('c'), result('c')] });
    const mark = { type: 'ephemeral' };
    expect(server.requests[0]?.body).toMatchObject({
      tools: [{ name: 'bash', cache_control: mark }],
      system: [{ type: 'text', text: 'sys', cache_control: mark }],
      messages: [{}, {}, {}, {}, { content: [{ cache_control: mark }] }, {}, { content: [{ cache_control: mark }] }],
    });
    expect(server.requests[0]?.raw.split('cache_control')).toHaveLength(5);
  });

  it('counts what the cache gave and what was written to it', async () => {
    const { ask } = await start(() => ({
      text: 'ok',
      usage: { input: 900, cached: 500, written: 300, output: 9, reasoning: 0 },
    }));
    expect((await ask()).usage).toEqual({
      inputTokens: 900,
      cachedInputTokens: 500,
      cacheWriteTokens: 300,
      outputTokens: 9,
      reasoningTokens: 0,
    });
  });

  it('goes on without thoughts that the provider does not take back', async () => {
    const { server, ask } = await start(() => ({ reasoning: 'hm', calls: [{ name: 'bash' }] }));
    const { text, calls, state } = await ask();
    const foreign = { provider: '', model: '', ...state, items: [{ type: 'thinking', thinking: 'hm', signature: 'of another' }] };
    await ask({ messages: [hi, { role: 'assistant', text, calls, state: foreign }, result(calls[0]?.id ?? '')] });
    expect(server.requests.map((seen) => seen.reasoning.length)).toEqual([0, 1, 0]);
  });

  it('says a turn again in the order in which it was said', async () => {
    const { server, ask } = await start(() => ({
      reasoning: 'hm',
      text: 'I look.',
      calls: [{ name: 'bash' }, { name: 'bash' }],
    }));
    const { text, calls, state } = await ask();
    const results = calls.map((call) => result(call.id));
    await ask({ messages: [hi, { role: 'assistant', text, calls, ...(state && { state }) }, ...results, hi] });
    const messages = server.requests[1]?.body.messages;
    const kinds = Array.isArray(messages)
      ? messages.map(({ role, content }) => [role, ...content.map((block: { type: string }) => block.type)].join(' '))
      : [];
    expect(kinds).toEqual(['user text', 'assistant thinking text tool_use tool_use', 'user tool_result tool_result text']);
  });

  it('asks a model to think unless it does not or is told not to, and never sends sampling parameters', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    await ask({ model: 'claude-opus-5-5', temperature: 0.2 });
    await ask({ model: 'claude-haiku-4-5-20251001', temperature: 0.2, topP: 0.5 });
    await ask({ model: 'claude-sonnet-5-5', reasoningEffort: 'none' });
    await ask({ model: 'stranger', reasoningEffort: 'minimal' });
    expect(server.requests.map(({ body }) => [body.thinking, body.output_config])).toEqual([
      [{ type: 'adaptive' }, undefined],
      [undefined, undefined],
      [{ type: 'disabled' }, undefined],
      [{ type: 'adaptive' }, { effort: 'low' }],
    ]);
  });

  it('does without thinking where the model does not know it', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }), { unsupported: ['thinking'] });
    await ask();
    await ask();
    expect(server.requests.map(({ body }) => 'thinking' in body)).toEqual([true, false, false]);
  });

  it('takes a conversation with calls of another provider, also when no tool is offered', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    const call = { id: 'functions.bash:0', name: 'bash', arguments: 'no JSON' };
    await ask({ tools: [], messages: [hi, { role: 'assistant', text: ' ', calls: [call] }, result(call.id)] });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.calls).toEqual([
      { id: 'functions_bash_0', name: 'bash', arguments: '{"malformed_arguments":"no JSON"}' },
    ]);
    expect(server.requests[0]?.settings.toolChoice).toBe('none');
  });

  it('says when the context window was full before the answer was complete', async () => {
    const { ask } = await start(() => ({ text: 'Once upon', stop: 'length' }));
    expect(await ask()).toMatchObject({ text: 'Once upon', stop: 'length' });
  });
});
