import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError } from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { type ModelScript, type ModelServer, type ModelServerOptions, startModelServer } from './model-server.ts';

const servers: ModelServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(script: ModelScript, options?: ModelServerOptions) {
  const server = await startModelServer(script, options);
  servers.push(server);
  const client = new OpenAI({ apiKey: 'k', baseURL: server.baseUrl, maxRetries: 0, logLevel: 'off' });
  return { server, client };
}

const chatTool = { type: 'function' as const, function: { name: 'bash', parameters: { type: 'object' } } };
const responsesTool = { type: 'function' as const, name: 'bash', parameters: { type: 'object' }, strict: false };

describe('the scripted model server', () => {
  it('answers whole chat completions that the SDK parses', async () => {
    const { client, server } = await start([
      { text: 'hello', calls: [{ name: 'bash', args: { command: 'ls' } }], usage: { input: 7, output: 3 } },
    ]);
    const answer = await client.chat.completions.create({
      model: 'm',
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      tools: [chatTool],
    });
    const choice = answer.choices[0];
    expect(choice?.message.content).toBe('hello');
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.tool_calls?.[0]).toMatchObject({
      type: 'function',
      function: { name: 'bash', arguments: '{"command":"ls"}' },
    });
    expect(answer.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 });
    expect(server.requests[0]).toMatchObject({
      api: 'chat',
      model: 'm',
      system: 'be brief',
      tools: ['bash'],
      turn: 0,
      last: 'hi',
    });
  });

  it('streams chat completions that the SDK assembles', async () => {
    const { client } = await start([
      {
        text: 'hello there',
        calls: [
          { name: 'bash', args: { command: 'ls' } },
          { name: 'bash', args: 'no json' },
        ],
      },
    ]);
    const stream = client.chat.completions.stream({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      tools: [chatTool],
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const answer = await stream.finalChatCompletion();
    expect(deltas.length).toBeGreaterThan(2);
    expect(deltas.join('')).toBe('hello there');
    const calls = answer.choices[0]?.message.tool_calls ?? [];
    expect(calls.map((call) => (call.type === 'function' ? call.function.arguments : ''))).toEqual([
      '{"command":"ls"}',
      'no json',
    ]);
    expect(answer.usage?.prompt_tokens).toBeGreaterThan(0);
  });

  it('answers whole and streamed responses that the SDK parses', async () => {
    const { client } = await start(() => ({
      reasoning: 'hm',
      text: 'hello there',
      calls: [{ name: 'bash', args: { command: 'ls' } }],
    }));
    const params = {
      model: 'm',
      input: 'hi',
      tools: [responsesTool],
      store: false,
      include: ['reasoning.encrypted_content' as const],
    };
    const whole = await client.responses.create(params);
    expect(whole.output.map((item) => item.type)).toEqual(['reasoning', 'message', 'function_call']);
    expect(whole.output_text).toBe('hello there');
    const stream = client.responses.stream(params);
    const events: ResponseStreamEvent[] = [];
    stream.on('event', (event) => events.push(event));
    const streamed = await stream.finalResponse();
    expect(streamed.output_text).toBe('hello there');
    expect(streamed.output[2]).toMatchObject({ type: 'function_call', name: 'bash', arguments: '{"command":"ls"}' });
    expect(streamed.usage?.input_tokens).toBeGreaterThan(0);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  });

  it('shows the conversation the same way through both APIs', async () => {
    const { client, server } = await start(() => ({ text: 'ok' }));
    const call = { id: 'c1', type: 'function' as const, function: { name: 'bash', arguments: '{}' } };
    await client.chat.completions.create({
      model: 'm',
      messages: [
        { role: 'system', content: 'sys' },
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'look', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: 'out' },
      ],
    });
    await client.responses.create({
      model: 'm',
      instructions: 'sys',
      input: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'look' },
        { type: 'function_call', call_id: 'c1', name: 'bash', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'out' },
      ],
    });
    const [chat, responses] = server.requests;
    expect(chat?.messages).toEqual([
      { role: 'user', text: 'hi' },
      { role: 'assistant', text: 'look', calls: [{ id: 'c1', name: 'bash', arguments: '{}' }] },
      { role: 'tool', callId: 'c1', text: 'out' },
    ]);
    expect(responses?.messages).toEqual(chat?.messages);
    expect(responses?.system).toBe('sys');
    expect(responses?.turn).toBe(1);
    expect(responses?.results.get('c1')).toBe('out');
  });

  it.each([
    ['an unanswered call', { calls: true, results: false }],
    ['a result without a call', { calls: false, results: true }],
  ])('refuses %s as the real APIs do', async (_, { calls, results }) => {
    const { client } = await start(() => ({ text: 'ok' }));
    const user = { role: 'user' as const, content: 'hi' };
    const call = { id: 'c1', type: 'function' as const, function: { name: 'bash', arguments: '{}' } };
    const chat = client.chat.completions.create({
      model: 'm',
      messages: [
        user,
        ...(calls ? [{ role: 'assistant' as const, tool_calls: [call] }] : []),
        ...(results ? [{ role: 'tool' as const, tool_call_id: 'c1', content: 'out' }] : []),
      ],
    });
    await expect(chat).rejects.toMatchObject({ status: 400 });
    const responses = client.responses.create({
      model: 'm',
      input: [
        user,
        ...(calls ? [{ type: 'function_call' as const, call_id: 'c1', name: 'bash', arguments: '{}' }] : []),
        ...(results ? [{ type: 'function_call_output' as const, call_id: 'c1', output: 'out' }] : []),
      ],
    });
    await expect(responses).rejects.toMatchObject({ status: 400 });
  });

  it('refuses a wrong key, an unknown model, an unknown parameter and too much text in the words of the API', async () => {
    const { client } = await start(() => ({ text: 'ok' }), {
      models: ['m'],
      unsupported: ['max_tokens'],
      contextWindow: 100,
      apiKey: 'k',
    });
    const ask = (change: object) =>
      client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...change });
    await expect(ask({ model: 'n' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(ask({ max_tokens: 5 })).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      param: 'max_tokens',
    });
    await expect(ask({ messages: [{ role: 'user', content: 'x'.repeat(500) }] })).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
    const stranger = client.withOptions({ apiKey: 'wrong' });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401 });
    await expect(stranger.responses.create({ model: 'm', input: 'hi' })).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    await expect(ask({})).resolves.toBeDefined();
  });

  it('says so when the script has run out', async () => {
    const { client } = await start([]);
    await expect(client.responses.create({ model: 'm', input: 'hi' })).rejects.toThrow(/0 replies and this is request 1/);
  });

  it('notices when the client goes away', async () => {
    const { client, server } = await start([{ text: 'a long answer', fault: 'hang' }]);
    const abort = new AbortController();
    const coming = server.nextRequest();
    const call = client.responses.create({ model: 'm', input: 'hi', stream: true }, { signal: abort.signal });
    const request = await coming;
    expect(request.gone).toBe(false);
    await call;
    abort.abort();
    await once(request.signal, 'abort');
    expect(request.gone).toBe(true);
  });

  it('cuts, breaks and fails streams', async () => {
    const { client } = await start([
      { text: 'a long answer', fault: 'drop-mid-stream' },
      { text: 'a long answer', fault: 'truncated-json' },
      { text: 'a long answer', fault: { event: { code: 'server_error', message: 'overloaded' } } },
    ]);
    const drain = async () => {
      for await (const _ of await client.chat.completions.create({
        model: 'm',
        messages: [{ role: 'user', content: 'hi' }],
        stream: true,
      }));
    };
    await expect(drain()).rejects.toThrow('terminated');
    await expect(drain()).rejects.toThrow(SyntaxError);
    await expect(drain()).rejects.toThrow(APIError);
  });

  it('lists its models', async () => {
    const { client } = await start([], { models: ['a', 'b'] });
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(['a', 'b']);
    expect((await client.models.retrieve('b')).id).toBe('b');
    await expect(client.models.retrieve('c')).rejects.toMatchObject({ status: 404 });
  });

  it('runs as a process of its own and ends with its starter', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'model-server-'));
    try {
      const script = join(folder, 'script.ts');
      await writeFile(script, 'export default (request: { last: string }) => ({ text: "you said " + request.last });');
      const main = join(import.meta.dirname, 'model-server-main.ts');
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, script], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
      const { baseUrl } = JSON.parse(line);
      const client = new OpenAI({ apiKey: 'k', baseURL: baseUrl, maxRetries: 0 });
      expect((await client.responses.create({ model: 'm', input: 'hi' })).output_text).toBe('you said hi');
      child.stdin.end();
      expect((await exited)[0]).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
