/** A profile as it is being entered: what the fields hold, what is wrong with it, and what is sent in the end. Pure. */
import crd from '../../../operator/api/aiprofile.gen.json' with { type: 'json' };
import { type CrdSchema, checkAgainst } from './crd-check.ts';
import type { Profile } from './profile.ts';
import { FACTS, type ProviderId, providerId } from './providers.ts';

/** Numbers as they were typed; empty is nothing. The key is no part of it: its field alone holds it until it is sent. */
export type ProfileValues = {
  display_name: string;
  /** Name of the object, only for a new one; made from the name when empty. */
  name: string;
  provider: ProviderId;
  model: string;
  base_url: string;
  api_version: string;
  deployment: string;
  default: boolean;
  users: readonly string[];
  fallback: string;
  context_window: string;
  temperature: string;
  top_p: string;
  max_output_tokens: string;
  reasoning_effort: string;
  api: string;
  input_per_million: string;
  cached_input_per_million: string;
  output_per_million: string;
};

/** Fields of the form that can be wrong; the key is one of them. */
export type ProfileField = keyof ProfileValues | 'key';
export type ProfileErrors = Partial<Record<ProfileField, string>>;

const PARAMETERS = ['temperature', 'top_p', 'max_output_tokens', 'reasoning_effort', 'api'] as const;
const PRICES = ['input_per_million', 'cached_input_per_million', 'output_per_million'] as const;
const NUMBERS: readonly string[] = ['temperature', 'top_p', 'max_output_tokens', 'context_window', ...PRICES];

export const NEW_PROFILE: ProfileValues = {
  display_name: '',
  name: '',
  provider: 'openai',
  model: '',
  base_url: '',
  api_version: '',
  deployment: '',
  default: false,
  users: [],
  fallback: '',
  context_window: '',
  temperature: '',
  top_p: '',
  max_output_tokens: '',
  reasoning_effort: '',
  api: '',
  input_per_million: '',
  cached_input_per_million: '',
  output_per_million: '',
};

export function valuesOf(profile: Profile): ProfileValues {
  const shown = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
  const { parameters, pricing } = profile;
  return {
    display_name: profile.display_name,
    name: profile.name,
    provider: providerId(profile.provider) ?? 'openai-compatible',
    model: profile.model,
    base_url: shown(profile.base_url),
    api_version: shown(profile.api_version),
    deployment: shown(profile.deployment),
    default: profile.default,
    users: profile.users,
    fallback: shown(profile.fallback),
    context_window: shown(profile.context_window),
    temperature: shown(parameters.temperature),
    top_p: shown(parameters.top_p),
    max_output_tokens: shown(parameters.max_output_tokens),
    reasoning_effort: shown(parameters.reasoning_effort),
    api: shown(parameters.api),
    input_per_million: shown(pricing.input_per_million),
    cached_input_per_million: shown(pricing.cached_input_per_million),
    output_per_million: shown(pricing.output_per_million),
  };
}

/** The body of a request that makes the profile, without its key. What another provider's fields hold is left out. */
export function bodyOf(values: ProfileValues): Record<string, unknown> {
  const { provider } = values;
  const azure = provider === 'azure';
  const given = (name: keyof ProfileValues) => {
    const text = String(values[name]).trim();
    return NUMBERS.includes(name) && text !== '' ? Number(text) : text;
  };
  const group = (names: readonly (keyof ProfileValues)[]) => {
    const entries = names.map((name) => [name, given(name)] as const).filter(([, value]) => value !== '');
    return entries.length > 0 ? Object.fromEntries(entries) : '';
  };
  const all = {
    name: given('name'),
    display_name: given('display_name'),
    provider,
    model: given('model'),
    base_url: given('base_url'),
    api_version: azure ? given('api_version') : '',
    deployment: azure ? given('deployment') : '',
    default: values.default,
    users: values.users.length > 0 ? values.users : '',
    fallback: given('fallback'),
    parameters: group(PARAMETERS.filter((name) => name !== 'api' || FACTS[provider].twoApis)),
    pricing: group(PRICES),
    context_window: given('context_window'),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '' && value !== false));
}

