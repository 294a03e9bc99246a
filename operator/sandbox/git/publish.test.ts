import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loopbackCertificate } from '../../../test/support/certificate.ts';
import { patience as live } from '../../../test/support/eventually.ts';
import { type GitHttpServerOptions, startGitHttpServer } from '../../../test/support/git-http-server.ts';
import { addCommits, type FixtureCommit, git, makeRepository } from '../../../test/support/git-repository.ts';
import { recordingGit } from '../../../test/support/recording-git.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { RepositoryCache } from './cache.ts';
import { type GitCredential, GitError } from './git.ts';
import { type Published, Publisher, type PublishRequest } from './publish.ts';
import type { GitEnvironment } from './run-git.ts';

const TOKEN = 'ghp_0123456789SecretToken';

let certificate: { key: string; cert: string };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let remote: string;
let base: string;

beforeAll(async () => {
  certificate = await loopbackCertificate();
});
beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder.path, 'ca.pem'), certificate.cert);
  remote = join(folder.path, 'remote');
  await makeRepository(remote, [{ files: { a: '0\n' } }, { files: { a: '1\n', b: '1\n' } }], { bare: true });
  base = await git(remote, 'rev-parse', 'main');
});
afterEach(async () => folder[Symbol.asyncDispose]());

function cacheOf(environment: GitEnvironment = {}, dir = 'cache'): RepositoryCache {
  return new RepositoryCache({
    dir: join(folder.path, dir),
    allowLocal: true,
    environment: { PATH: process.env.PATH ?? '', SSL_CERT_FILE: join(folder.path, 'ca.pem'), ...environment },
  });
}

/** What a sandbox would hand out: commits on the base, in a bundle without it. */
async function result(commits: readonly FixtureCommit[], from = base): Promise<{ commit: string; bundle: Uint8Array }> {
  const dir = join(folder.path, `sandbox-${Math.random().toString(36).slice(2)}`);
  await git('/', 'clone', '-q', '--bare', remote, dir);
  await addCommits(dir, commits, 'result', from);
  await git(dir, 'bundle', 'create', '-q', `${dir}.bundle`, 'refs/heads/result', `^${base}`);
  return { commit: await git(dir, 'rev-parse', 'result'), bundle: await readFile(`${dir}.bundle`) };
}

function publish(
  work: { commit: string; bundle: Uint8Array },
  request: Partial<PublishRequest> = {},
  cache = cacheOf(),
): Promise<Published> {
  const defaults = {
    uid: '550e8400-e29b',
    url: remote,
    credential: undefined,
    branch: 'swe-agent/fix',
    base,
    baseBranch: 'main',
  };
  return new Publisher(cache).publish({ ...defaults, ...work, allowBaseBranch: false, push: true, ...request }, live());
}

async function failure(promise: Promise<unknown>): Promise<GitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GitError)) throw new Error('no GitError', { cause: error });
  expect(error.message).not.toContain(TOKEN);
  return error;
}

const tipOf = (branch: string) => git(remote, 'rev-parse', '--verify', '--quiet', branch).catch(() => '');

function serve(options: Partial<GitHttpServerOptions> = {}): ReturnType<typeof startGitHttpServer> {
  return startGitHttpServer({ root: folder.path, tls: certificate, token: TOKEN, ...options });
}

function credential(hosts: string[]): GitCredential {
  return { username: 'x-access-token', token: TOKEN, hosts };
}

