import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { patience as live } from '../../../test/support/eventually.ts';
import { type FixtureCommit, git, makeRepository } from '../../../test/support/git-repository.ts';
import { localSandbox } from '../../../test/support/local-sandbox.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import type { Sandbox } from '../sandbox.ts';
import { RepositoryCache } from './cache.ts';
import { restoreCheckpoint } from './checkpoint.ts';
import { exportBundle } from './export.ts';
import type { Snapshot } from './git.ts';
import { seedWorktree } from './seed.ts';
import { type CommitRequest, commitWorktree, diff, diffStat, resetWorktree, worktreeTree } from './worktree.ts';

const identity = { name: 'Swe "Agent" Bot', email: 'bot@example.com' };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let place: Awaited<ReturnType<typeof localSandbox>>;
let sandbox: Sandbox;
let source: string;
let cache: RepositoryCache;
let snapshot: Snapshot;

beforeEach(async () => {
  folder = await temporaryFolder();
  source = join(folder.path, 'source');
  cache = new RepositoryCache({
    dir: join(folder.path, 'cache'),
    allowLocal: true,
    environment: { PATH: process.env.PATH ?? '' },
  });
  place = await localSandbox(folder.path);
  sandbox = place.sandbox;
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function seed(commits: readonly FixtureCommit[], options: { depth?: number; ref?: string } = {}): Promise<void> {
  await makeRepository(source, commits);
  const wanted = { url: source, depth: options.depth ?? 1, ...(options.ref === undefined ? {} : { ref: options.ref }) };
  snapshot = await cache.fetch(wanted, undefined, live());
  await seedAgain();
}

function seedAgain(): Promise<void> {
  const remoteUrl = 'https://ada:t0psecret@git.example/x';
  return seedWorktree(sandbox, snapshot, { identity, baseBranch: snapshot.branch, remoteUrl }, live());
}

function commit(request: Partial<CommitRequest> = {}): ReturnType<typeof commitWorktree> {
  const defaults = { op: 'commit-1', message: 'Change it', parent: snapshot.commit, date: 1_700_000_000, identity };
  return commitWorktree(sandbox, { ...defaults, ref: 'refs/swe-agent/iteration-1', ...request }, live());
}

/** What a model would do. */
async function shell(command: string): Promise<string> {
  const { output, exitCode } = await sandbox.query(command, { cwd: sandbox.worktree, signal: live() });
  if (exitCode !== 0) throw new Error(`${command}: ${output}`);
  return output;
}

const inTree = (path: string) => join(sandbox.worktree, path);
const store = () => join(sandbox.root, '.run', 'store.git');

/** Names of all files of a commit of the store. */
async function filesOf(commit: string): Promise<string[]> {
  return (await git(store(), 'ls-tree', '-r', '-z', '--name-only', commit)).split('\0').filter((name) => name !== '');
}

describe('a seeded worktree', () => {
  it('is a clean branch with an identity and a remote without credential', async () => {
    await seed([{ files: { a: '1' } }, { files: { a: '2' } }]);
    expect(await shell('git status --porcelain=2 --branch')).toContain(`# branch.oid ${snapshot.commit}\n# branch.head main\n`);
    expect(await shell('git status --porcelain')).toBe('');
    expect(await shell('git rev-list --count HEAD; git rev-parse origin/main')).toBe(`1\n${snapshot.commit}\n`);
    expect(await shell('git config user.name; git config user.email; git remote get-url origin')).toBe(
      'Swe "Agent" Bot\nbot@example.com\nhttps://git.example/x\n',
    );
    expect(await shell('git fsck --strict 2>&1; git log --oneline')).not.toMatch(/error|missing|broken/);
    expect(await shell('cat .git/config')).not.toContain('t0psecret');
    expect((await readdir(join(sandbox.root, '.run'))).filter((name) => name.startsWith('incoming'))).toEqual([]);
  });

  it('is on the branch work when a tag or a commit was cloned', async () => {
    await seed([{ files: { a: '1' }, tag: 'v1' }], { ref: 'v1' });
    expect(await shell('git branch --show-current')).toBe('work\n');
  });

  it('has every file as it is in the repository, wherever links lead', async () => {
    await seed([
      {
        files: {
          'größe/файл mit leer.txt': 'ok\n',
          '"quoted"\nname': 'ok\n',
          ' leading and trailing ': 'ok\n',
          '-dash': 'ok\n',
          'run.sh': { executable: '#!/bin/sh\n' },
          outside: { symlink: '../../../../../etc/passwd' },
          'crlf.txt': 'a\r\nb\r\n',
          vendored: { submodule: '0123456789abcdef0123456789abcdef01234567' },
        },
      },
    ]);
    expect(await worktreeTree(sandbox, live())).toBe(await git(source, 'rev-parse', 'HEAD^{tree}'));
    expect(await readlink(inTree('outside'))).toBe('../../../../../etc/passwd');
    expect((await lstat(inTree('run.sh'))).mode & 0o111).not.toBe(0);
    expect(await commit()).toMatchObject({ changed: false, commit: snapshot.commit, notes: [] });
  });

  it('is left alone when it is seeded again', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await writeFile(inTree('a'), 'changed\n');
    await writeFile(inTree('new'), '');
    await seedAgain();
    expect(await shell('git status --porcelain')).toBe(' M a\n?? new\n');
  });

  it('of a large repository is not sent again', async () => {
    const noise = Buffer.alloc(1_500_000).map(() => Math.floor(Math.random() * 256));
    await seed([{ files: { noise } }]);
    await rm(snapshot.bundlePath);
    await writeFile(snapshot.bundlePath, Buffer.alloc(1_500_000));
    await writeFile(inTree('new'), '');
    await seedAgain();
    expect(await shell('git status --porcelain')).toBe('?? new\n');
  });

  it('of a repository of any size arrives in pieces, whole, and without a trace of an earlier try', async () => {
    const run = join(sandbox.root, '.run');
    for (const left of ['incoming.bundle.1', 'incoming.bundle.9'])
      await writeFile(join(run, left), 'of a try that a crash ended');
    const sizes: number[] = [];
    const upload = sandbox.upload.bind(sandbox);
    sandbox.upload = async (path, bytes, signal) => {
      sizes.push(bytes.length);
      await upload(path, bytes, signal);
    };
    await seed([{ files: { noise: randomBytes(9_000_000) } }]);
    expect(Math.max(...sizes)).toBe(8 * 1024 * 1024);
    expect(await shell('git fsck --strict 2>&1; git status --porcelain; wc -c <noise')).toMatch(/^\s*9000000\n$/);
    expect((await readdir(run)).filter((name) => name.startsWith('incoming'))).toEqual([]);
  });

  it('is completed after a crash in the middle of the seeding', async () => {
    await seed([{ files: { a: '1\n', 'dir/b': '2\n' } }]);
    for (const crash of ['seeded', 'seeded packed-refs', 'seeded HEAD', 'seeded index objects']) {
      for (const name of crash.split(' ')) await rm(join(store(), name), { recursive: true, force: true });
      await writeFile(inTree('a'), 'half');
      await writeFile(join(store(), 'index.lock'), '');
      await mkdir(inTree('.hidden'), { recursive: true });
      await seedAgain();
      expect(await shell('git status --porcelain; ls -A')).toBe('.git\na\ndir\n');
    }
  });

  it('is not replaced by another commit once work was recorded in it', async () => {
    await seed([{ files: { a: '1\n' } }, { files: { a: '2\n' } }]);
    await writeFile(inTree('a'), 'work\n');
    await commit();
    const other = await cache.fetch({ url: source, ref: await git(source, 'rev-parse', 'HEAD~1'), depth: 1 }, undefined, live());
    const again = seedWorktree(sandbox, other, { identity, baseBranch: 'main', remoteUrl: '' }, live());
    await expect(again).rejects.toThrow(/holds work on commit/);
    expect(await readFile(inTree('a'), 'utf8')).toBe('work\n');
  });

  it('brings a history that is cut off at one commit', async () => {
    await seed([{ files: { a: '0' } }, { files: { a: '1' } }, { files: { a: '2' } }], { depth: 2 });
    expect(snapshot.shallow).toEqual([await git(source, 'rev-parse', 'main~1')]);
    expect(await shell('git rev-list --count HEAD; git fsck 2>&1')).toBe('2\n');
  });

  it('brings a history that is cut off at many commits', async () => {
    await makeRepository(source, [{ files: { a: '0' } }, { files: { a: '1' } }, { files: { a: '2' } }]);
    await git(source, 'config', 'user.name', 'x');
    await git(source, 'config', 'user.email', 'x@example.com');
    const tree = await git(source, 'rev-parse', 'main^{tree}');
    const parents = [await git(source, 'rev-parse', 'main')];
    for (let side = 0; side < 6; side++)
      parents.push(await git(source, 'commit-tree', tree, '-p', 'main~1', '-m', `side ${side}`));
    const merge = await git(source, 'commit-tree', tree, ...parents.flatMap((id) => ['-p', id]), '-m', 'merge');
    await git(source, 'update-ref', 'refs/heads/main', merge);
    snapshot = await cache.fetch({ url: source, depth: 2 }, undefined, live());
    await seedAgain();
    expect(snapshot.shallow.toSorted()).toEqual(parents.toSorted());
    expect(await shell('git rev-list --count HEAD; git fsck 2>&1')).toBe('8\n');
  });
});

describe('committing the worktree', () => {
  it('makes one commit on the parent, whatever the model committed itself, and leaves its index and branches alone', async () => {
    await seed([{ files: { 'a.txt': '1\n', 'b.txt': '1\n', 'old.txt': 'same\ncontent\n' } }]);
    await shell('git checkout -qb topic && echo 2 >a.txt && git commit -qam "my own" && echo 3 >b.txt && git add b.txt');
    await shell('echo 4 >>b.txt && mkdir -p "neu" && echo ü >"neu/ä ö.txt" && git mv old.txt renamed.txt');
    const before = await shell('git status --porcelain=2 --branch; git rev-parse HEAD main; sha256sum .git/index');
    const made = await commit({ message: 'Subject ü\n\nBody\0 with $HOME and `ticks`\n\n' });
    expect(made).toMatchObject({ changed: true, notes: [], stat: { filesChanged: 4, additions: 4, deletions: 2 } });
    expect(await shell('git status --porcelain=2 --branch; git rev-parse HEAD main; sha256sum .git/index')).toBe(before);
    expect(await git(store(), 'cat-file', 'commit', made.commit)).toBe(
      [
        `tree ${made.tree}`,
        `parent ${snapshot.commit}`,
        'author Swe "Agent" Bot <bot@example.com> 1700000000 +0000',
        'committer Swe "Agent" Bot <bot@example.com> 1700000000 +0000',
        '',
        'Subject ü\n\nBody with $HOME and `ticks`',
      ].join('\n'),
    );
    expect(await filesOf(made.commit)).toEqual(['a.txt', 'b.txt', 'neu/ä ö.txt', 'renamed.txt']);
    expect(await git(store(), 'rev-parse', 'refs/swe-agent/iteration-1')).toBe(made.commit);
  });

  it('makes the same commit when it is repeated, also under another operation', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await writeFile(inTree('a'), '2\n');
    const first = await commit();
    expect(await commit()).toEqual(first);
    expect(await commit({ op: 'commit-1-again' })).toEqual(first);
    expect(await worktreeTree(sandbox, live())).toBe(first.tree);
    expect((await commit({ op: 'later', date: 1_700_000_001 })).commit).not.toBe(first.commit);
  });

  it('leaves out what .gitignore names, and nothing else', async () => {
    await seed([{ files: { '.gitignore': 'ignored/\n*.log\n', 'tracked.log': '1\n', 'flagged.txt': '1\n', 'sparse/x': '1\n' } }]);
    await shell(`
      mkdir ignored && echo x >ignored/x && echo x >new.log && echo 2 >tracked.log
      echo excluded.txt >.git/info/exclude 2>/dev/null || { mkdir .git/info && echo excluded.txt >.git/info/exclude; }
      git config --global core.excludesFile ~/ignore && echo global.txt >~/ignore
      git config --global core.autocrlf true; git config --global commit.gpgSign true
      echo x >excluded.txt; echo x >global.txt; printf 'a\\r\\n' >crlf.txt
      git update-index --assume-unchanged flagged.txt && echo 2 >flagged.txt
      git sparse-checkout set --no-cone '/*' '!/sparse' 2>/dev/null; rm -rf sparse; mkdir sparse; echo 2 >sparse/x
    `);
    const made = await commit();
    expect((await filesOf(made.commit)).sort()).toEqual(
      ['.gitignore', 'crlf.txt', 'excluded.txt', 'flagged.txt', 'global.txt', 'sparse/x', 'tracked.log'].sort(),
    );
    expect(await git(store(), 'cat-file', '-p', `${made.commit}:flagged.txt`)).toBe('2');
    expect(await git(store(), 'cat-file', '-p', `${made.commit}:sparse/x`)).toBe('2');
    expect(await git(store(), 'cat-file', '-s', `${made.commit}:crlf.txt`)).toBe('3');
  });

  it('runs no hook and asks for no signature', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await shell(`
      mkdir -p .git/hooks ~/hooks
      for hook in pre-commit post-index-change reference-transaction post-checkout; do
        printf '#!/bin/sh\\necho $0 >>~/canary\\nexit 1\\n' | tee .git/hooks/$hook >~/hooks/$hook
        chmod +x .git/hooks/$hook ~/hooks/$hook
      done
      git config --global core.hooksPath ~/hooks; git config --global commit.gpgSign true; git config --global gpg.program false
      git config --global core.fsmonitor ~/hooks/pre-commit
      echo 2 >a
    `);
    expect(await commit()).toMatchObject({ changed: true });
    await resetWorktree(sandbox, snapshot.commit, live());
    expect(await shell('ls ~')).not.toContain('canary');
  });

  it('runs the filters that the sandbox has, in the sandbox', async () => {
    await seed([{ files: { '.gitattributes': '*.up filter=upper\n', a: '1\n' } }]);
    await shell(
      "git config --global filter.upper.clean 'tr a-z A-Z'; git config --global filter.upper.smudge cat; echo abc >x.up",
    );
    const made = await commit();
    expect(await git(store(), 'cat-file', '-p', `${made.commit}:x.up`)).toBe('ABC');
  });

  it('survives a model that removed .git or everything', async () => {
    await seed([{ files: { a: '1\n', b: '1\n' } }]);
    await shell('rm -rf .git; echo 2 >a');
    expect(await commit()).toMatchObject({ changed: true, stat: { filesChanged: 1, additions: 1, deletions: 1 } });
    await shell('git init -q; git add -A; git commit -qm "all anew"');
    expect((await commit({ op: 'second' })).stat).toEqual({ filesChanged: 1, additions: 1, deletions: 1 });
    await sandbox.query('rm -rf repo', { cwd: sandbox.root, signal: live() });
    expect((await commit({ op: 'third' })).stat).toEqual({ filesChanged: 2, additions: 0, deletions: 2 });
    await resetWorktree(sandbox, snapshot.commit, live());
    expect(await shell('git status --porcelain; cat a b')).toBe('1\n1\n');
  });

  it('names repositories inside the worktree, which it cannot take in', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await shell(
      'git init -q "empty one"; echo x >"empty one/x"; git init -q cloned; cd cloned; echo y >y; git add y; git commit -qm y',
    );
    await shell('mkdir ok && echo z >ok/z');
    const made = await commit();
    expect(await filesOf(made.commit)).toEqual(['a', 'ok/z']);
    expect(made.notes.sort()).toEqual([
      expect.stringMatching(/^cloned is a git repository of its own.*remove cloned\/\.git/),
      expect.stringMatching(/^empty one is a git repository of its own/),
    ]);
    expect(await worktreeTree(sandbox, live())).toBe(made.tree);
  });

  it('takes links as links, and does not follow them out of the worktree', async () => {
    await seed([{ files: { 'dir/x': '1\n' } }]);
    await rm(inTree('dir'), { recursive: true });
    await symlink('/etc', inTree('dir'));
    await symlink('../../outside', inTree('up'));
    const made = await commit();
    expect(await git(store(), 'ls-tree', made.commit)).toMatch(/^120000 blob \w+\tdir\n120000 blob \w+\tup$/);
  });

  it('counts from the base when the parent is a later commit', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await writeFile(inTree('a'), '2\n');
    const first = await commit();
    await writeFile(inTree('b'), '1\n');
    const second = await commit({
      op: 'commit-2',
      parent: first.commit,
      base: snapshot.commit,
      ref: 'refs/swe-agent/iteration-2',
    });
    expect(second.stat).toEqual({ filesChanged: 2, additions: 2, deletions: 1 });
    expect(await git(store(), 'rev-list', '--count', `${snapshot.commit}..${second.commit}`)).toBe('2');
  });

  it('says when the sandbox has no repository', async () => {
    await expect(worktreeTree(sandbox, live())).rejects.toMatchObject({
      reason: 'GitFailed',
      message: expect.stringMatching(/holds no repository/),
    });
  });
});

