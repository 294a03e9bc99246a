import { describe, expect, it } from '@jest/globals';
import { GitError } from './git.ts';
import { parseRepositoryUrl, redactUrl, refNameProblem } from './repository-url.ts';

const remote = { allowLocal: false };
const local = { allowLocal: true, cwd: '/home/ada' };

function refusal(text: string, rules: { allowLocal: boolean; cwd?: string } = remote): GitError {
  try {
    parseRepositoryUrl(text, rules);
  } catch (error) {
    if (error instanceof GitError) return error;
  }
  throw new Error(`${text} was taken`);
}

describe('a repository URL', () => {
  it.each([
    ['https://github.com/ada/engine.git', 'https', 'https://github.com/ada/engine.git', 'github.com'],
    ['HTTPS://GitHub.com:443/ada/engine', 'https', 'https://github.com/ada/engine', 'github.com'],
    ['https://git.example.com:8443/a%20b/c', 'https', 'https://git.example.com:8443/a%20b/c', 'git.example.com:8443'],
    ['http://127.0.0.1:3000/x.git', 'http', 'http://127.0.0.1:3000/x.git', '127.0.0.1:3000'],
    ['http://[::1]:3000/x.git', 'http', 'http://[::1]:3000/x.git', '[::1]:3000'],
    ['ssh://git@host.example/~ada/x.git', 'ssh', 'ssh://git@host.example/~ada/x.git', 'host.example'],
    ['git@github.com:ada/engine.git', 'ssh', 'git@github.com:ada/engine.git', 'github.com'],
    ['host:repo', 'ssh', 'host:repo', 'host'],
  ])('%s is taken over %s', (text, transport, location, host) => {
    expect(parseRepositoryUrl(text, remote)).toEqual({ transport, location, host });
  });

  it.each([
    ['file:///srv/a%20b.git', '/srv/a b.git'],
    ['file://localhost/srv/x', '/srv/x'],
    ['/srv/übung repo', '/srv/übung repo'],
    ['./engine', '/home/ada/engine'],
    ['../engine', '/home/engine'],
    ['engine', '/home/ada/engine'],
    ['./we::ird:name', '/home/ada/we::ird:name'],
  ])('%s is a local path where local paths are allowed, and nowhere else', (text, location) => {
    expect(parseRepositoryUrl(text, local)).toEqual({ transport: 'local', location, host: '' });
    expect(refusal(text).reason).toBe('TransportNotAllowed');
  });

  it.each([
    ['ext::sh -c "touch /tmp/x"', 'TransportNotAllowed'],
    ['fd::17', 'TransportNotAllowed'],
    ['https::https://host/x', 'TransportNotAllowed'],
    ['git://host/x', 'TransportNotAllowed'],
    ['ftp://host/x', 'TransportNotAllowed'],
    ['http://example.com/x', 'TransportNotAllowed'],
    ['http://127.0.0.1.example.com/x', 'TransportNotAllowed'],
    ['--upload-pack=touch /tmp/x', 'InvalidURL'],
    ['-oProxyCommand=x:y', 'InvalidURL'],
    ['ssh://-oProxyCommand=x/y', 'InvalidURL'],
    ['git@-oProxyCommand=x:y', 'InvalidURL'],
    ['ssh://-l@host/y', 'InvalidURL'],
    ['host:--upload-pack=x', 'InvalidURL'],
    ['https://host/a\nb', 'InvalidURL'],
    ['https://host/a%0ahost=evil', 'InvalidURL'],
    ['https://host/a b', 'InvalidURL'],
    ['https://host\\@evil/x', 'InvalidURL'],
    ['https://host/', 'InvalidURL'],
    ['https://', 'InvalidURL'],
    ['https://host/x?token=1', 'InvalidURL'],
    ['', 'InvalidURL'],
    ['  ', 'InvalidURL'],
    [`https://host/${'x'.repeat(2048)}`, 'InvalidURL'],
    ['file://other/srv/x', 'InvalidURL'],
    ['file:///srv/%zz', 'InvalidURL'],
    ['/srv/a\0b', 'InvalidURL'],
    ['~/engine', 'InvalidURL'],
  ])('%j is refused with %s', (text, reason) => {
    expect(refusal(text, local).reason).toBe(reason);
  });

  it.each([
    'https://ada:hunter2secret@github.com/ada/x',
    'https://hunter2secret@github.com/ada/x',
    'https://ada:hunter2/secret@github.com/x',
    'https://ada:hunter2secret@ho st/x',
    'ssh://git:hunter2secret@host/x',
    'git:hunter2secret@github.com/ada/x',
    'hunter2secret@github.com/ada/x',
    'git://ada:hunter2secret@host/x',
    'ftp://hunter2secret@host/x',
    'https://host/x?private_token=hunter2secret',
    'https://host/x#hunter2secret',
  ])('the credential in it is refused and never repeated: %s', (text) => {
    const error = refusal(text, local);
    expect(`${error.message} ${String(error.cause)} ${redactUrl(text)}`).not.toMatch(/hunter2|secret/);
  });

  it('with a credential says what to do instead', () => {
    expect(refusal('https://ada:pw@github.com/ada/x').message).toMatch(/GIT_TOKEN.*credentialsSecretRef/);
  });

  it('is shown without control characters and not longer than 300 characters', () => {
    expect(redactUrl('https://host/a\u001b[31m')).toBe('https://host/a\ufffd[31m');
    expect(redactUrl(`https://host/${'x'.repeat(400)}`)).toHaveLength(300);
    expect(redactUrl('git@github.com:ada/engine.git')).toBe('git@github.com:ada/engine.git');
    expect(redactUrl('/srv/what?#why')).toBe('/srv/what?#why');
  });
});

describe('a ref name', () => {
  it.each(['main', 'feature/ünïcode', 'v1.2.3', 'refs/heads/main', 'a@b', '0123456789abcdef0123456789abcdef01234567'])(
    '%s is taken',
    (name) => {
      expect(refNameProblem(name)).toBeUndefined();
    },
  );

  it.each(
    ['', '-x', '--upload-pack=x', 'a..b', 'a b', 'a~1', 'a^', 'a:b', 'a?', 'a*', 'a[', 'a\\b', '/a', 'a/', 'a//b', '.a'].concat([
      'a/.b',
      'a.',
      'a.lock',
      'a.lock/b',
      '@',
      'a@{1}',
      'a\nb',
      'x'.repeat(256),
    ]),
  )('%j is refused', (name) => {
    expect(refNameProblem(name)).toMatch(/\w+ /);
  });
});
