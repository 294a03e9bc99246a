import { describe, expect, it } from '@jest/globals';
import data from './prices.json' with { type: 'json' };
import { costOf, isReasoningModel, knownModel, pricingOf } from './prices.ts';

const usage = (parts: object) => ({ inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, ...parts });

describe('prices', () => {
  it('are found for a model, a dated snapshot, an alias and a router name', () => {
    expect(knownModel('gpt-4.1')?.pricing).toMatchObject({ inputPerMillion: 2, cachedInputPerMillion: 0.5, outputPerMillion: 8 });
    expect(knownModel('gpt-4.1-2025-04-14')).toBe(knownModel('gpt-4.1'));
    expect(knownModel('gpt-5.6')).toBe(knownModel('gpt-5.6-sol'));
    expect(knownModel('openai/gpt-5.5')).toBe(knownModel('gpt-5.5'));
    expect(knownModel('gpt-4.1-mini-2025-04-14')?.name).toBe('gpt-4.1-mini');
  });

  it('are known for the models that the user guides name', () => {
    const told = (name: string) => {
      const { pricing, contextWindow, reasoning } = knownModel(name) ?? {};
      return [pricing?.inputPerMillion, pricing?.cachedInputPerMillion, pricing?.outputPerMillion, contextWindow, reasoning];
    };
    expect(told('gpt-4-turbo')).toEqual([10, 10, 30, 128_000, false]);
    expect(told('gpt-4-turbo-2024-04-09')).toEqual(told('gpt-4-turbo'));
    expect(told('gemini-1.5-pro')).toEqual([1.25, 1.25, 5, 2_000_000, false]);
    expect(told('models/gemini-1.5-pro-002')).toEqual(told('gemini-1.5-pro'));
    const long = costOf(usage({ inputTokens: 200_000, outputTokens: 1_000 }), knownModel('gemini-1.5-pro')?.pricing);
    expect(long).toBeCloseTo(0.2 * 2.5 + 0.001 * 10, 8);
  });

  it('are not made up for another model', () => {
    expect(knownModel('llama-4-scout')).toBeUndefined();
    expect(knownModel('gpt-4.1-turbo')).toBeUndefined();
    expect(costOf(usage({ inputTokens: 1_000 }), undefined)).toBeUndefined();
  });

  it('each name a source and fit together', () => {
    for (const model of data.models) {
      expect(model.source).toMatch(/^https:\/\//);
      expect(model.cachedInputPerMillion ?? 0).toBeLessThan(model.inputPerMillion);
      expect(model.outputPerMillion).toBeGreaterThan(model.inputPerMillion);
      expect(model.maxOutputTokens).toBeLessThan(model.contextWindow);
    }
    const names = data.models.flatMap((model) => [model.name, ...(model.aliases ?? [])]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('count cached, written and plain input each at its own rate', () => {
    const pricing = { inputPerMillion: 2, cachedInputPerMillion: 0.2, cacheWritePerMillion: 2.5, outputPerMillion: 10 };
    const cost = costOf(
      usage({ inputTokens: 1_000_000, cachedInputTokens: 500_000, cacheWriteTokens: 100_000, outputTokens: 10_000 }),
      pricing,
    );
    expect(cost).toBeCloseTo(0.4 * 2 + 0.5 * 0.2 + 0.1 * 2.5 + 0.01 * 10, 10);
  });

  it('rise for the whole of a long request', () => {
    const pricing = knownModel('gpt-6.2-sol')?.pricing;
    const at = costOf(usage({ inputTokens: 272_000, outputTokens: 1_000 }), pricing) ?? 0;
    const above = costOf(usage({ inputTokens: 272_001, outputTokens: 1_000 }), pricing) ?? 0;
    expect(at).toBeCloseTo(0.272 * 2 + 0.001 * 10, 8);
    expect(above).toBeCloseTo(0.272001 * 4 + 0.001 * 15, 8);
  });

  it('never count more cached tokens than were sent', () => {
    expect(costOf(usage({ inputTokens: 10, cachedInputTokens: 1_000 }), knownModel('gpt-4.1')?.pricing)).toBeCloseTo(
      (10 * 0.5) / 1e6,
      12,
    );
  });

  it('of a profile go before the known ones, where it states them', () => {
    expect(pricingOf({ model: 'gpt-4.1' })).toBe(knownModel('gpt-4.1')?.pricing);
    expect(pricingOf({ model: 'mine', pricing: { inputPerMillion: 1, outputPerMillion: 3 } })).toEqual({
      inputPerMillion: 1,
      cachedInputPerMillion: 1,
      cacheWritePerMillion: 1,
      outputPerMillion: 3,
    });
    expect(pricingOf({ model: 'gpt-4.1', pricing: { outputPerMillion: 4 } })).toMatchObject({
      inputPerMillion: 2,
      cachedInputPerMillion: 0.5,
      outputPerMillion: 4,
    });
    expect(pricingOf({ model: 'mine', pricing: {} })).toBeUndefined();
    expect(pricingOf({ model: 'mine', pricing: { inputPerMillion: 1 } })).toBeUndefined();
    expect(pricingOf({ model: 'mine', pricing: { inputPerMillion: 0, outputPerMillion: 0 } })).toMatchObject({
      outputPerMillion: 0,
    });
  });
});

it('tells which models reason', () => {
  expect(isReasoningModel('gpt-4.1', true)).toBe(false);
  expect(isReasoningModel('gpt-6.2-sol', true)).toBe(true);
  expect(isReasoningModel('gpt-7-something', true)).toBe(true);
  expect(isReasoningModel('gpt-5.3-chat-latest', true)).toBe(false);
  expect(isReasoningModel('qwen3-coder', false)).toBeUndefined();
});
