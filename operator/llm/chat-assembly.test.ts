import { describe, expect, it } from '@jest/globals';
import { ChatAssembly } from './chat-assembly.ts';
import type { ModelRequest } from './provider.ts';

const request: ModelRequest = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' };
type Delta = Record<string, unknown>;

/** The answer of a stream that has these deltas and this end. */
function assemble(deltas: Delta[], finish: string | null = 'tool_calls', extra: object = {}) {
  const assembly = new ChatAssembly('chat@host', undefined);
  for (const delta of deltas) assembly.add({ choices: [{ delta }] });
  assembly.add({ choices: [{ delta: {}, finish_reason: finish }], ...extra });
  return assembly.answer(request);
}

const piece = (call: object): Delta => ({ tool_calls: [call] });
const shapes = (answer: { calls: { name: string; arguments: string }[] }) =>
  answer.calls.map(({ name, arguments: args }) => `${name} ${args}`);

describe('an answer from a chat stream', () => {
  it('joins the pieces of interleaved calls by their index', () => {
    const answer = assemble([
      piece({ index: 0, id: 'a', function: { name: 'one', arguments: '{"x"' } }),
      piece({ index: 1, id: 'b', function: { name: 'two', arguments: '{"y"' } }),
      piece({ index: 0, function: { arguments: ':1}' } }),
      piece({ index: 1, function: { arguments: ':2}' } }),
    ]);
    expect(shapes(answer)).toEqual(['one {"x":1}', 'two {"y":2}']);
    expect(answer.calls.map((call) => call.id)).toEqual(['a', 'b']);
  });

  it('tells calls apart by id when every one has index 0', () => {
    const calls = ['a', 'b', 'c'].map((id) => piece({ index: 0, id, function: { name: 'bash', arguments: `{"n":"${id}"}` } }));
    expect(shapes(assemble(calls))).toEqual(['bash {"n":"a"}', 'bash {"n":"b"}', 'bash {"n":"c"}']);
  });

  it('joins pieces without any index', () => {
    const answer = assemble([
      piece({ id: 'a', function: { name: 'bash', arguments: '{"command":' } }),
      piece({ function: { arguments: '"ls"}' } }),
      piece({ id: 'b', function: { name: 'bash', arguments: '{}' } }),
    ]);
    expect(shapes(answer)).toEqual(['bash {"command":"ls"}', 'bash {}']);
  });

  it('tells calls apart without index and id by a name after complete arguments, and gives them ids', () => {
    const answer = assemble([
      piece({ function: { name: 'one', arguments: '{}' } }),
      piece({ function: { name: 'two', arguments: '{}' } }),
    ]);
    expect(shapes(answer)).toEqual(['one {}', 'two {}']);
    expect(new Set(answer.calls.map((call) => call.id)).size).toBe(2);
    expect(answer.calls.every((call) => call.id.length > 8)).toBe(true);
  });

  it('gives a second id to a call that repeats another one', () => {
    const answer = assemble([
      piece({ index: 0, id: 'call_0', function: { name: 'one' } }),
      piece({ index: 1, id: 'call_0', function: { name: 'two' } }),
    ]);
    expect(answer.calls[0]?.id).toBe('call_0');
    expect(answer.calls[1]?.id).not.toBe('call_0');
  });

  it('takes a name and an id repeated with every piece once', () => {
    const answer = assemble(
      ['{"a"', ':1}'].map((args) => piece({ index: 0, id: 'x', function: { name: 'bash', arguments: args } })),
    );
    expect(shapes(answer)).toEqual(['bash {"a":1}']);
  });

  it('reads arguments that come as an object', () => {
    expect(shapes(assemble([piece({ index: 0, id: 'x', function: { name: 'bash', arguments: { a: 1 } } })]))).toEqual([
      'bash {"a":1}',
    ]);
  });

  it('calls it a call when the server says stop', () => {
    expect(assemble([piece({ index: 0, id: 'x', function: { name: 'bash', arguments: '{}' } })], 'stop').stop).toBe('calls');
  });

  it('keeps fields of a call that the API does not define, for the next turn', () => {
    const signature = { google: { thought_signature: 'abc' } };
    const answer = assemble([
      piece({ index: 0, id: 'x', function: { name: 'bash', arguments: '{}' }, extra_content: signature }),
    ]);
    expect(answer.state?.items).toEqual([{ type: 'call', id: 'x', extra: { extra_content: signature } }]);
  });

  it('takes reasoning under either name and only once', () => {
    const call = piece({ index: 0, id: 'x', function: { name: 'bash', arguments: '{}' } });
    const both = assemble([{ reasoning: 'a', reasoning_content: 'a' }, { reasoning: 'b', reasoning_content: 'b' }, call]);
    expect(both.state?.items).toEqual([{ type: 'reasoning', field: 'reasoning_content', text: 'ab' }]);
    expect(both.text).toBe('');
  });

  it('takes the last of several usage reports', () => {
    const usage = (tokens: number) => ({ usage: { prompt_tokens: 10, completion_tokens: tokens } });
    const assembly = new ChatAssembly('chat@host', undefined);
    assembly.add({ choices: [{ delta: { content: 'a' } }], ...usage(1) });
    assembly.add({ choices: [{ delta: { content: 'b' }, finish_reason: 'stop' }], ...usage(2) });
    assembly.add({ choices: [] });
    expect(assembly.answer(request).usage).toMatchObject({ inputTokens: 10, outputTokens: 2 });
  });

  it('counts reasoning beside the completion as output', () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 10,
      total_tokens: 150,
      completion_tokens_details: { reasoning_tokens: 40 },
    };
    expect(assemble([{ content: 'a' }], 'stop', { usage }).usage).toMatchObject({ outputTokens: 50, reasoningTokens: 40 });
  });

  it('counts what was read from and written to the cache', () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
    };
    expect(assemble([{ content: 'a' }], 'stop', { usage }).usage).toMatchObject({ cachedInputTokens: 60, cacheWriteTokens: 30 });
    const other = { prompt_tokens: 100, completion_tokens: 1, prompt_cache_hit_tokens: 70 };
    expect(assemble([{ content: 'a' }], 'stop', { usage: other }).usage.cachedInputTokens).toBe(70);
  });

  it('says that an answer without an end was cut', () => {
    expect(() => assemble([{ content: 'a' }], null)).toThrow('before the answer was complete');
  });

  it.each(['error', 'insufficient_system_resource'])('says that an answer that ends with %s failed', (finish) => {
    expect(() => assemble([{ content: 'a' }], finish)).toThrow(finish);
  });
});
