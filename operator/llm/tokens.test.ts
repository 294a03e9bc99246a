import { describe, expect, it } from '@jest/globals';
import type { ModelRequest } from './provider.ts';
import { calibration, estimateRequest, estimateTokens } from './tokens.ts';

const usage = (inputTokens: number) => ({ inputTokens, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 });

describe('estimated tokens', () => {
  it.each([
    ['English, ten tokens a sentence', 'The quick brown fox jumps over the lazy dog. '.repeat(20), 200],
    ['Chinese, a token a character', '这个函数返回列表中最大的数字。'.repeat(20), 300],
    ['nothing', '', 0],
  ])('are within a factor of two for %s', (_, text, tokens) => {
    const estimate = estimateTokens(text);
    expect(estimate).toBeGreaterThanOrEqual(tokens / 2);
    expect(estimate).toBeLessThanOrEqual(tokens * 2);
  });

  it('of a request count everything that is sent', () => {
    const empty: ModelRequest = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' };
    const text = 'x'.repeat(3_500);
    const sizes = [
      { ...empty, system: text },
      { ...empty, messages: [{ role: 'user' as const, text }] },
      { ...empty, messages: [{ role: 'tool' as const, callId: 'c', name: 'bash', text }] },
      { ...empty, messages: [{ role: 'assistant' as const, text: '', calls: [{ id: 'c', name: 'bash', arguments: text }] }] },
      { ...empty, tools: [{ name: 'bash', description: text, parameters: {} }] },
    ].map((request) => estimateRequest(request));
    for (const size of sizes) expect(size).toBeGreaterThanOrEqual(1_000);
    for (const size of sizes) expect(size).toBeLessThan(1_050);
  });

  it('learn from what the provider counted, within limits', () => {
    expect(calibration(1_000, usage(1_200))).toBe(1.2);
    expect(calibration(1_000, usage(9_000))).toBe(2);
    expect(calibration(1_000, usage(10))).toBe(0.5);
    expect(calibration(0, usage(10))).toBe(1);
    expect(calibration(1_000, usage(0))).toBe(1);
  });
});
