/** AI profiles, as far as other parts of the page choose from them. */
import { queryOptions } from '@tanstack/react-query';
import { visibleLine } from '../timeline/visible-text.ts';
import { getJson } from './http.ts';
import { fields, flag, list, number, text, texts } from './read.ts';

export type ProfileChoice = {
  name: string;
  display_name: string;
  provider: string;
  model: string;
  default: boolean;
  users: string[];
  ready: boolean | null;
  reason: string | null;
  message: string | null;
  /** As somebody set them, in US dollars per million tokens; what is left out is known of the model, or not at all. */
  pricing: { inputPerMillion?: number; cachedInputPerMillion?: number; outputPerMillion?: number };
};

export const profilesQuery = queryOptions({
  queryKey: ['profiles'],
  queryFn: ({ signal }) => getJson('/agent/profiles', (value) => list(fields(value).items, readProfileChoice), { signal }),
  staleTime: 10_000,
});

export function readProfileChoice(value: unknown): ProfileChoice {
  const given = fields(value);
  const name = text(given.name, '');
  return {
    name,
    display_name: text(given.display_name, name),
    provider: text(given.provider, ''),
    model: text(given.model, ''),
    default: flag(given.default),
    users: texts(given.users),
    ready: typeof given.ready === 'boolean' ? given.ready : null,
    reason: text(given.reason),
    message: text(given.message),
    pricing: readPricing(given.pricing),
  };
}

/** What people call it, with nothing hidden in it. */
export function shownName({ display_name }: { display_name: string }): string {
  return visibleLine(display_name);
}

function readPricing(value: unknown): ProfileChoice['pricing'] {
  const given = fields(value);
  const input = number(given.input_per_million);
  const cached = number(given.cached_input_per_million);
  const output = number(given.output_per_million);
  return {
    ...(input !== null && { inputPerMillion: input }),
    ...(cached !== null && { cachedInputPerMillion: cached }),
    ...(output !== null && { outputPerMillion: output }),
  };
}