describe('resetting the worktree', () => {
  it('undoes changes, new files, branches and merges in progress, and keeps ignored files', async () => {
    await seed([{ files: { '.gitignore': 'node_modules/\n', 'a.txt': '1\n', 'gone/b.txt': '1\n' } }]);
    await shell('mkdir node_modules && echo dep >node_modules/dep');
    await shell(`
      git checkout -qb one && echo one >a.txt && git commit -qam one
      git checkout -qb two main && echo two >a.txt && git commit -qam two
      git merge one >/dev/null || true
      rm -r gone; echo x >new; mkdir -p deep/empty; git init -q nested; echo x >nested/x
      chmod +x .gitignore; git stash list; touch .git/index.lock
    `);
    await resetWorktree(sandbox, snapshot.commit, live());
    expect(await shell('git status --porcelain=2 --branch; ls -A')).toBe(
      `# branch.oid ${snapshot.commit}\n# branch.head main\n.git\n.gitignore\na.txt\ngone\nnode_modules\n`,
    );
    expect(await shell('cat a.txt gone/b.txt node_modules/dep; git branch')).toBe('1\n1\ndep\n* main\n');
    expect(await worktreeTree(sandbox, live())).toBe(await git(store(), 'rev-parse', `${snapshot.commit}^{tree}`));
  });

  it('goes to a recorded commit, which is then the tip of the branch', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await shell('echo 2 >a; echo new >b');
    const made = await commit();
    await shell('echo 3 >a; rm b; echo c >c');
    await resetWorktree(sandbox, made.commit, live());
    expect(await shell('git status --porcelain; git rev-parse main origin/main; cat a b')).toBe(
      `${made.commit}\n${snapshot.commit}\n2\nnew\n`,
    );
  });

  it('does not touch files that are as they should be', async () => {
    await seed([{ files: { a: '1\n', b: '1\n' } }]);
    const before = await lstat(inTree('a'));
    await writeFile(inTree('b'), '2\n');
    await resetWorktree(sandbox, snapshot.commit, live());
    expect((await lstat(inTree('a'))).mtimeMs).toBe(before.mtimeMs);
    expect((await lstat(inTree('a'))).ino).toBe(before.ino);
  });
});

