import { afterEach, describe, expect, it } from '@jest/globals';
import { describeProvider } from '../../test/conformance/provider.ts';
import { type ModelScript, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import { HttpTransport } from './http-transport.ts';
import { OpenAIChatProvider } from './openai-chat.ts';
import { OpenAIConnection } from './openai-connection.ts';
import type { Message, ModelRequest, ToolSpec } from './provider.ts';

describeProvider({
  name: 'chat completions',
  make: ({ baseUrl, apiKey, deadlines }) => {
    const transport = new HttpTransport(deadlines);
    return {
      provider: new OpenAIChatProvider(new OpenAIConnection({ baseUrl, apiKey, transport })),
      close: () => transport.close(),
    };
  },
  reasoningOnWire: (reasoning) => `"reasoning_content":${JSON.stringify(reasoning)}`,
});

describe('the chat adapter', () => {
  const hi: Message = { role: 'user', text: 'Hi' };
  const tool: ToolSpec = { name: 'bash', description: 'Runs a command.', parameters: { type: 'object' } };
  const open: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function start(script: ModelScript, options?: ModelServerOptions) {
    const server = await startModelServer(script, options);
    const transport = new HttpTransport();
    open.push(server, transport);
    const provider = new OpenAIChatProvider(new OpenAIConnection({ baseUrl: server.baseUrl, apiKey: 'k', transport }));
    const ask = (change: Partial<ModelRequest> = {}) =>
      provider.call(
        { model: 'm', system: '', messages: [hi], tools: [tool], toolChoice: 'auto', ...change },
        { signal: new AbortController().signal },
      );
    return { server, ask };
  }

  it('tells a server the limit of tokens under the name that it knows', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }), { unsupported: ['max_tokens'] });
    await ask({ maxOutputTokens: 500 });
    await ask({ maxOutputTokens: 500 });
    const sent = server.requests.map(({ body }) => [body.max_tokens, body.max_completion_tokens]);
    expect(sent).toEqual([
      [500, undefined],
      [undefined, 500],
      [undefined, 500],
    ]);
  });

  it('does without the usage that a server cannot give', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }), { unsupported: ['stream_options', 'tool_choice'] });
    const answer = await ask({ toolChoice: 'required' });
    expect(answer.usage.inputTokens).toBeGreaterThan(0);
    expect(server.requests).toHaveLength(3);
  });

  it('does not hide a parameter that is out of range', async () => {
    const error = {
      message: 'temperature must be between 0 and 2',
      type: 'invalid_request_error',
      param: 'temperature',
      code: null,
    };
    const { server, ask } = await start(() => ({ fault: { status: 400, body: { error } } }));
    await expect(ask({ temperature: 3 })).rejects.toMatchObject({ class: 'invalid' });
    expect(server.requests).toHaveLength(1);
  });

  it('writes past arguments so that every server can read them', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    const call = { id: 'c1', name: 'bash', arguments: '{"command": "l' };
    await ask({
      messages: [hi, { role: 'assistant', text: '', calls: [call] }, { role: 'tool', callId: 'c1', name: 'bash', text: 'x' }],
    });
    expect(JSON.parse(server.requests[0]?.calls[0]?.arguments ?? '')).toEqual({ malformed_arguments: '{"command": "l' });
  });

  it('joins user messages that follow each other', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    await ask({ messages: [hi, { role: 'user', text: 'and quickly' }] });
    expect(server.requests[0]?.messages).toEqual([{ role: 'user', text: 'Hi\n\nand quickly' }]);
  });

  it('keeps to itself what only OpenAI knows', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    await ask({ cacheKey: 'session-1' });
    expect(Object.keys(server.requests[0]?.body ?? {}).sort()).toEqual([
      'messages',
      'model',
      'stream',
      'stream_options',
      'tools',
    ]);
  });
});
