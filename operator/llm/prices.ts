/** What models cost and hold. The figures are data with their sources: prices.json. */
import type { AIProfileSpec } from '../api/types.gen.ts';
import data from './prices.json' with { type: 'json' };
import type { Usage } from './provider.ts';

/** US dollars per million tokens. */
export type Pricing = {
  inputPerMillion: number;
  /** The same as input where the provider gives no discount. */
  cachedInputPerMillion: number;
  /** Tokens written to the provider's cache; the same as input where that is not charged for. */
  cacheWritePerMillion: number;
  outputPerMillion: number;
  /** A request that sends more tokens than `above` costs so many times the rates, as a whole. */
  longContext?: { above: number; input: number; output: number };
};

export type KnownModel = {
  /** The provider's name without a snapshot's date. */
  name: string;
  pricing: Pricing;
  /** Tokens, sent and received together. */
  contextWindow: number;
  maxOutputTokens: number;
  /** Whether it thinks before it answers; such models refuse sampling parameters. */
  reasoning: boolean;
};

/** Assumed for a model that nobody told the window of. */
export const DEFAULT_CONTEXT_WINDOW = 128_000;

const SNAPSHOT = /-\d{4}-?\d{2}-?\d{2}$/;

const known: ReadonlyMap<string, KnownModel> = new Map(
  data.models.flatMap((entry) => {
    const { name, contextWindow, maxOutputTokens, reasoning, inputPerMillion, outputPerMillion } = entry;
    const pricing: Pricing = {
      inputPerMillion,
      cachedInputPerMillion: entry.cachedInputPerMillion ?? inputPerMillion,
      cacheWritePerMillion: entry.cacheWritePerMillion ?? inputPerMillion,
      outputPerMillion,
      ...(entry.longContext && { longContext: entry.longContext }),
    };
    const model: KnownModel = {
      name,
      pricing,
      contextWindow,
      maxOutputTokens,
      reasoning,
    };
    return [name, ...(entry.aliases ?? [])].map((alias) => [alias, model] as const);
  }),
);

/** What is known of a model by its provider's name; a dated snapshot and a router's prefix (openai/…) are seen through. */
export function knownModel(name: string): KnownModel | undefined {
  const bare = name.replace(/^(openai|anthropic|google|models)\//, '');
  return known.get(bare) ?? known.get(bare.replace(SNAPSHOT, ''));
}

/** A profile's prices: its own where it states them, else the known ones; undefined when they do not say what tokens cost, sent and received. */
export function pricingOf(profile: Pick<AIProfileSpec, 'model' | 'pricing'>): Pricing | undefined {
  const builtIn = knownModel(profile.model)?.pricing;
  const own = profile.pricing;
  if (
    !own ||
    (own.inputPerMillion === undefined && own.outputPerMillion === undefined && own.cachedInputPerMillion === undefined)
  )
    return builtIn;
  const input = own.inputPerMillion ?? builtIn?.inputPerMillion;
  const output = own.outputPerMillion ?? builtIn?.outputPerMillion;
  // Half a price is none: a cost without the other half would look like the whole.
  if (input === undefined || output === undefined) return undefined;
  return {
    inputPerMillion: input,
    cachedInputPerMillion:
      own.cachedInputPerMillion ?? (own.inputPerMillion === undefined ? builtIn?.cachedInputPerMillion : undefined) ?? input,
    cacheWritePerMillion: own.inputPerMillion ?? builtIn?.cacheWritePerMillion ?? input,
    outputPerMillion: output,
  };
}

/** US dollars of a call; undefined when the prices are not known. */
export function costOf(usage: Usage, pricing: Pricing | undefined): number | undefined {
  if (!pricing) return undefined;
  const long =
    pricing.longContext && usage.inputTokens > pricing.longContext.above ? pricing.longContext : { input: 1, output: 1 };
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const written = Math.min(usage.cacheWriteTokens ?? 0, usage.inputTokens - cached);
  const plain = usage.inputTokens - cached - written;
  const input = plain * pricing.inputPerMillion + cached * pricing.cachedInputPerMillion + written * pricing.cacheWritePerMillion;
  return (input * long.input + usage.outputTokens * pricing.outputPerMillion * long.output) / 1_000_000;
}

/**
 * Whether a model thinks before it answers, which decides the parameters it takes; undefined when nobody can tell.
 * OpenAI's own models have all done so since GPT-5.
 */
export function isReasoningModel(name: string, servedByOpenAI: boolean): boolean | undefined {
  const model = knownModel(name);
  if (model) return model.reasoning;
  if (!servedByOpenAI) return undefined;
  return !/^(ft:)?(gpt-[34]|chatgpt-|gpt-5[\d.]*-chat)/.test(name);
}
