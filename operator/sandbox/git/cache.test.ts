import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, patience as live } from '../../../test/support/eventually.ts';
import { startGitHttpServer } from '../../../test/support/git-http-server.ts';
import { addCommits, type FixtureCommit, git, makeRepository } from '../../../test/support/git-repository.ts';
import { recordingGit } from '../../../test/support/recording-git.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { type CacheOptions, RepositoryCache } from './cache.ts';
import { GitError, type Snapshot } from './git.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let source: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  source = join(folder.path, 'source');
});
afterEach(async () => folder[Symbol.asyncDispose]());

function cacheOf(options: Partial<CacheOptions> = {}): RepositoryCache {
  return new RepositoryCache({
    dir: join(folder.path, 'cache'),
    allowLocal: true,
    environment: { PATH: process.env.PATH ?? '' },
    ...options,
  });
}

async function numbered(count: number, dir = source): Promise<void> {
  await makeRepository(
    dir,
    Array.from({ length: count }, (_, index) => ({ files: { 'count.txt': `${index + 1}\n` } })),
  );
}

/** What a sandbox would get: a repository made of nothing but the snapshot. */
async function unpack(snapshot: Snapshot): Promise<string> {
  const dir = join(folder.path, `unpacked-${Math.random().toString(36).slice(2)}`);
  await git('/', 'init', '-q', dir);
  if (snapshot.shallow.length > 0) await writeFile(join(dir, '.git', 'shallow'), `${snapshot.shallow.join('\n')}\n`);
  await git(dir, 'bundle', 'unbundle', snapshot.bundlePath);
  await git(dir, 'checkout', '-q', snapshot.commit);
  await git(dir, 'fsck', '--strict');
  return dir;
}

async function failure(promise: Promise<unknown>): Promise<GitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof GitError) return error;
  throw new Error('no GitError', { cause: error });
}

