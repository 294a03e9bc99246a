import { describe, expect, it } from '@jest/globals';
import { CREDENTIAL_LABEL, HOSTS_ANNOTATION, type Secret } from './api/resources.ts';
import { hostsOf, isHost, misuseOf, namesHost } from './credential-secrets.ts';

function secret(label: string | undefined, hosts?: string): Secret {
  const labels = label === undefined ? {} : { [CREDENTIAL_LABEL]: label };
  const annotations = hosts === undefined ? {} : { [HOSTS_ANNOTATION]: hosts };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'ns', labels, annotations } };
}

describe('a Secret with a credential', () => {
  it.each([
    ['model', 'apiKey', ['model']],
    ['model', 'token', ['model']],
    ['git', 'token', ['git']],
    ['git', 'apiKey', ['git']],
    ['', 'token', ['git']],
    ['', 'apiKey', ['model']],
    ['true', 'token', ['git']],
    ['true', 'OPENAI_API_KEY', ['model']],
  ])('labelled "%s" serves with its entry %s for %j alone', (label, entry, uses) => {
    expect((['git', 'model'] as const).filter((purpose) => misuseOf(secret(label), purpose, entry) === undefined)).toEqual(uses);
  });

  it('says what to do where it is for something else', () => {
    expect(misuseOf(secret('git'), 'model', 'apiKey')).toBe(
      'Secret s is labelled sweagent.dev/credential=git, so it is not used as the key of a model. Name another, or say what it is for: kubectl label --overwrite secret s -n ns sweagent.dev/credential=model',
    );
    expect(misuseOf(secret(''), 'model', 'token')).toContain(
      'Secret s holds a git token in token, as its label says nothing else',
    );
    expect(misuseOf(secret('model'), 'git', 'token')).toContain('so it is not used as a git token');
  });

  it('names its hosts, or none', () => {
    expect(hostsOf(secret('git', ' A.example ,,b.example:8443'))).toEqual(['a.example', 'b.example:8443']);
    expect(hostsOf(secret('git', ''))).toEqual([]);
    expect(hostsOf(secret('git'))).toBeUndefined();
  });
});

describe('a host of a list', () => {
  it.each(['a.example', 'a.example:8443', '.a.example', '[::1]:11434', 'http://a.example', 'https://.a.example:1', 'my_gpu'])(
    'may be written %s',
    (text) => {
      expect(isHost(text)).toBe(true);
    },
  );

  it.each(['', '*', '*.a.example', 'a.example/v1', 'https://a.example/', 'ftp://a.example', 'u@a.example', 'a b', 'a.example:x'])(
    'may not be written "%s", and then names none',
    (text) => {
      expect(isHost(text)).toBe(false);
      expect(namesHost(text, new URL('https://a.example/v1'), 'every port')).toBe(false);
    },
  );

  it.each([
    ['a.example', 'https://a.example/v1', true, true],
    ['a.example', 'https://a.example:8443', true, false],
    ['a.example', 'http://a.example:80', true, true],
    ['a.example', 'https://b.a.example', false, false],
    ['a.example', 'https://a.example.evil', false, false],
    ['a.example:443', 'https://a.example', true, true],
    ['a.example:443', 'http://a.example', false, false],
    ['a.example:8443', 'https://a.example:8443', true, true],
    ['a.example:8443', 'https://a.example', false, false],
    ['.a.example', 'https://b.a.example', true, true],
    ['.a.example', 'https://a.example', false, false],
    ['.a.example', 'https://evila.example', false, false],
    ['.a.example:8443', 'https://b.a.example:8443', true, true],
    ['[::1]:11434', 'http://[::1]:11434', true, true],
    ['https://a.example', 'http://a.example', false, false],
    ['http://a.example', 'http://a.example', true, true],
    ['http://a.example', 'https://a.example', true, true],
  ])('%s is that of %s: %s for every port, %s for the usual one', (host, address, every, usual) => {
    const url = new URL(address);
    expect([namesHost(host, url, 'every port'), namesHost(host, url, 'usual port')]).toEqual([every, usual]);
  });
});
