/** What every model provider does, shown against a scripted server over real HTTP. */
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Deadlines } from '../../operator/llm/http-transport.ts';
import type {
  Message,
  ModelAnswer,
  ModelErrorClass,
  ModelProvider,
  ModelRequest,
  ToolSpec,
} from '../../operator/llm/provider.ts';
import type { ErrorText } from '../support/model-server/wire.ts';
import { type ModelReply, type ModelScript, type ModelServerOptions, startModelServer } from '../support/model-server.ts';

export type ProviderUnderTest = {
  name: string;
  make(settings: { baseUrl: string; apiKey: string; deadlines: Partial<Deadlines> }): { provider: ModelProvider; close(): void };
  /** How reasoning that came with one answer looks in the request of the next turn. */
  reasoningOnWire(reasoning: string): string;
  /** A model that is known to reason, and what an effort of low looks like in a request for it; a model of OpenAI by default. */
  reasoning?: { model: string; lowOnWire: string };
  /** Headers that carry the key or the version of the API; all others that begin with x- are told about. */
  headers?: readonly string[];
  /** What the API cannot do, with the reason; the tests of that are left out. */
  lacks?: Partial<Record<Lacking, string>>;
  /** Failures in the words of this provider. */
  faults?: readonly ProviderFault[];
};

/**
 * filter: nothing is ever refused or filtered; malformed-arguments: arguments are objects, never text; tool-choice: it
 * cannot be told whether to call; parameter-refusals: unknown parameters are ignored; reasoning-models: none
 * is known to refuse sampling parameters; stream-codes: an error in a stream is told by its words alone; usage-details:
 * tokens that were cached or thought are not told apart.
 */
export type Lacking =
  | 'filter'
  | 'malformed-arguments'
  | 'tool-choice'
  | 'parameter-refusals'
  | 'reasoning-models'
  | 'stream-codes'
  | 'usage-details';

export type ProviderFault = [
  what: string,
  fault: { status: number; headers?: Record<string, string>; body?: unknown; error?: ErrorText },
  cls: ModelErrorClass,
];

const KEY = 'sk-test-0123456789abcdef';
const bash: ToolSpec = {
  name: 'bash',
  description: 'Runs a command.',
  parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
};
const DEADLINES: Partial<Deadlines> = { firstByteMs: 250, idleMs: 250 };