describe('publishing a result', () => {
  it('pushes the branch, and hands out a patch and the bundle', async () => {
    const binary = Buffer.from([0, 1, 2, 255, 0]);
    const work = await result([
      { message: 'Fix ü', files: { a: '2\n', 'neu ä.bin': binary, b: null, link: { symlink: '/etc/passwd' } } },
    ]);
    const published = await publish(work);
    expect(published).toMatchObject({ pushed: true, stat: { filesChanged: 4, additions: 2, deletions: 2 } });
    expect(published.message).toContain('swe-agent/fix');
    expect(await tipOf('swe-agent/fix')).toBe(work.commit);
    expect(await tipOf('main')).toBe(base);
    const file = join(folder.path, 'result.bundle');
    await writeFile(file, published.bundle);
    expect((await git(remote, 'bundle', 'list-heads', file)).split('\n')).toEqual([
      `${work.commit} refs/heads/result`,
      `${work.commit} HEAD`,
    ]);
    const clone = join(folder.path, 'applied');
    await git('/', 'clone', '-q', remote, clone);
    await writeFile(join(folder.path, 'fix.patch'), published.patch);
    await git(clone, 'am', '-q', join(folder.path, 'fix.patch'));
    expect(await git(clone, 'rev-parse', 'HEAD^{tree}')).toBe(await git(remote, 'rev-parse', `${work.commit}^{tree}`));
    expect(await readdir(join(folder.path, 'cache', 'scratch'))).toEqual([]);
  });

  it('again after a crash finds that it is done, or does it', async () => {
    const work = await result([{ files: { a: '2\n' } }]);
    const cache = cacheOf();
    await cache.fetch({ url: remote, depth: 1 }, undefined, live());
    const scratch = join(folder.path, 'cache', 'scratch');
    await mkdir(scratch, { recursive: true });
    await publish(work, {}, cache);
    for (let times = 0; times < 2; times++) expect(await publish(work, {}, cache)).toMatchObject({ pushed: true });
    await git(remote, 'update-ref', '-d', 'refs/heads/swe-agent/fix');
    expect(await publish(work, {}, cacheOf({}, 'cache'))).toMatchObject({ pushed: true });
    expect(await tipOf('swe-agent/fix')).toBe(work.commit);
  });

  it('moves a branch of its own forward with a later result', async () => {
    const first = await result([{ files: { a: '2\n' } }]);
    const second = await result([{ files: { a: '2\n' } }, { files: { a: '3\n' } }]);
    await publish(first);
    expect(await publish(second)).toMatchObject({ pushed: true, stat: { additions: 1, deletions: 1 } });
    expect(await tipOf('swe-agent/fix')).toBe(second.commit);
    expect(await git(remote, 'merge-base', first.commit, second.commit)).toBe(first.commit);
  });

  it('works from a shallow cache when the remote has moved on, and when the cache was removed', async () => {
    const work = await result([{ files: { a: '2\n' } }]);
    await addCommits(remote, [{ files: { a: 'other\n' } }], 'main', 'refs/heads/main');
    const cache = cacheOf();
    await cache.prune(0);
    expect(await publish(work, {}, cache)).toMatchObject({ pushed: true });
    expect(await git(remote, 'rev-list', '--count', 'swe-agent/fix')).toBe('3');
  });

  it('goes into a repository with a worktree, whose files stay as they are', async () => {
    const checkout = join(folder.path, 'checkout');
    await git('/', 'clone', '-q', remote, checkout);
    const work = await result([{ files: { a: '2\n' } }]);
    expect(await publish(work, { url: checkout })).toMatchObject({ pushed: true });
    expect(await git(checkout, 'status', '--porcelain')).toBe('');
    const onBranch = await publish(work, { url: checkout, branch: 'main', baseBranch: 'main', allowBaseBranch: true });
    expect(onBranch).toMatchObject({
      pushed: false,
      message: expect.stringMatching(/did not accept.*checked out.*bundle or a patch/),
    });
    expect(await readFile(join(checkout, 'a'), 'utf8')).toBe('1\n');
  });

  it('runs no hook of a local repository and obeys none of its configuration', async () => {
    const canary = join(folder.path, 'canary');
    const evil = join(folder.path, 'evil.sh');
    await writeFile(evil, `#!/bin/sh\necho "$0" >>${canary}\n`, { mode: 0o755 });
    await mkdir(join(remote, 'hooks'));
    for (const hook of [
      'pre-receive',
      'update',
      'post-receive',
      'post-update',
      'reference-transaction',
      'proc-receive',
      'push-to-checkout',
    ]) {
      await writeFile(join(remote, 'hooks', hook), await readFile(evil), { mode: 0o755 });
    }
    for (const name of ['core.fsmonitor', 'core.sshCommand', 'core.alternateRefsCommand', 'receive.procReceiveRefs']) {
      await git(remote, 'config', name, evil);
    }
    const work = await result([{ files: { '.gitattributes': '* filter=evil diff=evil\n', a: '2\n' } }]);
    expect(await publish(work)).toMatchObject({ pushed: true });
    await expect(readFile(canary)).rejects.toThrow('ENOENT');
  });

  it('is not pushed when pushing is switched off', async () => {
    const work = await result([{ files: { a: '2\n' } }]);
    const published = await publish(work, { push: false });
    expect(published).toMatchObject({
      pushed: false,
      message: expect.stringMatching(/switched off.*downloaded as a bundle or a patch/),
    });
    expect(published.patch.length).toBeGreaterThan(100);
    expect(await tipOf('swe-agent/fix')).toBe('');
  });
});

