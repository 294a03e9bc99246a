/** What a caller says about a profile, as fields of AIProfile. Pure: everything that is wrong is found before anything is sent. */
import { type AIProfile, API_VERSION } from '../../operator/api/resources.ts';
import { validateAIProfile } from '../../operator/api/validators.gen.js';
import { type FieldError, invalid } from '../http/problem.ts';
import { isRecord } from '../record.ts';
import { partOf, profileSchema, type Schema } from '../schema/crd.ts';
import { objectErrors, shown } from '../schema/field-errors.ts';
import { fromRest, restName, restPath, unknownField } from '../schema/rest-names.ts';
import { withoutKey } from './profile-key.ts';

/** Where the fields of a request go in the spec. `name` and `key` have no place there. */
export const PROFILE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  display_name: ['displayName'],
  provider: ['provider'],
  model: ['model'],
  base_url: ['baseUrl'],
  api_version: ['apiVersion'],
  deployment: ['deployment'],
  default: ['default'],
  users: ['users'],
  fallback: ['fallbackRef', 'name'],
  parameters: ['parameters'],
  pricing: ['pricing'],
  context_window: ['contextWindow'],
};

/** Names of Secrets are those of profiles with an end, and have at most 253 characters. */
const MAX_NAME = 240;
const MAX_KEY = 8_192;

export type ProfileRequest = {
  name: string | undefined;
  /** Never to be shown, not in an error either. */
  key: string | undefined;
  /** A merge patch of spec. */
  spec: Record<string, unknown>;
};

/** Reads a body. @throws Problem 422 naming every field at fault, never with the key */
export function profileRequest(body: Record<string, unknown>, door: 'create' | 'change'): ProfileRequest {
  const errors: FieldError[] = [];
  const spec: Record<string, unknown> = {};
  const names = [...(door === 'create' ? ['name'] : []), ...Object.keys(PROFILE_FIELDS), 'key'];
  for (const [field, value] of Object.entries(body)) {
    if (field === 'key' || (field === 'name' && door === 'create')) continue;
    const path = Object.hasOwn(PROFILE_FIELDS, field) ? PROFILE_FIELDS[field] : undefined;
    if (path) put(spec, path, fromRest(value, partOf(profileSchema().spec, ...path), field, errors));
    else
      errors.push(
        field === 'name' ? { field, message: 'cannot be changed; make another profile' } : unknownField(field, field, names),
      );
  }
  const { name, key } = door === 'create' ? body : { name: undefined, key: body.key };
  if (name !== undefined && name !== null && !isName(name)) {
    const message = `must have 1 to ${MAX_NAME} lower-case letters, digits and "-", with a letter or digit at both ends, unlike ${shown(name)}`;
    errors.push({ field: 'name', message });
  }
  const given = key === undefined || key === null || key === '' ? undefined : keyOf(key, errors);
  if (errors.length > 0) throw withoutKey(typeof key === 'string' ? key.trim() : undefined, invalid(errors));
  return { name: typeof name === 'string' ? name : undefined, key: given, spec };
}

/** The key in a body that has nothing else. @throws Problem 422, never with the key */
export function keyRequest(body: Record<string, unknown>): string {
  const errors: FieldError[] = Object.keys(body)
    .filter((name) => name !== 'key')
    .map((name) => unknownField(name, name, ['key']));
  const key = keyOf(body.key, errors);
  if (key === undefined || errors.length > 0) throw withoutKey(key, invalid(errors));
  return key;
}

/** What surrounds a key that was pasted is not part of it. */
function keyOf(value: unknown, errors: FieldError[]): string | undefined {
  const key = typeof value === 'string' ? value.trim() : undefined;
  if (key !== undefined && key.length <= MAX_KEY && /^[\x21-\x7e]+$/.test(key)) return key;
  const message =
    value === undefined || value === null || key === ''
      ? 'is missing; it must be given'
      : `must be at most ${MAX_KEY} printable ASCII characters without spaces, as the provider shows it`;
  errors.push({ field: 'key', message });
  return undefined;
}

