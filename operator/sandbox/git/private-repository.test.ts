import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../../../test/support/certificate.ts';
import { patience as live } from '../../../test/support/eventually.ts';
import { type GitHttpServer, type GitHttpServerOptions, startGitHttpServer } from '../../../test/support/git-http-server.ts';
import { git, makeRepository } from '../../../test/support/git-repository.ts';
import { recordingGit } from '../../../test/support/recording-git.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { RepositoryCache } from './cache.ts';
import { type GitCredential, GitError } from './git.ts';
import type { GitEnvironment } from './run-git.ts';

const TOKEN = 'ghp_0123456789SecretToken';

let certificate: { key: string; cert: string };
let shared: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: GitHttpServer;
let environment: GitEnvironment;

beforeAll(async () => {
  certificate = await loopbackCertificate();
  shared = await temporaryFolder();
  await writeFile(join(shared.path, 'ca.pem'), certificate.cert);
  await makeRepository(join(shared.path, 'private'), [{ files: { a: '1' } }, { files: { a: '2' } }], { bare: true });
  environment = { PATH: process.env.PATH ?? '', SSL_CERT_FILE: join(shared.path, 'ca.pem') };
});
afterAll(async () => shared[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await temporaryFolder();
  server = await serve();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function serve(options: Partial<GitHttpServerOptions> = {}): Promise<GitHttpServer> {
  return startGitHttpServer({ root: shared.path, tls: certificate, token: TOKEN, ...options });
}

function cacheOf(more: GitEnvironment = {}): RepositoryCache {
  return new RepositoryCache({ dir: join(folder.path, 'cache'), allowLocal: false, environment: { ...environment, ...more } });
}

function credential(hosts: string[], token = TOKEN): GitCredential {
  return { username: 'x-access-token', token, hosts };
}

async function failure(promise: Promise<unknown>): Promise<GitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GitError)) throw new Error('no GitError', { cause: error });
  expect(`${error.message} ${String(error.cause)}`).not.toContain(TOKEN);
  return error;
}