/** The body of a request that changes `before` into `after`: what differs, null for what is taken away. */
export function changeOf(before: ProfileValues, after: ProfileValues): Record<string, unknown> {
  const [was, is] = [bodyOf(before), bodyOf(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter((name) => name !== 'name');
  const changed = names.filter((name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]));
  return Object.fromEntries(changed.map((name) => [name, changedField(name, was[name], is[name])]));
}

/** In a merge, what stays unsaid stays as it is. */
function changedField(name: string, was: unknown, is: unknown): unknown {
  if (name === 'default') return is === true;
  if (is === undefined) return name === 'users' ? [] : null;
  if (typeof is !== 'object' || is === null || Array.isArray(is) || typeof was !== 'object' || was === null) return is;
  const gone = Object.keys(was).filter((inner) => !(inner in is));
  return { ...is, ...Object.fromEntries(gone.map((inner) => [inner, null])) };
}

/** The same as the object's spec, for kubectl and for the check. `secret` is the name of the key's Secret, where there is one. */
export function specOf(values: ProfileValues, secret: string | undefined): Record<string, unknown> {
  const { name: _, ...body } = bodyOf(values);
  return { ...specChangeOf(body), ...(secret !== undefined && { credentialSecretRef: { name: secret } }) };
}

/** What a body of REST's says, by the names of the spec; of a change, a merge patch of it. */
export function specChangeOf({ fallback, ...change }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    ...camelCase(change),
    ...(fallback !== undefined && { fallbackRef: fallback === null ? null : { name: fallback } }),
  };
}

function camelCase(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      typeof value === 'object' && value !== null && !Array.isArray(value) ? camelCase({ ...value }) : value,
    ]),
  );
}

const SCHEMA: CrdSchema | undefined = crd.spec.versions[0]?.schema.openAPIV3Schema.properties.spec;

/**
 * What is wrong with the values. The rules are the schema's; those that it has as expressions stand here again.
 * @param key `given` when the key's field holds something, `stored` when the server has one that is kept
 */
export function errorsOf(values: ProfileValues, key: 'given' | 'stored' | 'none'): ProfileErrors {
  const facts = FACTS[values.provider];
  const errors: ProfileErrors = {};
  if (values.display_name.trim() === '') errors.display_name = 'Please give it a name.';
  if (facts.address.when === 'needed' && values.base_url.trim() === '') {
    errors.base_url = `${facts.label} needs this, for example ${facts.address.placeholder}`;
  }
  if (key === 'none' && facts.key === 'needed') errors.key = `${facts.label} needs a key.`;
  if (values.name !== '' && !/^[a-z0-9]([a-z0-9-]{0,238}[a-z0-9])?$/.test(values.name)) {
    errors.name = 'Lower-case letters, digits and dashes are possible, with a letter or digit at both ends.';
  }
  for (const { path, message } of checkAgainst(SCHEMA ?? {}, specOf(values, undefined))) {
    const field = fieldOf(path.join('.'));
    if (field !== undefined) errors[field] ??= message;
  }
  if (values.model.trim() === '') errors.model = 'Please say which model.';
  return errors;
}

/** The form's field of what the server names, be it as in its requests or as in the spec. Undefined for what has none. */
export function fieldOf(name: string): ProfileField | undefined {
  const parts = name.replace(/^spec\./, '').split(/[.[]/);
  const [first = '', second = ''] = parts.map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  if (first === 'key' || first === 'credential_secret_ref') return 'key';
  if (first === 'fallback_ref') return 'fallback';
  const wanted = first === 'parameters' || first === 'pricing' ? second : first;
  return isField(wanted) ? wanted : undefined;
}

function isField(name: string): name is keyof ProfileValues {
  return Object.hasOwn(NEW_PROFILE, name);
}

/** The name that the server makes for the object of a profile that people call so. */
export function objectName(values: Pick<ProfileValues, 'name' | 'display_name' | 'provider'>): string {
  const plain = (text: string) =>
    text
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/^-+|-+$/g, '');
  return values.name || plain(values.display_name) || plain(values.provider);
}

/** Where a profile is served, the usual address of its provider when it does not say. */
function addressOf(provider: string, url: string): URL | null {
  const id = providerId(provider);
  return URL.parse(url.trim() || (id && FACTS[id].address.when !== 'needed' ? FACTS[id].address.placeholder : ''));
}

/** What a Secret has to name for a key to go to a profile's address; null while that cannot be told. */
export function keyHost({ provider, base_url }: Pick<ProfileValues, 'provider' | 'base_url'>): string | null {
  const address = addressOf(provider, base_url);
  // A host alone means TLS.
  return address && (address.protocol === 'http:' ? `http://${address.host}` : address.host);
}

/**
 * Whether a stored key does not go along any more: a key is bound to the host that it was entered for, and not sent in the
 * open where it was not before.
 * @param values what is about to be saved
 */
export function leavesItsHost(profile: Profile, values: ProfileValues): boolean {
  if (!profile.key.set) return false;
  const from = addressOf(profile.provider, profile.base_url ?? '');
  const to = addressOf(values.provider, values.base_url);
  return from?.host !== to?.host || (from?.protocol === 'https:' && to?.protocol === 'http:');
}
