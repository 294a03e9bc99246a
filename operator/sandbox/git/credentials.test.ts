import { describe, expect, it } from '@jest/globals';
import { CREDENTIAL_LABEL, HOSTS_ANNOTATION, type Secret } from '../../api/resources.ts';
import { credentialFromSecret, credentialFromSettings, mayReceive } from './credentials.ts';
import { parseRepositoryUrl } from './repository-url.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function secret(
  data: Record<string, string>,
  hosts?: string,
  labels: Record<string, string> = { [CREDENTIAL_LABEL]: 'true' },
): Secret {
  const annotations = hosts === undefined ? {} : { [HOSTS_ANNOTATION]: hosts };
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]));
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'forge', labels, annotations }, data: encoded };
}

describe('a git credential', () => {
  it('from the settings is for github.com unless other hosts are named', () => {
    expect(credentialFromSettings({ token: ' t0ken ' })).toEqual({
      username: 'x-access-token',
      token: 't0ken',
      hosts: ['github.com'],
    });
    expect(credentialFromSettings({ token: 't', username: 'bot', hosts: 'Git.example.com, .corp.example:8443' })).toEqual({
      username: 'bot',
      token: 't',
      hosts: ['git.example.com', '.corp.example:8443'],
    });
    expect(credentialFromSettings({ token: ' ' })).toBeUndefined();
    expect(credentialFromSettings({})).toBeUndefined();
  });

  it('comes from a labelled Secret with a token and hosts', () => {
    expect(credentialFromSecret(secret({ token: 't\n', username: 'oauth2' }, 'gitlab.com'))).toEqual({
      username: 'oauth2',
      token: 't',
      hosts: ['gitlab.com'],
    });
  });

  it.each([
    ['has no label', secret({ token: 't' }, 'github.com', {}), /not labelled sweagent.dev\/credential/],
    ['is for a model', secret({ token: 't' }, 'github.com', { [CREDENTIAL_LABEL]: 'model' }), /not used as a git token/],
    ['has no token', secret({ password: 't' }, 'github.com'), /Secret forge has no key "token"/],
    ['names no hosts', secret({ token: 't' }), /annotate it with sweagent.dev\/hosts/],
    ['names an empty list of hosts', secret({ token: 't' }, ' , '), /names no host/],
    [
      'names a URL instead of a host',
      secret({ token: 't' }, 'https://github.com/'),
      /"https:\/\/github.com\/", which is not a host/,
    ],
    ['names a wildcard', secret({ token: 't' }, '*'), /not a host/],
    ['has a token of two lines', secret({ token: 's3cret\nhost=evil' }, 'github.com'), /characters/],
  ])('is refused when the Secret %s', (_name, given, message) => {
    expect(() => credentialFromSecret(given)).toThrow(message);
    expect(() => credentialFromSecret(given)).not.toThrow(/s3cret/);
  });

  it.each([
    ['https://github.com/a/b', true],
    ['https://gist.github.com/a/b', false],
    ['https://github.com.evil.example/a', false],
    ['https://github.com:8443/a/b', false],
    ['https://git.corp.example/a', true],
    ['https://corp.example/a', false],
    ['https://evilcorp.example/a', false],
    ['https://forge.example:8443/a', true],
    ['https://forge.example/a', false],
    ['ssh://git@github.com/a/b', false],
    ['git@github.com:a/b', false],
    ['http://127.0.0.1/a', false],
    ['/srv/github.com', false],
  ])('for github.com, .corp.example, forge.example:8443 and 127.0.0.1 is given to %s: %s', (url, given) => {
    const hosts = ['github.com', '.corp.example', 'forge.example:8443', '127.0.0.1'];
    expect(mayReceive({ username: 'u', token: 't', hosts }, parseRepositoryUrl(url, { allowLocal: true }))).toBe(given);
  });
});