describe('a private repository', () => {
  it('is fetched with the token, which is in no argument, environment, file or URL', async () => {
    const recorded = await recordingGit(folder.path);
    const cache = cacheOf({ PATH: recorded.path });
    const lines: string[] = [];
    const source = { url: `${server.url}/private`, depth: 1 };
    const snapshot = await cache.fetch(source, credential([server.host]), live(), (line) => lines.push(line));
    expect(snapshot.commit).toBe(await git(join(shared.path, 'private'), 'rev-parse', 'HEAD'));
    const secrets = [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')];
    const written = [await recorded.everything(), lines.join('\n'), JSON.stringify(snapshot)];
    for (const file of await readdir(join(folder.path, 'cache'), { recursive: true, withFileTypes: true })) {
      if (file.isFile()) written.push(await readFile(join(file.parentPath, file.name), 'latin1'));
    }
    for (const secret of secrets) expect(written.filter((text) => text.includes(secret))).toEqual([]);
    for (const { url } of server.seen) expect(url).not.toContain(TOKEN);
    expect(server.seen.some(({ authorization }) => authorization !== undefined)).toBe(true);
  });

  it('is fetched by processes none of which has the token in its arguments or environment', async () => {
    const found: string[] = [];
    let looked = 0;
    server.options.pause = async ({ authorization }) => {
      if (authorization === undefined) return;
      looked += await lookAtProcesses(server.host, (text) => text.includes(TOKEN) && found.push(text));
    };
    await cacheOf().fetch({ url: `${server.url}/private`, depth: 1 }, credential([server.host]), live());
    expect(looked).toBeGreaterThan(2);
    expect(found).toEqual([]);
  });

  it('is not given from the cache to a session whose credential may not read it', async () => {
    const cache = cacheOf();
    const url = `${server.url}/private`;
    const { commit } = await cache.fetch({ url, depth: 1 }, credential([server.host]), live());
    expect(await failure(cache.fetch({ url, depth: 1 }, undefined, live()))).toMatchObject({ reason: 'AuthenticationFailed' });
    expect(await failure(cache.fetch({ url, ref: commit, depth: 1 }, undefined, live()))).toMatchObject({
      reason: 'AuthenticationFailed',
    });
  });

  it('without a credential says that it may be private and what to set', async () => {
    const error = await failure(cacheOf().fetch({ url: `${server.url}/private`, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'AuthenticationFailed', transient: false });
    expect(error.message).toMatch(/does not exist or is private.*GIT_TOKEN/);
  });

  it('with a wrong token says that the token is wrong', async () => {
    const error = await failure(
      cacheOf().fetch({ url: `${server.url}/private`, depth: 1 }, credential([server.host], 'wrong-token'), live()),
    );
    expect(error).toMatchObject({ reason: 'AuthenticationFailed', message: expect.stringMatching(/token is wrong, expired/) });
    expect(error.message).not.toContain('wrong-token');
  });

  it('that is not there is reported as such', async () => {
    const error = await failure(cacheOf().fetch({ url: `${server.url}/nothing`, depth: 1 }, credential([server.host]), live()));
    expect(error).toMatchObject({ reason: 'RepositoryNotFound', message: expect.stringMatching(/or the token may not see it/) });
  });
});

describe('a token', () => {
  it('is not sent to a host that it is not for', async () => {
    const error = await failure(cacheOf().fetch({ url: `${server.url}/private`, depth: 1 }, credential(['github.com']), live()));
    expect(error.reason).toBe('HostNotAllowed');
    expect(error.message).toContain(`github.com only, which ${server.host} is not`);
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(server.seen.map(() => undefined));
  });

  it('does not follow a redirect to another host, but to another path', async () => {
    await using other = await serve();
    server.options.redirects = {
      '/moved/info/refs': `${other.url}/private/info/refs`,
      '/renamed/info/refs': `${server.url}/private/info/refs`,
    };
    const given = credential([server.host]);
    // The first server asks for nothing and only redirects; the second would be glad to have the token.
    const error = await failure(cacheOf().fetch({ url: `${server.url}/moved`, depth: 1 }, given, live()));
    expect(error).toMatchObject({ reason: 'HostNotAllowed', message: expect.stringContaining(`sends on to ${other.host}`) });
    expect(other.seen.length).toBeGreaterThan(0);
    expect(other.seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    const renamed = await cacheOf().fetch({ url: `${server.url}/renamed`, depth: 1 }, given, live());
    expect(renamed.branch).toBe('main');
  });

  it('is not sent over http', async () => {
    await using plain = await startGitHttpServer({ root: shared.path, token: TOKEN });
    const error = await failure(cacheOf().fetch({ url: `${plain.url}/private`, depth: 1 }, credential([plain.host]), live()));
    expect(error).toMatchObject({ reason: 'HostNotAllowed', message: expect.stringMatching(/over https only/) });
    expect(plain.seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  it('is not taken from a .netrc, a credential store or the environment of the machine', async () => {
    const home = join(folder.path, 'cache', 'no-home');
    const recorded = await recordingGit(folder.path);
    await failure(cacheOf({ PATH: recorded.path }).fetch({ url: `${server.url}/private`, depth: 1 }, undefined, live()));
    const seen = await recorded.everything();
    expect(seen).toContain(`HOME=${home}`);
    expect(seen).toContain('GIT_CONFIG_GLOBAL=/dev/null');
    expect(seen).toContain('GIT_TERMINAL_PROMPT=0');
    expect(seen).not.toMatch(/^(?:SSH_ASKPASS|GIT_ASKPASS|DISPLAY)=/m);
  });
});

describe('a remote', () => {
  it('that serves no commits by id is asked for all of its branches', async () => {
    await using old = await serve({ oldProtocol: true });
    const url = `${old.url}/private`;
    const parent = await git(join(shared.path, 'private'), 'rev-parse', 'HEAD~1');
    const snapshot = await cacheOf().fetch({ url, ref: parent, depth: 1 }, credential([old.host]), live());
    expect(snapshot).toMatchObject({ commit: parent, branch: '', shallow: [] });
    const missing = cacheOf().fetch({ url, ref: 'e'.repeat(40), depth: 1 }, credential([old.host]), live());
    expect(await failure(missing)).toMatchObject({ reason: 'RefNotFound' });
  });

  it('that nobody listens at, that answers with an error of its own, or that is not known is unreachable for now', async () => {
    await using failing = await serve({ status: 503 });
    const gone = await serve();
    await gone[Symbol.asyncDispose]();
    for (const url of [`${failing.url}/private`, `${gone.url}/private`, 'https://does-not-exist.invalid/x']) {
      const error = await failure(cacheOf().fetch({ url, depth: 1 }, undefined, live()));
      expect(error).toMatchObject({ reason: 'Unreachable', transient: true });
    }
  });

  it('whose certificate is not trusted is not spoken to', async () => {
    const cache = new RepositoryCache({ dir: join(folder.path, 'cache'), allowLocal: false });
    const error = await failure(cache.fetch({ url: `${server.url}/private`, depth: 1 }, credential([server.host]), live()));
    expect(error).toMatchObject({
      reason: 'Unreachable',
      transient: false,
      message: expect.stringMatching(/certificate.*not trusted/),
    });
    expect(server.seen).toEqual([]);
  });
});

/** Arguments and environment of every process that has the text among its arguments. How many there were. */
async function lookAtProcesses(text: string, look: (content: string) => void): Promise<number> {
  let count = 0;
  for (const pid of await readdir('/proc')) {
    const line = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
    if (!line.includes(text)) continue;
    count++;
    look(line);
    look(await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''));
  }
  return count;
}
