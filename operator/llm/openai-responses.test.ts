import { afterEach, describe, expect, it } from '@jest/globals';
import { describeProvider } from '../../test/conformance/provider.ts';
import { type ModelScript, type ModelServerOptions, startModelServer } from '../../test/support/model-server.ts';
import { HttpTransport } from './http-transport.ts';
import { OpenAIConnection } from './openai-connection.ts';
import { OpenAIResponsesProvider } from './openai-responses.ts';
import type { Message, ModelRequest, ToolSpec } from './provider.ts';
import { ResponsesAssembly } from './responses-assembly.ts';
import { replay } from './responses-state.ts';

describeProvider({
  name: 'responses',
  make: ({ baseUrl, apiKey, deadlines }) => {
    const transport = new HttpTransport(deadlines);
    return {
      provider: new OpenAIResponsesProvider(new OpenAIConnection({ baseUrl, apiKey, transport })),
      close: () => transport.close(),
    };
  },
  reasoningOnWire: (reasoning) => `"encrypted_content":"scripted-${Buffer.from(reasoning).toString('base64')}"`,
});

describe('the responses adapter', () => {
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
    const provider = new OpenAIResponsesProvider(new OpenAIConnection({ baseUrl: server.baseUrl, apiKey: 'k', transport }));
    const ask = (change: Partial<ModelRequest> = {}) =>
      provider.call(
        { model: 'm', system: 'sys', messages: [hi], tools: [tool], toolChoice: 'auto', ...change },
        { signal: new AbortController().signal },
      );
    return { server, ask };
  }

  it('has nothing stored, asks for encrypted reasoning and names the conversation for the cache', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    await ask({ cacheKey: 'session-1', reasoningEffort: 'high', maxOutputTokens: 4 });
    expect(server.requests[0]?.body).toMatchObject({
      store: false,
      include: ['reasoning.encrypted_content'],
      prompt_cache_key: 'session-1',
      parallel_tool_calls: true,
      reasoning: { effort: 'high' },
      max_output_tokens: 16,
      instructions: 'sys',
      tools: [{ type: 'function', name: 'bash', strict: false }],
    });
  });

  it('asks a model that does not reason for no reasoning', async () => {
    const { server, ask } = await start(() => ({ text: 'ok' }));
    await ask({ model: 'gpt-4.1', temperature: 0.3, reasoningEffort: 'high' });
    expect(server.requests[0]?.body).not.toHaveProperty('include');
    expect(server.requests[0]?.body).not.toHaveProperty('reasoning');
    expect(server.requests[0]?.body.temperature).toBe(0.3);
  });

  it('goes on without old reasoning that the provider can no longer read', async () => {
    const { server, ask } = await start(() => ({ reasoning: 'hm', calls: [{ name: 'bash' }] }));
    const { text, calls, state } = await ask();
    const foreign = {
      provider: '',
      model: '',
      ...state,
      items: [{ type: 'reasoning', id: 'rs_1', encrypted: 'of another organisation', summary: [] }],
    };
    const result: Message = { role: 'tool', callId: calls[0]?.id ?? '', name: 'bash', text: 'out' };
    await ask({ messages: [hi, { role: 'assistant', text, calls, state: foreign }, result] });
    expect(server.requests.map((seen) => seen.reasoning.length)).toEqual([0, 1, 0]);
  });

  it('says a turn again in the order in which it was said', async () => {
    const { server, ask } = await start(() => ({
      reasoning: 'hm',
      text: 'I look.',
      calls: [
        { name: 'bash', args: { n: 1 } },
        { name: 'bash', args: { n: 2 } },
      ],
    }));
    const { text, calls, state } = await ask();
    const results = calls.map((call): Message => ({ role: 'tool', callId: call.id, name: 'bash', text: 'out' }));
    await ask({ messages: [hi, { role: 'assistant', text, calls, ...(state && { state }) }, ...results] });
    const input = server.requests[1]?.body.input;
    const kinds = Array.isArray(input) ? input.map((item) => item.type ?? item.role) : [];
    expect(kinds).toEqual([
      'user',
      'reasoning',
      'assistant',
      'function_call',
      'function_call',
      'function_call_output',
      'function_call_output',
    ]);
  });
});

describe('an answer from a responses stream', () => {
  const request: ModelRequest = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' };
  const message = (text: string, phase?: string) => ({
    type: 'response.output_item.done',
    item: { type: 'message', id: 'msg', phase, content: [{ type: 'output_text', text }] },
  });
  const completed = { type: 'response.completed', response: { model: 'm' } };

  it('sets messages of one answer apart, for those who listen as well, and says them again one by one', () => {
    const pieces: string[] = [];
    const assembly = new ResponsesAssembly('here', (piece) => pieces.push(piece));
    assembly.add({ type: 'response.output_text.delta', delta: 'First.' });
    assembly.add(message('First.', 'commentary'));
    assembly.add({ type: 'response.output_text.delta', delta: 'Sec' });
    assembly.add({ type: 'response.output_text.delta', delta: 'ond.' });
    assembly.add(message('Second.', 'final_answer'));
    assembly.add(completed);
    const answer = assembly.answer(request);
    expect(answer.text).toBe('First.\n\nSecond.');
    expect(pieces.join('')).toBe(answer.text);
    expect(replay({ role: 'assistant', text: answer.text, calls: [] }, answer.state?.items ?? [])).toEqual([
      { role: 'assistant', content: 'First.', phase: 'commentary' },
      { role: 'assistant', content: 'Second.', phase: 'final_answer' },
    ]);
  });

  it('keeps no state that says nothing', () => {
    const assembly = new ResponsesAssembly('here', undefined);
    assembly.add(message('Hello.'));
    assembly.add(completed);
    expect(assembly.answer(request).state).toBeUndefined();
  });

  it('leaves out reasoning that nothing follows any more', () => {
    const items = [
      { type: 'reasoning', id: 'rs_1', encrypted: 'x', summary: [] },
      { type: 'call', id: 'gone' },
    ];
    expect(replay({ role: 'assistant', text: '', calls: [] }, items)).toEqual([]);
  });
});