describe('a diff', () => {
  it('shows renames, names that are not ASCII, and binary files in a line', async () => {
    await seed([{ files: { 'old.txt': 'one\ntwo\nthree\nfour\n', 'bin.dat': Buffer.from([0, 1, 2]), 'ü.txt': '1\n' } }]);
    await shell('git mv old.txt "neu é.txt" && echo five >>"neu é.txt" && printf "\\000x" >bin.dat && echo 2 >ü.txt');
    await shell(
      'git config --global diff.noprefix true; git config --global diff.external false; git config --global color.ui always',
    );
    const made = await commit();
    const all = await diff(sandbox, snapshot.commit, made.commit, { maxBytes: 10_000 }, live());
    expect(all.truncated).toBe(false);
    expect(all.text).toContain('rename from old.txt\nrename to neu é.txt\n');
    expect(all.text).toContain('Binary files a/bin.dat and b/bin.dat differ\n');
    expect(all.text).toContain('--- a/ü.txt\n+++ b/ü.txt\n@@ -1 +1 @@\n-1\n+2\n');
    const one = await diff(sandbox, snapshot.commit, made.commit, { maxBytes: 10_000, paths: ['ü.txt', '*.dat', '-x'] }, live());
    expect(one.text.match(/^diff --git/gm)).toHaveLength(1);
    expect(await diffStat(sandbox, snapshot.commit, made.commit, live())).toEqual({
      filesChanged: 3,
      additions: 2,
      deletions: 1,
    });
    expect(await shell(`git diff ${snapshot.commit} ${made.commit} --no-ext-diff --no-color --stat`)).toContain('ü.txt');
  });

  it('is cut after a whole line', async () => {
    await seed([{ files: { a: '' } }]);
    await writeFile(inTree('a'), 'ünïcödé line\n'.repeat(1000));
    const made = await commit();
    const cut = await diff(sandbox, snapshot.commit, made.commit, { maxBytes: 1000 }, live());
    expect(cut.truncated).toBe(true);
    expect(cut.text).toMatch(/\+ünïcödé line\n$/);
    expect(Buffer.byteLength(cut.text)).toBeLessThanOrEqual(1000);
    await expect(diff(sandbox, snapshot.commit, 'f'.repeat(40), { maxBytes: 1000 }, live())).rejects.toMatchObject({
      reason: 'GitFailed',
    });
  });
});