/** All files of the cache that are nobody's any more. */
async function leftovers(): Promise<string[]> {
  const files = await readdir(join(folder.path, 'cache'), { recursive: true });
  return files.filter((file) => /\.lock$|tmp_|running$|\.new$|^(?:snapshots|scratch)\//.test(file));
}

describe('fetching a repository', () => {
  it('brings the default branch to the depth asked for', async () => {
    await numbered(5);
    for (const [depth, commits] of [
      [1, 1],
      [3, 3],
      [0, 5],
      [9, 5],
    ] as const) {
      const snapshot = await cacheOf().fetch({ url: source, depth }, undefined, live());
      expect(snapshot).toMatchObject({ commit: await git(source, 'rev-parse', 'HEAD'), branch: 'main', notes: [] });
      const dir = await unpack(snapshot);
      expect(await git(dir, 'rev-list', '--count', 'HEAD')).toBe(String(commits));
      expect(await readFile(join(dir, 'count.txt'), 'utf8')).toBe('5\n');
      await snapshot.dispose();
    }
    expect(await leftovers()).toEqual([]);
  });

  it('brings a branch, a tag, a full ref name or a commit id', async () => {
    await makeRepository(source, [
      { files: { a: '1' }, tag: 'v1' },
      { files: { a: '2' }, branch: 'feature/ünïcode' },
      { files: { a: '3' } },
    ]);
    await git(source, 'tag', 'light', 'HEAD~1');
    const cache = cacheOf();
    const first = await git(source, 'rev-parse', 'v1^{commit}');
    const second = await git(source, 'rev-parse', 'feature/ünïcode');
    for (const [ref, commit, branch] of [
      ['feature/ünïcode', second, 'feature/ünïcode'],
      ['refs/heads/feature/ünïcode', second, 'feature/ünïcode'],
      ['v1', first, ''],
      ['refs/tags/v1', first, ''],
      ['light', second, ''],
      [first, first, ''],
      ['main', await git(source, 'rev-parse', 'main'), 'main'],
    ] as const) {
      const snapshot = await cache.fetch({ url: source, ref, depth: 1 }, undefined, live());
      expect({ ref, commit: snapshot.commit, branch: snapshot.branch }).toEqual({ ref, commit, branch });
      expect(await git(await unpack(snapshot), 'rev-list', '--count', 'HEAD')).toBe('1');
      await snapshot.dispose();
    }
  });

  it('keeps names that are not ASCII, spaces, modes and links that lead out of the tree', async () => {
    await makeRepository(source, [
      {
        files: {
          'größe/файл mit leer.txt': 'ok',
          '"quoted"\nname': 'ok',
          'run.sh': { executable: '#!/bin/sh\n' },
          outside: { symlink: '../../../../etc/passwd' },
        },
      },
    ]);
    const snapshot = await cacheOf().fetch({ url: `file://${source}`, depth: 1 }, undefined, live());
    const dir = await unpack(snapshot);
    expect(await git(dir, 'rev-parse', 'HEAD^{tree}')).toBe(await git(source, 'rev-parse', 'HEAD^{tree}'));
  });

  it('follows a branch that grew, was rewritten, or went back', async () => {
    await numbered(3);
    const cache = cacheOf();
    const commits: string[] = [];
    for (const change of [
      () => Promise.resolve(),
      () => addCommits(source, [{ files: { more: '1' } }], 'main', 'refs/heads/main'),
      () => git(source, 'update-ref', 'refs/heads/main', 'main~2'),
      () => addCommits(source, [{ files: { other: '1' } }], 'main', 'refs/heads/main'),
    ]) {
      await change();
      await using snapshot = disposing(await cache.fetch({ url: source, depth: 2 }, undefined, live()));
      expect(snapshot.value.commit).toBe(await git(source, 'rev-parse', 'main'));
      expect(await git(await unpack(snapshot.value), 'rev-list', '--count', 'HEAD')).toBe('2');
      commits.push(snapshot.value.commit);
    }
    expect(new Set(commits).size).toBe(4);
  });

  it('takes a shallow repository as a source', async () => {
    await numbered(4);
    const shallow = join(folder.path, 'shallow');
    await git('/', 'clone', '-q', '--bare', '--depth=2', `file://${source}`, shallow);
    const snapshot = await cacheOf().fetch({ url: shallow, depth: 0 }, undefined, live());
    expect(await git(await unpack(snapshot), 'rev-list', '--count', 'HEAD')).toBe('2');
  });

  it('serves many at once, and fetches an unchanged commit only once', async () => {
    await makeRepository(join(folder.path, 'source'), [{ files: { 'noise.txt': 'x'.repeat(100_000) } }], { bare: true });
    await using server = await startGitHttpServer({ root: folder.path });
    const cache = cacheOf();
    const url = `${server.url}/source`;
    const snapshots = await Promise.all(Array.from({ length: 8 }, () => cache.fetch({ url, depth: 1 }, undefined, live())));
    expect(new Set(snapshots.map(({ bundlePath }) => bundlePath)).size).toBe(8);
    for (const snapshot of snapshots) await git(source, 'bundle', 'verify', snapshot.bundlePath);
    await Promise.all(snapshots.map((snapshot) => snapshot.dispose()));
    expect(await leftovers()).toEqual([]);
    const fetches = server.seen.filter(({ url, method }) => method === 'POST' && url.endsWith('git-upload-pack'));
    // Eight listings, and the listing and the pack of one fetch.
    expect(fetches.length).toBeLessThanOrEqual(10);
  });

  it('does not bring a large history at depth 1', async () => {
    const noise = Buffer.alloc(1_000_000).map(() => Math.floor(Math.random() * 256));
    const history: FixtureCommit[] = [{ files: { 'large.bin': noise } }, { files: { 'large.bin': null, 'small.txt': 'now' } }];
    await makeRepository(source, history, { bare: true });
    const snapshot = await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    expect((await readFile(snapshot.bundlePath)).length).toBeLessThan(1000);
    expect(await readdir(join(await unpack(snapshot)))).toEqual(expect.arrayContaining(['small.txt']));
  });

  it('says what a snapshot leaves out: submodules and the contents of LFS files', async () => {
    await makeRepository(source, [
      {
        files: {
          '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n',
          lib: { submodule: '0123456789abcdef0123456789abcdef01234567' },
          'assets/.gitattributes': '*.png filter=lfs diff=lfs merge=lfs -text\n',
          'assets/logo.png': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
        },
      },
    ]);
    const cache = cacheOf();
    const both = await cache.fetch({ url: source, depth: 1 }, undefined, live());
    expect(both.notes.join('\n')).toMatch(/submodules.*\n.*LFS/);
    expect((await cache.fetch({ url: source, depth: 1 }, undefined, live())).notes).toEqual(both.notes);
    expect(await readdir(join(await unpack(both), 'lib'))).toEqual([]);
  });

  it('reports progress', async () => {
    await numbered(3);
    const lines: string[] = [];
    await cacheOf().fetch({ url: source, depth: 0 }, undefined, live(), (line) => lines.push(line));
    expect(lines.join('\n')).toMatch(/100%|objects/);
  });
});

describe('a repository that cannot be fetched', () => {
  it('is not there', async () => {
    const error = await failure(cacheOf().fetch({ url: source, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'RepositoryNotFound', transient: false });
    expect(error.message).toContain(source);
    await mkdir(source);
    expect(await failure(cacheOf().fetch({ url: source, depth: 1 }, undefined, live()))).toMatchObject({
      reason: 'RepositoryNotFound',
    });
    await writeFile(join(folder.path, 'file'), '');
    expect((await failure(cacheOf().fetch({ url: join(folder.path, 'file'), depth: 1 }, undefined, live()))).message).toMatch(
      /not a folder/,
    );
  });

  it('is empty', async () => {
    await makeRepository(source, []);
    const error = await failure(cacheOf().fetch({ url: source, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'RepositoryEmpty', message: expect.stringMatching(/push a first commit/) });
    expect(await failure(cacheOf().fetch({ url: source, ref: 'main', depth: 1 }, undefined, live()))).toMatchObject({
      reason: 'RepositoryEmpty',
    });
  });

  it('does not have the ref: the branches that exist are named', async () => {
    await makeRepository(source, [
      { files: { a: '1' } },
      ...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((branch) => ({ branch, files: {} })),
    ]);
    const error = await failure(cacheOf().fetch({ url: source, ref: 'mian', depth: 1 }, undefined, live()));
    expect(error.reason).toBe('RefNotFound');
    expect(error.message).toMatch(/no branch or tag "mian".*main, a, b, c, d, e and 2 more/);
    const short = await failure(cacheOf().fetch({ url: source, ref: 'abc1234', depth: 1 }, undefined, live()));
    expect(short.message).toMatch(/full 40-digit id/);
    const commit = await failure(cacheOf().fetch({ url: source, ref: 'f'.repeat(40), depth: 1 }, undefined, live()));
    expect(commit).toMatchObject({ reason: 'RefNotFound', message: expect.stringMatching(/no commit ffff/) });
    const odd = await failure(cacheOf().fetch({ url: source, ref: '--upload-pack=x', depth: 1 }, undefined, live()));
    expect(odd).toMatchObject({ reason: 'RefNotFound', message: expect.stringMatching(/begins with a dash/) });
  });

  it('has a HEAD that names no branch', async () => {
    await numbered(1);
    await git(source, 'symbolic-ref', 'HEAD', 'refs/heads/gone');
    const error = await failure(cacheOf().fetch({ url: source, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'RefNotFound', message: expect.stringMatching(/no default branch.*main/) });
  });

  it('has a tag of something that is not a commit', async () => {
    await numbered(1);
    await git(source, 'tag', 'tree', 'HEAD^{tree}');
    const error = await failure(cacheOf().fetch({ url: source, ref: 'tree', depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'RefNotFound', message: expect.stringMatching(/a tree, not a commit/) });
  });

  it('is named by a transport that is not allowed, and nothing is started', async () => {
    const canary = join(folder.path, 'canary');
    for (const url of [`ext::sh -c touch% ${canary}`, `--upload-pack=touch ${canary}`, source]) {
      const error = await failure(cacheOf({ allowLocal: false }).fetch({ url, depth: 1 }, undefined, live()));
      expect(['TransportNotAllowed', 'InvalidURL']).toContain(error.reason);
    }
    await expect(readFile(canary)).rejects.toThrow('ENOENT');
    await expect(readdir(join(folder.path, 'cache'))).rejects.toThrow('ENOENT');
  });
});

describe('the machine of the operator', () => {
  it('whose disk is full is the reason given', async () => {
    await numbered(1);
    const bin = join(folder.path, 'bin');
    await mkdir(bin);
    const full = `case "$*" in *index-pack* | *' fetch '*) echo 'fatal: write error: No space left on device' >&2; exit 128 ;; esac`;
    await writeFile(join(bin, 'git'), `#!/bin/sh\n${full}\nPATH=\${PATH#*:} exec git "$@"\n`, { mode: 0o755 });
    const path = `${bin}:${process.env.PATH}`;
    const error = await failure(cacheOf({ environment: { PATH: path } }).fetch({ url: source, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'StorageFull', message: expect.stringMatching(/disk is full/) });
  });

  it('that has no git says so', async () => {
    await numbered(1);
    const cache = cacheOf({ environment: { PATH: join(folder.path, 'nothing') } });
    const error = await failure(cache.fetch({ url: source, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({
      reason: 'GitFailed',
      message: expect.stringMatching(/git cannot be started: it is not installed/),
    });
  });
});

describe('a source that means harm', () => {
  it('runs nothing of its configuration, hooks or filters on the operator', async () => {
    const canary = join(folder.path, 'canary');
    const evil = join(folder.path, 'evil.sh');
    await writeFile(evil, `#!/bin/sh\necho "$0 $*" >>${canary}\n`, { mode: 0o755 });
    const files = { '.gitattributes': '* filter=evil diff=evil\n', 'a.txt': 'a\n' };
    await makeRepository(source, [{ files }, { files: { 'a.txt': 'b\n' } }]);
    const settings = {
      'core.fsmonitor': evil,
      'core.sshCommand': evil,
      'core.hooksPath': folder.path,
      'core.pager': evil,
      'core.editor': evil,
      'core.alternateRefsCommand': evil,
      'core.askPass': evil,
      'credential.helper': evil,
      'diff.external': evil,
      'diff.evil.textconv': evil,
      'filter.evil.clean': evil,
      'filter.evil.smudge': evil,
      'filter.evil.process': evil,
      'uploadpack.packObjectsHook': evil,
      'gpg.program': evil,
      'remote.origin.url': `ext::${evil}`,
      'remote.origin.uploadpack': evil,
      'remote.origin.promisor': 'true',
      'extensions.partialClone': 'origin',
      'core.repositoryFormatVersion': '1',
    };
    for (const [name, value] of Object.entries(settings)) await git(source, 'config', name, value);
    await mkdir(join(source, '.git/hooks'), { recursive: true });
    for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change', 'fsmonitor-watchman', 'pre-auto-gc']) {
      await writeFile(join(source, '.git/hooks', hook), await readFile(evil), { mode: 0o755 });
      await writeFile(join(folder.path, hook), await readFile(evil), { mode: 0o755 });
    }
    // An object is missing, so that a server that trusts the configuration would fetch it from the promisor.
    const blob = await git(source, 'rev-parse', 'HEAD~1:a.txt').catch(() => '');
    await rm(join(source, '.git/objects', blob.slice(0, 2), blob.slice(2)), { force: true });
    await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    await cacheOf()
      .fetch({ url: source, depth: 0 }, undefined, live())
      .catch(() => undefined);
    await expect(readFile(canary, 'utf8')).rejects.toThrow('ENOENT');
    // The canary does sing where git obeys the configuration.
    await git(source, 'status').catch(() => undefined);
    expect(await readFile(canary, 'utf8')).toContain('evil.sh');
  });
});

describe('a repository over ssh', () => {
  /** Stands in for ssh: writes down its arguments, then runs what it was asked to run there, here. */
  async function fakeSsh(script: string): Promise<string> {
    const bin = join(folder.path, 'bin');
    await mkdir(bin);
    const record = `printf '%s\\n' "$*" >>'${folder.path}/ssh-calls'`;
    await writeFile(join(bin, 'ssh'), `#!/bin/sh\n${record}\n${script}\n`, { mode: 0o755 });
    return `${bin}:${process.env.PATH}`;
  }

  it('is fetched without asking anybody anything', async () => {
    await numbered(2);
    const path = await fakeSsh('while [ $# -gt 1 ]; do shift; done; exec sh -c "$1"');
    const cache = cacheOf({ allowLocal: false, environment: { PATH: path } });
    const snapshot = await cache.fetch({ url: `git@forge.example:${source}`, depth: 1 }, undefined, live());
    expect(snapshot.commit).toBe(await git(source, 'rev-parse', 'HEAD'));
    const calls = await readFile(join(folder.path, 'ssh-calls'), 'utf8');
    expect(calls).toMatch(/^-oBatchMode=yes .*-oConnectTimeout=20 .*git@forge\.example git-upload-pack '/m);
  });

  it.each([
    ['git@forge.example: Permission denied (publickey).', 'AuthenticationFailed', /no key/],
    ['Host key verification failed.', 'AuthenticationFailed', /known_hosts/],
    ['ERROR: Repository not found.', 'RepositoryNotFound', /no git repository/],
    ['ssh: Could not resolve hostname forge.example: Name or service not known', 'Unreachable', /cannot be reached/],
  ])('says what "%s" means', async (said, reason, message) => {
    const path = await fakeSsh(`echo '${said}' >&2; exit 255`);
    const error = await failure(
      cacheOf({ environment: { PATH: path } }).fetch({ url: 'ssh://git@forge.example/x', depth: 1 }, undefined, live()),
    );
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) });
  });
});

describe('the cache', () => {
  it('goes on after a crash that left locks and an unfinished pack', async () => {
    await numbered(2);
    const cache = cacheOf();
    await cache.fetch({ url: source, depth: 1 }, undefined, live());
    const [name = ''] = await readdir(join(folder.path, 'cache', 'repositories'));
    const clone = join(folder.path, 'cache', 'repositories', name, 'depth-1');
    for (const file of ['shallow.lock', 'config.lock', 'refs/swe-agent/head.lock', 'objects/pack/tmp_pack_x']) {
      await writeFile(join(clone, 'repo.git', file), '');
    }
    await writeFile(join(clone, 'running'), '999999999\n');
    await addCommits(source, [{ files: { b: '1' } }], 'main', 'refs/heads/main');
    const snapshot = await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    expect(snapshot.commit).toBe(await git(source, 'rev-parse', 'main'));
    await cacheOf().prune();
    expect(await leftovers()).toEqual([]);
  });

  it('ends a git that a dead operator left working in it', async () => {
    await numbered(1);
    await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    const [name = ''] = await readdir(join(folder.path, 'cache', 'repositories'));
    const clone = join(folder.path, 'cache', 'repositories', name, 'depth-1');
    const orphan = spawn('sh', ['-c', 'sleep 60; :', clone], { detached: true, stdio: 'ignore' });
    const ended = once(orphan, 'exit');
    await writeFile(join(clone, 'running'), `${orphan.pid}\n`);
    await addCommits(source, [{ files: { b: '1' } }], 'main', 'refs/heads/main');
    await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    expect(await ended).toEqual([null, 'SIGKILL']);
    // A process that only has the same number is left alone.
    const stranger = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    await writeFile(join(clone, 'running'), `${stranger.pid}\n`);
    await addCommits(source, [{ files: { b: '2' } }], 'main', 'refs/heads/main');
    await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  });

  it('gives a commit by its id when the remote has it no more', async () => {
    await numbered(2);
    const cache = cacheOf();
    const { commit } = await cache.fetch({ url: source, depth: 1 }, undefined, live());
    await git(source, 'update-ref', 'refs/heads/main', 'main~1');
    await git(source, 'reflog', 'expire', '--all', '--expire=now');
    await git(source, 'gc', '-q', '--prune=now');
    await cache.fetch({ url: source, depth: 1 }, undefined, live());
    const snapshot = await cache.fetch({ url: source, ref: commit, depth: 1 }, undefined, live());
    expect(await readFile(join(await unpack(snapshot), 'count.txt'), 'utf8')).toBe('2\n');
  });

  it('makes a damaged copy anew', async () => {
    await numbered(2);
    await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    const [name = ''] = await readdir(join(folder.path, 'cache', 'repositories'));
    const clone = join(folder.path, 'cache', 'repositories', name, 'depth-1');
    await rm(join(clone, 'repo.git', 'objects', 'pack'), { recursive: true });
    await mkdir(join(clone, 'repo.git', 'objects', 'pack'));
    await writeFile(join(clone, 'last.json'), '{"format":1,');
    const snapshot = await cacheOf().fetch({ url: source, depth: 1 }, undefined, live());
    await unpack(snapshot);
  });

  it('removes the longest unused when it is too large, but nothing that is in use, and no snapshot that was handed out', async () => {
    const other = join(folder.path, 'other');
    await numbered(1);
    await numbered(1, other);
    const cache = cacheOf();
    const snapshot = await cache.fetch({ url: source, depth: 1 }, undefined, live());
    await cache.fetch({ url: other, depth: 1 }, undefined, live());
    await writeFile(join(folder.path, 'cache', 'snapshots', 'orphan.bundle'), '');
    const size = async () => (await readdir(join(folder.path, 'cache', 'repositories'))).length;
    expect(await size()).toBe(2);
    await cache.prune((await bytesOf(join(folder.path, 'cache', 'repositories'))) - 1);
    expect(await size()).toBe(1);
    await cache.prune(0);
    expect(await size()).toBe(0);
    expect(await readdir(join(folder.path, 'cache', 'snapshots'))).not.toContain('orphan.bundle');
    await unpack(snapshot);
    await cache.withCommit(cache.access(source, undefined), snapshot.commit, live(), async () => {
      await cache.prune(0);
      expect(await size()).toBe(1);
    });
  });

  it('starts git four times for a small local repository, and once when nothing changed', async () => {
    await numbered(3);
    const { path, calls } = await recordingGit(folder.path);
    const cache = cacheOf({ environment: { PATH: path } });
    await cache.fetch({ url: source, depth: 1 }, undefined, live());
    const verbs = (lines: string[]) => lines.map((line) => line.replace(/(?:-c \S* |--git-dir=\S* )*/, '').split(' ')[0]).sort();
    expect(verbs(await calls())).toEqual(['bundle', 'fetch', 'grep', 'ls-remote']);
    await cache.fetch({ url: source, depth: 1 }, undefined, live());
    expect(verbs(await calls())).toEqual(['ls-remote']);
  });
});

describe('an aborted fetch', () => {
  it('ends git and leaves nothing behind', async () => {
    await using server = await startGitHttpServer({ root: folder.path, silent: true });
    const controller = new AbortController();
    const promise = cacheOf().fetch({ url: `${server.url}/source`, depth: 1 }, undefined, controller.signal);
    const settled = promise.catch((error: unknown) => error);
    await eventually('git asks the server', () => server.seen.length > 0);
    expect(await processesWith(server.host)).not.toEqual([]);
    controller.abort(new Error('stopped by the user'));
    expect(await settled).toMatchObject({ message: 'stopped by the user' });
    await eventually('git is gone', async () => (await processesWith(server.host)).length === 0);
  });

  it('in the middle of the transfer leaves nothing half done', async () => {
    await makeRepository(source, [{ files: { a: '1' } }], { bare: true });
    const controller = new AbortController();
    let asked = 0;
    const held = Promise.withResolvers<void>();
    await using server = await startGitHttpServer({
      root: folder.path,
      async pause({ method }) {
        // Listing takes one POST, fetching begins with the second.
        if (method !== 'POST' || ++asked < 3) return;
        controller.abort(new Error('stopped'));
        await held.promise;
      },
    });
    const cache = cacheOf();
    const url = `${server.url}/source`;
    await expect(cache.fetch({ url, depth: 1 }, undefined, controller.signal)).rejects.toThrow('stopped');
    expect(await leftovers()).toEqual([]);
    held.resolve();
    delete server.options.pause;
    await expect(cache.fetch({ url, depth: 1 }, undefined, live())).resolves.toMatchObject({ branch: 'main' });
  });

  it('is ended by its deadline', async () => {
    await using server = await startGitHttpServer({ root: folder.path, silent: true });
    const error = await failure(cacheOf({ timeoutMs: 300 }).fetch({ url: `${server.url}/source`, depth: 1 }, undefined, live()));
    expect(error).toMatchObject({ reason: 'Unreachable', transient: true, message: expect.stringMatching(/did not answer/) });
    expect(await processesWith(server.host)).toEqual([]);
  });

  it('in the queue behind another fetch does not wait for it', async () => {
    await numbered(1);
    const cache = cacheOf();
    const access = cache.access(source, undefined);
    const { commit } = await cache.fetch({ url: source, depth: 1 }, undefined, live());
    await cache.withScratch('a', live(), async () => {
      const controller = new AbortController();
      const waiting = cache.withScratch('a', controller.signal, () => Promise.resolve('never'));
      controller.abort(new Error('gave up'));
      await expect(waiting).rejects.toThrow('gave up');
    });
    await expect(cache.withScratch('a', live(), () => Promise.resolve('next'))).resolves.toBe('next');
    await expect(cache.withCommit(access, commit, live(), (dir) => Promise.resolve(dir.length > 0))).resolves.toBe(true);
  });
});

/** Command lines of all processes that have the text in them. */
async function processesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text)) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}

async function bytesOf(dir: string): Promise<number> {
  let bytes = 0;
  for (const file of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) bytes += (await readFile(join(file.parentPath, file.name))).length;
  }
  return bytes;
}

function disposing(value: Snapshot): { value: Snapshot } & AsyncDisposable {
  return { value, [Symbol.asyncDispose]: () => value.dispose() };
}