export function describeProvider(under: ProviderUnderTest): void {
  const { reasoning = { model: 'gpt-5.4-mini', lowOnWire: '"low"' }, headers = [], lacks = {} } = under;
  const where = (what: Lacking) => (lacks[what] === undefined ? it : leftOut);
  const open: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function start(script: ModelScript, options: ModelServerOptions = {}, deadlines: Partial<Deadlines> = {}) {
    const server = await startModelServer(script, { apiKey: KEY, ...options });
    open.push(server);
    const made = under.make({ baseUrl: server.baseUrl, apiKey: KEY, deadlines });
    open.push(made);
    return { server, provider: made.provider, ask: (change?: Partial<ModelRequest>) => ask(made.provider, change) };
  }

  /** One server for every request, whatever it asks: the reply comes from the test. */
  const replying = (reply: ModelReply, options?: ModelServerOptions, deadlines?: Partial<Deadlines>) =>
    start(() => reply, options, deadlines);

  describe(`${under.name}: answers`, () => {
    it('gives the text piece by piece and whole', async () => {
      const { provider } = await replying({ text: 'Hello there — grüße, 世界 🎉' });
      const pieces: string[] = [];
      const answer = await provider.call(request(), { signal: never(), onText: (delta) => pieces.push(delta) });
      expect(answer).toMatchObject({ text: 'Hello there — grüße, 世界 🎉', calls: [], stop: 'end', model: 'model-1' });
      expect(pieces.length).toBeGreaterThan(2);
      expect(pieces.join('')).toBe(answer.text);
    });

    it('sends system text, conversation and tools, and nothing about this machine', async () => {
      const { ask, server } = await replying({ text: 'ok' });
      await ask({ system: 'Be brief.', messages: [{ role: 'user', text: 'Hi' }], tools: [bash] });
      const seen = server.requests[0];
      expect(seen).toMatchObject({ model: 'model-1', system: 'Be brief.', tools: ['bash'], streamed: true });
      expect(seen?.messages).toEqual([{ role: 'user', text: 'Hi' }]);
      const telling = Object.keys(seen?.headers ?? {}).filter((name) => /^(x|openai|anthropic|api)-/.test(name));
      expect(telling.filter((name) => !headers.includes(name))).toEqual([]);
    });

    it('hands over a tool call and takes its result back under the same id', async () => {
      const { ask, server } = await start([
        { text: 'Let me look.', calls: [{ name: 'bash', args: { command: 'ls' } }] },
        { text: 'Done.' },
      ]);
      const first = await ask({ tools: [bash] });
      expect(first).toMatchObject({
        text: 'Let me look.',
        stop: 'calls',
        calls: [{ name: 'bash', arguments: '{"command":"ls"}' }],
      });
      const call = first.calls[0];
      const second = await ask({ tools: [bash], messages: [hi, said(first), result(call?.id ?? '', 'README.md')] });
      expect(second.text).toBe('Done.');
      expect(server.requests[1]?.results.get(call?.id ?? '')).toBe('README.md');
      expect(server.requests[1]?.calls).toEqual([{ id: call?.id, name: 'bash', arguments: '{"command":"ls"}' }]);
    });

    it('keeps twenty parallel calls apart and in order', async () => {
      const commands = Array.from({ length: 20 }, (_, index) => `echo ${index}`);
      const { ask, server } = await start([
        { calls: commands.map((command) => ({ name: 'bash', args: { command } })) },
        { text: 'ok' },
      ]);
      const first = await ask({ tools: [bash] });
      expect(first.calls.map((call) => JSON.parse(call.arguments).command)).toEqual(commands);
      expect(new Set(first.calls.map((call) => call.id)).size).toBe(20);
      await ask({
        tools: [bash],
        messages: [hi, said(first), ...first.calls.map((call, index) => result(call.id, String(index)))],
      });
      expect([...(server.requests[1]?.results.values() ?? [])]).toEqual(commands.map((_, index) => String(index)));
    });

    where('malformed-arguments')('passes on arguments that are no JSON as they are, and can go on after them', async () => {
      const { ask } = await start([{ calls: [{ name: 'bash', args: '{"command": "ls' }] }, { text: 'sorry' }]);
      const first = await ask({ tools: [bash] });
      expect(first.calls[0]?.arguments).toBe('{"command": "ls');
      const second = await ask({ tools: [bash], messages: [hi, said(first), result(first.calls[0]?.id ?? '', 'not JSON')] });
      expect(second.text).toBe('sorry');
    });

    it('reads a call without arguments as one with none', async () => {
      const { ask } = await replying({ calls: [{ name: 'status', args: '' }] });
      expect((await ask({ tools: [bash] })).calls).toMatchObject([{ name: 'status', arguments: '{}' }]);
    });

    it('accepts an answer with nothing in it', async () => {
      const { ask } = await replying({});
      expect(await ask()).toMatchObject({ text: '', calls: [], stop: 'end' });
    });

    for (const toolChoice of ['required', 'none'] as const) {
      where('tool-choice')(`asks for tool choice ${toolChoice}`, async () => {
        const { ask, server } = await replying({ text: 'ok' });
        await ask({ tools: [bash], toolChoice });
        expect(server.requests[0]?.settings.toolChoice).toBe(toolChoice);
      });
    }

    it('offers no tools when there are none, whatever the tool choice', async () => {
      const { ask, server } = await replying({ text: 'ok' });
      await ask({ tools: [], toolChoice: 'none' });
      expect(server.requests[0]?.tools).toEqual([]);
    });

    it('says when the answer was cut by a token limit', async () => {
      const { ask, server } = await replying({ text: 'Once upon a', stop: 'length' });
      expect(await ask({ maxOutputTokens: 1_000 })).toMatchObject({ text: 'Once upon a', stop: 'length' });
      expect(server.requests[0]?.settings.maxOutputTokens).toBe(1_000);
    });

    where('filter')('reports a refusal of the model as a refusal with its words', async () => {
      const { ask } = await replying({ refusal: 'I cannot help with that.' });
      expect(await ask()).toMatchObject({ text: 'I cannot help with that.', stop: 'refusal' });
    });

    where('filter')('reports a filtered answer as a refusal', async () => {
      const { ask } = await replying({ text: 'The way to', stop: 'content_filter' });
      expect(await ask()).toMatchObject({ stop: 'refusal' });
    });

    where('filter')('reports a filtered request as a refusal', async () => {
      const { ask } = await replying({ filtered: 'The prompt was filtered.' });
      expect(await ask()).toMatchObject({ text: 'The prompt was filtered.', stop: 'refusal' });
    });

    it('counts tokens as the server does', async () => {
      const { ask } = await replying({ text: 'ok', usage: { input: 1_000, cached: 800, output: 90, reasoning: 60 } });
      const [cachedInputTokens, reasoningTokens] = lacks['usage-details'] === undefined ? [800, 60] : [0, 0];
      expect((await ask()).usage).toEqual({ inputTokens: 1_000, cachedInputTokens, outputTokens: 90, reasoningTokens });
    });

    it('estimates tokens when the server does not count', async () => {
      const { ask } = await replying({ text: 'word '.repeat(100), usage: 'none' });
      const { usage } = await ask({ messages: [{ role: 'user', text: 'word '.repeat(1_000) }] });
      expect(usage.inputTokens).toBeGreaterThan(900);
      expect(usage.inputTokens).toBeLessThan(2_500);
      expect(usage.outputTokens).toBeGreaterThan(90);
    });
  });

  describe(`${under.name}: conversation`, () => {
    const thinking: ModelReply = { reasoning: 'First the tests.', calls: [{ name: 'bash', args: { command: 'ls' } }] };
    const thought = under.reasoningOnWire('First the tests.');

    it('carries reasoning from one turn to the next', async () => {
      const { ask, server } = await start([thinking, { text: 'ok' }]);
      const first = await ask({ tools: [bash] });
      await ask({ tools: [bash], messages: [hi, stored(said(first)), result(first.calls[0]?.id ?? '', 'out')] });
      expect(server.requests[1]?.raw).toContain(thought);
    });

    it('keeps the reasoning of one model from another', async () => {
      const { ask, server } = await start([thinking, { text: 'ok' }]);
      const first = await ask({ tools: [bash] });
      const messages = [hi, said(first), result(first.calls[0]?.id ?? '', 'out')];
      expect(await ask({ model: 'model-2', tools: [bash], messages })).toMatchObject({ text: 'ok' });
      expect(server.requests[1]?.raw).not.toContain(thought);
    });

    it('ignores state that another provider left or that is damaged', async () => {
      const { ask, server } = await replying({ text: 'ok' });
      const call = { id: 'c1', name: 'bash', arguments: '{}' };
      const foreign = { provider: 'elsewhere', model: 'model-1', items: [{ type: 'reasoning', id: 'x', encrypted: 'y' }] };
      await ask({ messages: [hi, { role: 'assistant', text: 'a', calls: [call], state: foreign }, result('c1', 'out')] });
      const first = await ask({ tools: [bash] });
      const damaged = {
        provider: first.state?.provider ?? 'chat',
        model: 'model-1',
        items: [null, 7, { type: 'reasoning' }, { type: 'call' }],
      };
      await ask({ messages: [hi, { role: 'assistant', text: 'a', calls: [call], state: damaged }, result('c1', 'out')] });
      expect(server.requests.map((seen) => seen.reasoning.length)).toEqual([0, 0, 0]);
    });

    it('mends a conversation that an interruption left without results, with loose results or out of order', async () => {
      const { ask, server } = await replying({ text: 'ok' });
      const call = (id: string) => ({ id, name: 'bash', arguments: '{}' });
      await ask({
        tools: [bash],
        messages: [
          result('c0', 'from before the cut'),
          { role: 'assistant', text: '', calls: [] },
          { role: 'assistant', text: '', calls: [call('c1'), call('c2')] },
          { role: 'user', text: 'a message between' },
          result('c2', 'two'),
          result('c2', 'two again'),
        ],
      });
      const seen = server.requests[0];
      expect(seen?.results.get('c1')).toMatch(/not carried out/);
      expect(seen?.results.get('c2')).toBe('two');
      expect(seen?.raw).toContain('from before the cut');
      expect(seen?.last).toBe('a message between');
    });

    where('parameter-refusals')('leaves out a parameter that the model does not take, and remembers that', async () => {
      const { ask, server } = await replying({ text: 'ok' }, { unsupported: ['temperature'] });
      expect(await ask({ temperature: 0.2, topP: 0.9 })).toMatchObject({ text: 'ok' });
      await ask({ temperature: 0.2, topP: 0.9 });
      expect(server.requests.map(({ settings }) => [settings.temperature, settings.topP])).toEqual([
        [0.2, 0.9],
        [undefined, 0.9],
        [undefined, 0.9],
      ]);
    });

    where('reasoning-models')('sends no sampling parameters to a model that is known to reason', async () => {
      const { ask, server } = await replying({ text: 'ok' });
      await ask({ model: reasoning.model, temperature: 0.2, topP: 0.5, reasoningEffort: 'low' });
      expect(server.requests[0]?.settings.temperature).toBeUndefined();
      expect(server.requests[0]?.raw).toContain(reasoning.lowOnWire);
    });
  });

  describe(`${under.name}: cancellation`, () => {
    it.each([
      ['before the first byte', { fault: 'slow-first-byte' as const }],
      ['in the middle of the answer', { text: 'a long answer', fault: 'hang' as const }],
    ])('ends the call %s and closes the connection', async (_, reply) => {
      const { provider, server } = await replying(reply);
      const abort = new AbortController();
      const coming = server.nextRequest();
      const call = provider.call(request(), { signal: abort.signal, onText: () => undefined });
      const settled = call.catch((error: unknown) => error);
      const seen = await Promise.race([coming, settled.then((early) => Promise.reject(early))]);
      const reason = new Error('the user pressed cancel');
      const gone = once(seen.signal, 'abort');
      abort.abort(reason);
      expect(await settled).toBe(reason);
      await gone;
    });

    it('sends nothing when it is cancelled before it begins', async () => {
      const { provider, server } = await replying({ text: 'ok' });
      const reason = new Error('cancelled');
      await expect(provider.call(request(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(server.requests).toEqual([]);
    });
  });

  describe(`${under.name}: failures`, () => {
    const faults: ProviderFault[] = [
      ['500', { status: 500 }, 'transient'],
      ['502 with a page of HTML', { status: 502, body: '<html><body>Bad Gateway</body></html>' }, 'transient'],
      ['503', { status: 503 }, 'transient'],
      ['408', { status: 408 }, 'transient'],
      ['409', { status: 409 }, 'transient'],
      ['a rate limit', { status: 429 }, 'transient'],
      [
        'a used-up quota',
        {
          status: 429,
          error: {
            message: 'You exceeded your current quota, please check your plan.',
            code: 'insufficient_quota',
            type: 'insufficient_quota',
          },
        },
        'quota',
      ],
      ['402', { status: 402, error: { message: 'Insufficient Balance' } }, 'quota'],
      [
        'a request above the limit per minute',
        { status: 429, error: { message: 'Request too large for m on tokens per min (TPM): Limit 30000, Requested 40000.' } },
        'overflow',
      ],
      ['a wrong key', { status: 401 }, 'access'],
      ['a forbidden region', { status: 403 }, 'access'],
      ['an unknown model', { status: 404 }, 'access'],
      [
        'a wrong key reported as 400',
        { status: 400, error: { message: 'API key not valid. Please pass a valid API key.' } },
        'access',
      ],
      ['an unknown model reported as 400', { status: 400, error: { message: 'foo/bar is not a valid model ID' } }, 'access'],
      ['a redirect', { status: 307, headers: { location: 'http://127.0.0.1:9/' }, body: 'moved' }, 'access'],
      ['a malformed request', { status: 400 }, 'invalid'],
      ['422', { status: 422, error: { message: 'messages.0.content: field required' } }, 'invalid'],
      [
        'too much text (OpenAI)',
        {
          status: 400,
          error: { message: 'Your input exceeds the context window of this model.', code: 'context_length_exceeded' },
        },
        'overflow',
      ],
      [
        'too much text (vLLM)',
        {
          status: 400,
          error: { message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens." },
        },
        'overflow',
      ],
      [
        'too much text (llama.cpp)',
        { status: 500, error: { message: 'the request exceeds the available context size, try increasing it' } },
        'overflow',
      ],
      ['too much text (a proxy)', { status: 413, body: 'Payload Too Large' }, 'overflow'],
      ...(under.faults ?? []),
    ];
    it.each(faults)('classes %s', async (_, fault, cls) => {
      const { ask } = await replying({ fault });
      const error = await failure(ask());
      expect(error).toMatchObject({ name: 'ModelError', class: cls, status: fault.status });
    });

    it.each([
      ['retry-after in seconds', { 'retry-after': '7' }, 7_000],
      ['retry-after-ms', { 'retry-after-ms': '1500', 'retry-after': '2' }, 1_500],
      [
        'the reset of the limit that is spent',
        {
          'x-ratelimit-remaining-requests': '9',
          'x-ratelimit-reset-requests': '6m0s',
          'x-ratelimit-remaining-tokens': '0',
          'x-ratelimit-reset-tokens': '20ms',
        },
        20,
      ],
    ])('honours %s', async (_, headers, ms) => {
      const { ask } = await replying({ fault: { status: 429, headers } });
      expect(await failure(ask())).toMatchObject({ class: 'transient', retryAfterMs: ms });
    });

    it('honours a date in retry-after', async () => {
      const { ask } = await replying({
        fault: { status: 503, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } },
      });
      const error = await failure(ask());
      expect(error).toMatchObject({ class: 'transient' });
      expect(Reflect.get(Object(error), 'retryAfterMs')).toBeGreaterThan(50_000);
    });

    const streamErrors: [code: string, message: string, cls: ModelErrorClass][] = [
      ['server_error', 'It did not work out.', 'transient'],
      ['rate_limit_exceeded', 'Too many at once.', 'transient'],
      ['insufficient_quota', 'You exceeded your current quota.', 'quota'],
      ['context_length_exceeded', 'The prompt is too long.', 'overflow'],
    ];
    it.each(streamErrors)('classes the error %s in the middle of a stream', async (code, message, cls) => {
      const { ask } = await replying({ text: 'half an answer', fault: { event: { code, message } } });
      expect(await failure(ask())).toMatchObject({
        name: 'ModelError',
        class: cls,
        message: expect.stringContaining(message),
      });
    });
    for (const [code, cls] of [
      ['insufficient_quota', 'quota'],
      ['context_length_exceeded', 'overflow'],
    ] as const) {
      where('stream-codes')(`classes the bare code ${code} in the middle of a stream`, async () => {
        const { ask } = await replying({ text: 'half an answer', fault: { event: { code, message: 'It did not work out.' } } });
        expect(await failure(ask())).toMatchObject({ name: 'ModelError', class: cls });
      });
    }

    it.each([
      ['a connection cut in the middle', 'drop-mid-stream' as const],
      ['an answer whose JSON breaks off', 'truncated-json' as const],
      ['a server that does not begin to answer', 'slow-first-byte' as const],
      ['a server that stops answering', 'hang' as const],
    ])('gives up on %s as transient', async (_, fault) => {
      const { ask } = await replying({ text: 'a long answer', fault }, {}, DEADLINES);
      expect(await failure(ask())).toMatchObject({ name: 'ModelError', class: 'transient' });
    });

    it('answers again after a failure', async () => {
      const { ask } = await start([{ text: 'x', fault: 'drop-mid-stream' }, { text: 'better' }]);
      await failure(ask());
      expect(await ask()).toMatchObject({ text: 'better' });
    });

    it('classes a server that is not there as transient', async () => {
      const { ask, server } = await replying({ text: 'ok' });
      await server.close();
      open.splice(open.indexOf(server), 1);
      expect(await failure(ask())).toMatchObject({ class: 'transient', message: expect.stringContaining('no connection') });
    });

    it('never shows the key', async () => {
      const other = 'sk-proj-AAAABBBBCCCCDDDD';
      const server = await startModelServer(() => ({
        fault: { status: 400, error: { message: `bad header Bearer ${other}` } },
      }));
      const strict = await startModelServer([], { apiKey: KEY });
      open.push(server, strict);
      for (const baseUrl of [server.baseUrl, strict.baseUrl]) {
        const made = under.make({ baseUrl, apiKey: other, deadlines: {} });
        open.push(made);
        const error = await failure(ask(made.provider));
        const shown = inspectDeep(error);
        expect(error).toMatchObject({ name: 'ModelError' });
        expect(shown).not.toContain(other);
        expect(shown).not.toContain('AAAA');
        expect(shown).not.toContain('DDDD');
      }
    });

    it('says that a key with a line break is no key', async () => {
      const { server } = await replying({ text: 'ok' });
      const made = under.make({ baseUrl: server.baseUrl, apiKey: 'sk-a\nb', deadlines: {} });
      open.push(made);
      expect(await failure(ask(made.provider))).toMatchObject({ class: 'access', message: expect.stringMatching(/API key/) });
      expect(server.requests).toEqual([]);
    });

    it('reports more text than fits as overflow', async () => {
      const { ask } = await replying({ text: 'ok' }, { contextWindow: 1_000 });
      expect(await failure(ask({ messages: [{ role: 'user', text: 'x'.repeat(8_000) }] }))).toMatchObject({
        class: 'overflow',
        status: 400,
      });
    });

    it('reports a model that the server does not have', async () => {
      const { ask } = await replying({ text: 'ok' }, { models: ['model-1'] });
      expect(await failure(ask({ model: 'model-x' }))).toMatchObject({
        class: 'access',
        message: expect.stringContaining('model-x'),
      });
    });
  });
}

/** Stands in for `it` where the API cannot do what a test is about. */
function leftOut(_name: string, _test: () => Promise<void>): void {}

const hi: Message = { role: 'user', text: 'Hi' };

function request(change: Partial<ModelRequest> = {}): ModelRequest {
  return { model: 'model-1', system: 'sys', messages: [hi], tools: [], toolChoice: 'auto', ...change };
}

function ask(provider: ModelProvider, change?: Partial<ModelRequest>): Promise<ModelAnswer> {
  return provider.call(request(change), { signal: never() });
}

function said(answer: ModelAnswer): Message {
  const { text, calls, state } = answer;
  return { role: 'assistant', text, calls, ...(state && { state }) };
}

/** As it comes back from the log. */
function stored(message: Message): Message {
  return JSON.parse(JSON.stringify(message));
}

function result(callId: string, text: string): Message {
  return { role: 'tool', callId, name: 'bash', text };
}

function never(): AbortSignal {
  return new AbortController().signal;
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call did not fail');
}

/** Everything a log could show of an error: message, stack, causes and their fields. */
function inspectDeep(error: unknown): string {
  const shown: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) {
    const fields = Object.fromEntries(Object.entries(one).filter(([name]) => name !== 'cause'));
    shown.push(one.message, one.stack ?? '', JSON.stringify(fields));
  }
  return shown.join('\n');
}