describe('a branch', () => {
  it('that others use is never overwritten: another name is proposed', async () => {
    const work = await result([{ files: { a: '2\n' } }]);
    await addCommits(remote, [{ files: { a: 'theirs\n' } }], 'swe-agent/fix', 'refs/heads/main');
    const theirs = await tipOf('swe-agent/fix');
    const error = await failure(publish(work));
    expect(error).toMatchObject({ reason: 'PushRejected', message: expect.stringMatching(/"swe-agent\/fix-550e8400"/) });
    expect(await tipOf('swe-agent/fix')).toBe(theirs);
  });

  it('that was cloned, or is the default, is pushed to only when asked', async () => {
    const work = await result([{ files: { a: '2\n' } }]);
    for (const request of [{ branch: 'main' }, { branch: 'main', baseBranch: '' }]) {
      expect(await failure(publish(work, request))).toMatchObject({ reason: 'InvalidBranch' });
      expect(await tipOf('main')).toBe(base);
    }
    expect(await publish(work, { branch: 'main', allowBaseBranch: true })).toMatchObject({ pushed: true });
    expect(await tipOf('main')).toBe(work.commit);
  });

  it.each(['--force', 'a..b', 'refs/heads/x', 'HEAD', 'a b', ':main'])('cannot be named %s', async (branch) => {
    const error = await failure(publish({ commit: base, bundle: new Uint8Array() }, { branch }));
    expect(error.reason).toBe('InvalidBranch');
  });
});

describe('a bundle that is not what it should be', () => {
  it.each<[string, (work: { commit: string; bundle: Uint8Array }) => Promise<Partial<PublishRequest>>, RegExp]>([
    ['cut short', async ({ bundle }) => ({ bundle: bundle.subarray(0, bundle.length - 30) }), /unpacking/],
    [
      'altered',
      async ({ bundle }) => ({ bundle: bundle.map((byte, index) => (index === bundle.length - 25 ? byte ^ 1 : byte)) }),
      /unpacking/,
    ],
    ['empty', async () => ({ bundle: new Uint8Array() }), /does not begin like/],
    ['no bundle', async () => ({ bundle: Buffer.from('# v2 git bundle\nhello\n\nPACK') }), /not understood/],
    ['without the commit', async () => ({ commit: 'c'.repeat(40) }), /does not hold commit/],
    [
      'built on another commit',
      async ({ commit }) => ({ ...(await result([{ files: { a: '3\n' } }])), base: await parentOf(commit) }),
      /builds on/,
    ],
  ])('%s is refused', async (_name, change, message) => {
    const work = await result([{ files: { a: '2\n' } }]);
    const error = await failure(publish(work, await change(work)));
    expect(error.reason).toBe('BundleDamaged');
    expect(error.message).toMatch(message);
    expect(await tipOf('swe-agent/fix')).toBe('');
    expect(await readdir(join(folder.path, 'cache', 'scratch'))).toEqual([]);
  });

  const parentOf = async (_commit: string) => git(remote, 'rev-parse', `${base}^`);

  it('a history of its own is refused', async () => {
    const dir = join(folder.path, 'orphan');
    await makeRepository(dir, [{ files: { a: '2\n' } }], { bare: true, branch: 'result' });
    await git(dir, 'bundle', 'create', '-q', `${dir}.bundle`, 'result');
    const work = { commit: await git(dir, 'rev-parse', 'result'), bundle: await readFile(`${dir}.bundle`) };
    expect(await failure(publish(work))).toMatchObject({
      reason: 'BundleDamaged',
      message: expect.stringMatching(/does not descend/),
    });
  });

  it.each([
    ['a .git folder', { '.git/config': '[core]\n\tfsmonitor = evil\n' }],
    ['a .git folder below', { 'sub/.GIT/hooks/post-checkout': 'evil' }],
    ['a short name of .git', { 'git~1/config': 'evil' }],
    ['a .gitmodules that is a link', { '.gitmodules': { symlink: '/etc/passwd' } }],
    ['a submodule URL that is an option', { '.gitmodules': '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=evil\n' }],
  ])('%s is refused', async (_name, files) => {
    const work = await treeWith(files);
    expect(await failure(publish(work))).toMatchObject({ reason: 'BundleDamaged' });
    expect(await tipOf('swe-agent/fix')).toBe('');
  });

  /** git refuses to make such trees through its index, so they are made object by object. */
  async function treeWith(files: Record<string, string | { symlink: string }>): Promise<{ commit: string; bundle: Uint8Array }> {
    const dir = join(folder.path, 'evil');
    await git('/', 'clone', '-q', '--bare', remote, dir);
    const [[path = '', file = ''] = []] = Object.entries(files);
    const text = typeof file === 'string' ? file : file.symlink;
    await writeFile(join(folder.path, 'blob'), text);
    let object = await git(dir, 'hash-object', '-w', join(folder.path, 'blob'));
    let mode = typeof file === 'string' ? '100644' : '120000';
    for (const part of path.split('/').reverse()) {
      const bytes = Buffer.concat([Buffer.from(`${mode} ${part}\0`), Buffer.from(object, 'hex')]);
      await writeFile(join(folder.path, 'tree'), bytes);
      object = await git(dir, 'hash-object', '-w', '-t', 'tree', '--literally', join(folder.path, 'tree'));
      mode = '40000';
    }
    const commit = await git(dir, 'commit-tree', object, '-p', base, '-m', 'evil');
    await git(dir, 'update-ref', 'refs/heads/result', commit);
    await git(dir, 'bundle', 'create', '-q', `${dir}.bundle`, 'result', `^${base}`);
    return { commit, bundle: await readFile(`${dir}.bundle`) };
  }
});