describe('a bundle of the changes', () => {
  it('restores the worktree in another sandbox', async () => {
    await seed([{ files: { 'ä.txt': '1\n', gone: '1\n' } }, { files: { 'ä.txt': '2\n' } }]);
    await shell('echo 3 >ä.txt; rm gone; printf "#!/bin/sh\\n" >run; chmod +x run; ln -s /etc/passwd link');
    const made = await commit();
    const bundle = await exportBundle(sandbox, { base: snapshot.commit, commit: made.commit }, live());
    expect(bundle.length).toBeLessThan(2000);
    await using other = await localSandbox(join(folder.path, 'other'));
    await seedWorktree(other.sandbox, snapshot, { identity, baseBranch: 'main', remoteUrl: source }, live());
    for (let times = 0; times < 2; times++) {
      const whole = { commit: made.commit, head: made.commit, bundles: [bundle] };
      expect(await restoreCheckpoint(other.sandbox, whole, live())).toBe(made.tree);
    }
    const { output } = await other.sandbox.query('git status --porcelain; git log --format=%s; ls', { signal: live() });
    expect(output).toBe('Change it\nCommit 2\nlink\nrun\nä.txt\n');
  });

  it('carries the branch, and leaves no such branch in the sandbox', async () => {
    await seed([{ files: { a: '1\n' } }]);
    await writeFile(inTree('a'), '2\n');
    const made = await commit();
    const bundle = await exportBundle(sandbox, { base: snapshot.commit, commit: made.commit, branch: 'swe-agent/fix' }, live());
    await writeFile(join(folder.path, 'x.bundle'), bundle);
    expect(await git(source, 'bundle', 'list-heads', join(folder.path, 'x.bundle'))).toBe(
      `${made.commit} refs/heads/swe-agent/fix`,
    );
    expect(await git(store(), 'for-each-ref', 'refs/heads')).toBe('');
  });

  it('that is too large is refused with what to do', async () => {
    await seed([{ files: { a: '1\n' } }]);
    const noise = Buffer.alloc(200_000).map(() => Math.floor(Math.random() * 256));
    await writeFile(inTree('noise'), noise);
    const made = await commit();
    const request = { base: snapshot.commit, commit: made.commit, maxBytes: 100_000 };
    await expect(exportBundle(sandbox, request, live())).rejects.toThrow(/0\.2 MB large, more than the 0\.1 MB.*\.gitignore/);
  });
});

