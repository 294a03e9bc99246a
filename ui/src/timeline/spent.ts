/** Adding up what models used. */
import type { EventOf, Spent } from './model.ts';

export const NOTHING_SPENT: Spent = {
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costUSD: 0,
  unpriced: 0,
  calls: 0,
  durationMs: 0,
};

export function spentOn(answer: EventOf<'model.answered'>): Spent {
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = answer.usage;
  return {
    inputTokens,
    cachedInputTokens,
    outputTokens,
    reasoningTokens,
    costUSD: answer.costUSD,
    unpriced: answer.unpriced === true ? 1 : 0,
    calls: 1,
    durationMs: answer.durationMs,
  };
}

export function plus(a: Spent, b: Spent): Spent {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    costUSD: a.costUSD + b.costUSD,
    unpriced: a.unpriced + b.unpriced,
    calls: a.calls + b.calls,
    durationMs: a.durationMs + b.durationMs,
  };
}

/** The sums with one more under a name. */
export function plusUnder(sums: Readonly<Record<string, Spent>>, name: string, more: Spent): Readonly<Record<string, Spent>> {
  const before = Object.hasOwn(sums, name) ? sums[name] : undefined;
  return { ...sums, [name]: plus(before ?? NOTHING_SPENT, more) };
}
