/** Models to choose from, by provider: those that the server knows the prices and windows of. */
import names from '../../../operator/llm/model-names.json' with { type: 'json' };
import prices from '../../../operator/llm/prices.json' with { type: 'json' };
import { compact, dollars } from '../design/time.ts';
import type { ProviderId } from './providers.ts';

export type KnownModel = {
  name: string;
  /** Tokens. */
  contextWindow: number;
  /** US dollars per million tokens. */
  inputPerMillion: number;
  outputPerMillion: number;
};

const MAKERS: readonly { begins: RegExp; providers: readonly ProviderId[] }[] = [
  { begins: /^gpt-/, providers: ['openai', 'azure'] },
  { begins: /^gemini-/, providers: ['gemini'] },
  { begins: /^claude-/, providers: ['anthropic'] },
];

const USUAL: Partial<Record<ProviderId, string>> = { ...names.default, azure: names.default.openai };

/** To choose from, the usual one first. Empty where everybody has models of their own. */
export function modelsOf(provider: ProviderId): KnownModel[] {
  const maker = MAKERS.find(({ providers }) => providers.includes(provider));
  if (!maker) return [];
  const known: KnownModel[] = prices.models.filter(({ name }) => maker.begins.test(name));
  return known.toSorted((a, b) => Number(b.name === USUAL[provider]) - Number(a.name === USUAL[provider]));
}

/** `$2 in, $10 out per million tokens · 1.1M context`. */
export function modelFacts(model: KnownModel): string {
  return `${dollars(model.inputPerMillion)} in, ${dollars(model.outputPerMillion)} out per million · ${compact(model.contextWindow)} context`;
}