describe('a sandbox', () => {
  /** A sandbox whose git is a script. */
  async function sandboxWithGit(script: string): Promise<void> {
    await seed([{ files: { a: '1\n' } }]);
    const bin = join(folder.path, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await place[Symbol.asyncDispose]();
    place = await localSandbox(join(folder.path, 'other'), 'none', `${bin}:${process.env.PATH}`);
    sandbox = place.sandbox;
  }

  it('whose disk is full says so', async () => {
    await sandboxWithGit('echo "error: unable to write file a: No space left on device" >&2; exit 128');
    await expect(seedAgain()).rejects.toMatchObject({ reason: 'StorageFull', message: expect.stringMatching(/disk is full/) });
  });

  it('without git says so', async () => {
    await sandboxWithGit('echo "sh: 1: git: not found" >&2; exit 127');
    await expect(seedAgain()).rejects.toMatchObject({
      reason: 'GitMissing',
      message: expect.stringMatching(/use an image that has it, or set SWE_AGENT_TOOLBOX_IMAGE/),
    });
  });

  it('that failed to commit can commit later under the same operation', async () => {
    await sandboxWithGit(
      `[ ! -e "$HOME/full" ] || { echo "fatal: No space left on device" >&2; exit 128; }\nPATH=\${PATH#*:} exec git "$@"`,
    );
    await seedAgain();
    await shell('touch ~/full; echo 2 >a');
    await expect(commit()).rejects.toMatchObject({ reason: 'StorageFull' });
    await shell('rm ~/full');
    expect(await commit()).toMatchObject({ changed: true, stat: { filesChanged: 1, additions: 1, deletions: 1 } });
  });
});

it('a file that cannot be read is named and the rest is committed', async () => {
  if (process.getuid?.() === 0) {
    await place[Symbol.asyncDispose]();
    // Root reads everything: here the commands need a user of their own, who may pass through the folder.
    await chmod(folder.path, 0o711);
    place = await localSandbox(folder.path, 'user');
    sandbox = place.sandbox;
  }
  await seed([{ files: { a: '1\n' } }]);
  await shell('echo x >secret && chmod 000 secret && echo y >b');
  const made = await commit();
  expect(await filesOf(made.commit)).toEqual(['a', 'b']);
  expect(made.notes).toEqual(['secret cannot be read and is not part of the result.']);
  await chmod(inTree('secret'), 0o600);
});