/** The object, if the schema has nothing against it. @throws Problem 422 naming every field at fault */
export function checkedProfile(object: { metadata: AIProfile['metadata']; spec: Record<string, unknown> }): AIProfile {
  const profile: unknown = { apiVersion: API_VERSION, kind: 'AIProfile', ...object };
  if (isProfile(profile)) {
    const { baseUrl } = profile.spec;
    if (baseUrl === undefined || URL.canParse(baseUrl)) return profile;
    throw invalid([{ field: 'base_url', message: 'is no address; write it like https://api.example.com/v1' }]);
  }
  const errors = objectErrors(validateAIProfile.errors ?? [], profile);
  throw invalid(
    errors.map(({ path, message }) => {
      const field = profileField(path);
      // An address may have a password in it.
      if (field === 'base_url' && message.startsWith('must match'))
        return { field, message: 'must begin with http:// or https:// and have no "@" and no space in it' };
      return { field, message };
    }),
  );
}

function isProfile(object: unknown): object is AIProfile {
  return validateAIProfile(object);
}

/** What the API server has against a profile, by the names of request fields. */
export function profileErrors(causes: readonly { field?: string; message?: string; reason?: string }[]): FieldError[] {
  return causes.map(({ field = '', message, reason }) => {
    const path = field.replace(/\[([^\]]*)\]/g, '.$1').split('.');
    const text = inRestTerms(message ?? reason ?? 'is not valid');
    // Rules over the whole of spec name the field in words.
    const named = path.length > 1 ? undefined : fieldsIn(text)[0];
    return { field: named ?? profileField(path), message: text };
  });
}

/** The request field of a path such as ['spec', 'baseUrl']. */
function profileField([root, ...path]: readonly string[]): string {
  if (root !== 'spec') return path.at(-1) === 'name' ? 'name' : [root ?? '', ...path].join('.');
  if (path[0] === 'credentialSecretRef') return 'key';
  const { spec } = profileSchema();
  for (const [field, start] of Object.entries(PROFILE_FIELDS)) {
    if (
      start.every((name, index) => path[index] === name) ||
      (path.length > 0 && path.length < start.length && path[0] === start[0])
    ) {
      const rest = restPath(path.slice(start.length), partOf(spec, ...start));
      return `${field}${rest === '' || rest.startsWith('[') ? '' : '.'}${rest}`;
    }
  }
  return restPath(path, spec);
}

function inRestTerms(message: string): string {
  const names = Object.keys(profileSchema().spec.properties ?? {}).filter((name) => restName(name) !== name);
  return names.reduce(
    (text, name) => text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), name === 'credentialSecretRef' ? 'a key' : restName(name)),
    message,
  );
}

/** Request fields in the order in which a text names them; provider is what such texts are about. */
function fieldsIn(text: string): string[] {
  const fields = [...Object.keys(PROFILE_FIELDS), 'key'].filter((field) => field !== 'provider');
  const places = fields.map((field) => ({ field, at: text.search(new RegExp(`\\b${field}\\b`)) }));
  return places
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)
    .map(({ field }) => field);
}

/** A name made of what people call the profile. */
export function nameFor(displayName: unknown, provider: unknown): string {
  const plain = (text: unknown) =>
    String(text ?? '')
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/^-+|-+$/g, '');
  return plain(displayName) || plain(provider) || 'profile';
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.length <= MAX_NAME && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name);
}

/** null takes the outermost field away that the path leads through. */
function put(target: Record<string, unknown>, [first, second]: readonly string[], value: unknown): void {
  if (first === undefined) return;
  target[first] = second === undefined || value === null ? value : { [second]: value };
}

/** An object with a merge patch applied, and without what is null. */
export function patched(value: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const base = isRecord(value) ? value : {};
  const names = new Set([...Object.keys(base), ...Object.keys(patch)]);
  return Object.fromEntries(
    [...names]
      .map((name): [string, unknown] => [name, name in patch ? patched(base[name], patch[name]) : base[name]])
      .filter(([, inner]) => inner !== null && inner !== undefined),
  );
}

/** What REST calls a part of the spec, for the document. */
export function profileRequestSchema(field: string): Schema {
  return partOf(profileSchema().spec, ...(PROFILE_FIELDS[field] ?? [field]));
}
