import { describe, expect, it } from '@jest/globals';
import { readProfile } from './profile.ts';
import {
  bodyOf,
  changeOf,
  errorsOf,
  fieldOf,
  leavesItsHost,
  NEW_PROFILE,
  objectName,
  type ProfileValues,
  specOf,
  valuesOf,
} from './profile-values.ts';

const values = (part: Partial<ProfileValues> = {}): ProfileValues => ({
  ...NEW_PROFILE,
  display_name: 'My GPT',
  model: 'gpt-6.2-sol',
  ...part,
});

describe('what is sent for a new profile', () => {
  it('has what was entered and nothing that was left empty', () => {
    expect(bodyOf(values({ default: true, users: ['alice'] }))).toEqual({
      display_name: 'My GPT',
      provider: 'openai',
      model: 'gpt-6.2-sol',
      default: true,
      users: ['alice'],
    });
  });

  it('has numbers as numbers, and parameters and prices in groups', () => {
    const entered = values({ context_window: '200000', temperature: '0.2', api: 'chat', input_per_million: '1.5' });
    expect(bodyOf(entered)).toMatchObject({
      context_window: 200_000,
      parameters: { temperature: 0.2, api: 'chat' },
      pricing: { input_per_million: 1.5 },
    });
  });

  it('leaves out what belongs to another provider', () => {
    const entered = values({ provider: 'gemini', api_version: '2025-04-01', deployment: 'gpt41', api: 'chat' });
    expect(bodyOf(entered)).toEqual({ display_name: 'My GPT', provider: 'gemini', model: 'gpt-6.2-sol' });
  });
});

describe('what is sent for a change', () => {
  it('is only what differs', () => {
    expect(changeOf(values({ default: true }), values({ default: true, model: 'gpt-4.1' }))).toEqual({ model: 'gpt-4.1' });
  });

  it('takes away what was emptied, also within a group', () => {
    const before = values({
      default: true,
      users: ['a'],
      fallback: 'other',
      temperature: '1',
      top_p: '0.5',
      context_window: '8192',
    });
    expect(changeOf(before, values({ temperature: '1' }))).toEqual({
      default: false,
      users: [],
      fallback: null,
      parameters: { temperature: 1, top_p: null },
      context_window: null,
    });
  });

  it('is nothing when nothing was changed, whatever the server answered', () => {
    const profile = readProfile({
      name: 'a',
      provider: 'azure',
      model: 'm',
      base_url: 'https://x.example',
      parameters: { top_p: 0.5 },
    });
    expect(changeOf(valuesOf(profile), valuesOf(profile))).toEqual({});
  });
});

describe('what is wrong', () => {
  it('is nothing for a whole profile', () => {
    expect(errorsOf(values(), 'given')).toEqual({});
    expect(errorsOf(values(), 'stored')).toEqual({});
  });

  it('is what is missing, in words', () => {
    expect(errorsOf(NEW_PROFILE, 'none')).toEqual({
      display_name: 'Please give it a name.',
      model: 'Please say which model.',
      key: 'OpenAI needs a key.',
    });
  });

  it.each(['ollama', 'openai-compatible'] as const)('is no missing key with %s', (provider) => {
    expect(errorsOf(values({ provider, base_url: 'http://localhost:8080/v1' }), 'none')).toEqual({});
  });

  it.each(['azure', 'openai-compatible'] as const)('is a missing address with %s', (provider) => {
    expect(Object.keys(errorsOf(values({ provider }), 'given'))).toEqual(['base_url']);
  });

  it.each([
    [{ base_url: 'localhost:8080' }, 'base_url'],
    [{ base_url: 'https://user:secret@host' }, 'base_url'],
    [{ model: 'm'.repeat(256) }, 'model'],
    [{ display_name: 'n'.repeat(129) }, 'display_name'],
    [{ temperature: '2.5' }, 'temperature'],
    [{ temperature: 'warm' }, 'temperature'],
    [{ max_output_tokens: '1.5' }, 'max_output_tokens'],
    [{ context_window: '100' }, 'context_window'],
    [{ output_per_million: '-1' }, 'output_per_million'],
    [{ users: ['u'.repeat(254)] }, 'users'],
    [{ name: 'Not A Name' }, 'name'],
  ])('is found by the rules that the server has: %j', (part, field) => {
    const errors = errorsOf(values({ provider: 'ollama', ...part }), 'none');
    expect(Object.keys(errors)).toEqual([field]);
  });
});

it.each([
  ['display_name', 'display_name'],
  ['spec.baseUrl', 'base_url'],
  ['parameters.top_p', 'top_p'],
  ['parameters.maxOutputTokens', 'max_output_tokens'],
  ['pricing.input_per_million', 'input_per_million'],
  ['users[3]', 'users'],
  ['fallbackRef.name', 'fallback'],
  ['key', 'key'],
  ['spec.credentialSecretRef', 'key'],
  ['something', undefined],
])('finds the field for %s', (name, field) => {
  expect(fieldOf(name)).toBe(field);
});

it('writes the spec as manifests have it', () => {
  expect(
    specOf(values({ provider: 'azure', base_url: 'https://x.example', deployment: 'd', top_p: '1', fallback: 'b' }), 'k'),
  ).toEqual({
    displayName: 'My GPT',
    provider: 'azure',
    model: 'gpt-6.2-sol',
    baseUrl: 'https://x.example',
    deployment: 'd',
    parameters: { topP: 1 },
    fallbackRef: { name: 'b' },
    credentialSecretRef: { name: 'k' },
  });
});

it('names the object as the server would', () => {
  expect(objectName(values({ display_name: 'Ärger & Söhne: GPT-4!' }))).toBe('a-rger-so-hne-gpt-4');
  expect(objectName(values({ display_name: '日本' }))).toBe('openai');
});

describe('a stored key', () => {
  const profile = readProfile({ name: 'a', provider: 'openai', model: 'm', key: { set: true } });

  it('goes along while the host stays the same', () => {
    expect(leavesItsHost(profile, values({ base_url: 'https://api.openai.com/v2' }))).toBe(false);
  });

  it('stays behind when the host changes, or the provider', () => {
    expect(leavesItsHost(profile, values({ base_url: 'https://elsewhere.example/v1' }))).toBe(true);
    expect(leavesItsHost(profile, values({ base_url: 'http://api.openai.com/v1' }))).toBe(true);
    expect(leavesItsHost(profile, values({ provider: 'gemini' }))).toBe(true);
  });
});