describe('a remote over https', () => {
  it('is pushed to with the token, which is written nowhere', async () => {
    await using server = await serve();
    const recorded = await recordingGit(folder.path);
    const cache = cacheOf({ PATH: recorded.path });
    const url = `${server.url}/remote`;
    await (await cache.fetch({ url, depth: 1 }, credential([server.host]), live())).dispose();
    await addCommits(remote, [{ files: { a: 'moved on\n' } }], 'main', 'refs/heads/main');
    const work = await result([{ files: { a: '2\n' } }]);
    const published = await publish(work, { url, credential: credential([server.host]) }, cache);
    expect(published.pushed).toBe(true);
    expect(await tipOf('swe-agent/fix')).toBe(work.commit);
    const texts = [
      await recorded.everything(),
      published.message,
      Buffer.from(published.patch).toString(),
      Buffer.from(published.bundle).toString('latin1'),
    ];
    for (const file of await readdir(join(folder.path, 'cache'), { recursive: true, withFileTypes: true })) {
      if (file.isFile()) texts.push(await readFile(join(file.parentPath, file.name), 'latin1'));
    }
    expect(texts.filter((text) => text.includes(TOKEN))).toEqual([]);
    expect(await git(remote, 'fsck', '--strict')).toBe('');
  });

  it.each<[string, Partial<GitHttpServerOptions>, (host: string) => GitCredential | undefined, RegExp]>([
    ['gives no right to push', { mayPush: false }, (host) => credential([host]), /no right to do this/],
    ['has other hosts', { token: undefined } as never, () => credential(['github.com']), /may be sent to github.com only/],
    ['is missing', { token: undefined } as never, () => undefined, /No credential was given/],
  ])('keeps the branch for download when the credential %s', async (_name, options, given, message) => {
    await using server = await serve(options);
    const work = await result([{ files: { a: '2\n' } }]);
    const published = await publish(work, { url: `${server.url}/remote`, credential: given(server.host) });
    expect(published.pushed).toBe(false);
    expect(published.message).toMatch(message);
    expect(published.message).toMatch(/downloaded as a bundle or a patch/);
    expect(published.patch.length).toBeGreaterThan(0);
  });

  it('that refuses the branch by its own rules is quoted', async () => {
    await using server = await serve();
    await mkdir(join(remote, 'hooks'), { recursive: true });
    await writeFile(join(remote, 'hooks', 'pre-receive'), '#!/bin/sh\necho "branches must begin with team/" >&2\nexit 1\n', {
      mode: 0o755,
    });
    const work = await result([{ files: { a: '2\n' } }]);
    const published = await publish(work, { url: `${server.url}/remote`, credential: credential([server.host]) });
    expect(published).toMatchObject({
      pushed: false,
      message: expect.stringMatching(/hook declined; branches must begin with team\//),
    });
  });

  it('that cannot be reached is tried again later by the caller', async () => {
    const server = await serve();
    const cache = cacheOf();
    const url = `${server.url}/remote`;
    await cache.fetch({ url, depth: 1 }, credential([server.host]), live());
    await server[Symbol.asyncDispose]();
    const work = await result([{ files: { a: '2\n' } }]);
    const error = await failure(publish(work, { url, credential: credential([server.host]) }, cache));
    expect(error).toMatchObject({ reason: 'Unreachable', transient: true });
  });
});
