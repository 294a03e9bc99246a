import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { patience as live } from '../../../test/support/eventually.ts';
import { makeRepository } from '../../../test/support/git-repository.ts';
import { localSandbox } from '../../../test/support/local-sandbox.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import type { Sandbox } from '../sandbox.ts';
import { RepositoryCache } from './cache.ts';
import { type Checkpoint, type CheckpointRequest, restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { Snapshot } from './git.ts';
import { seedWorktree } from './seed.ts';
import { commitWorktree } from './worktree.ts';

const identity = { name: 'Bot', email: 'bot@example.com' };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let place: Awaited<ReturnType<typeof localSandbox>>;
let snapshot: Snapshot;

beforeEach(async () => {
  folder = await temporaryFolder();
  place = await localSandbox(join(folder.path, 'first'));
  const source = join(folder.path, 'source');
  await makeRepository(source, [{ files: { a: 'old\n', '.gitignore': 'dist\n' } }, { files: { a: '1\n', b: '1\n' } }]);
  const environment = { PATH: process.env.PATH ?? '' };
  const cache = new RepositoryCache({ dir: join(folder.path, 'cache'), allowLocal: true, environment });
  snapshot = await cache.fetch({ url: source, depth: 1 }, undefined, live());
  await seed(place.sandbox);
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function seed(sandbox: Sandbox): Promise<void> {
  return seedWorktree(sandbox, snapshot, { identity, baseBranch: 'main', remoteUrl: 'https://git.example/x' }, live());
}

async function shell(command: string, sandbox: Sandbox = place.sandbox): Promise<string> {
  const { output, exitCode } = await sandbox.query(command, { cwd: sandbox.worktree, signal: live() });
  if (exitCode !== 0) throw new Error(`${command}: ${output}`);
  return output;
}

async function save(last: string, request: Partial<CheckpointRequest> = {}): Promise<Checkpoint> {
  const defaults = { parent: last, exclude: request.parent ?? last, date: 1_700_000_000, identity, maxBytes: 1e6 };
  return saveCheckpoint(place.sandbox, { last, ...defaults, ...request }, live());
}

async function changed(last: string, request: Partial<CheckpointRequest> = {}): Promise<Checkpoint & { state: 'changed' }> {
  const saved = await save(last, request);
  if (saved.state !== 'changed') throw new Error(`the checkpoint is ${saved.state}`);
  return saved;
}

describe('Checkpoints', () => {
  it('bring a new sandbox step by step to the worktree as it was, on the branch as it was', async () => {
    await shell('echo 2 >a; echo new >"c d"; mkdir dist; echo built >dist/out');
    const first = await changed(snapshot.commit);
    await shell('rm b; chmod +x a; git add -A; git commit -qm "by the model"');
    const second = await changed(first.commit);
    expect(second.bundle.length).toBeLessThan(1000);
    await using other = await localSandbox(join(folder.path, 'other'));
    await seed(other.sandbox);
    const chain = { commit: second.commit, head: snapshot.commit, bundles: [first.bundle, second.bundle] };
    for (let times = 0; times < 2; times++) expect(await restoreCheckpoint(other.sandbox, chain, live())).toBe(second.tree);
    const state = await shell(
      'git status --porcelain; git log --format=%s; cat a "c d"; git fsck --strict --no-dangling 2>&1',
      other.sandbox,
    );
    expect(state).toBe(' M a\n D b\n?? "c d"\nCommit 2\n2\nnew\n');
    expect(await shell('ls -A ../.run | grep incoming || :', other.sandbox)).toBe('');
  });

  it('say so when nothing changed since the last one, and leave index and branches of the worktree alone', async () => {
    expect(await save(snapshot.commit)).toMatchObject({ state: 'same' });
    await shell('echo 2 >a; echo 2 >b; git add b');
    const saved = await changed(snapshot.commit);
    expect(await save(saved.commit)).toEqual({ state: 'same', tree: saved.tree });
    expect(await shell('git status --porcelain; git branch -a --format="%(refname)"')).toBe(
      ' M a\nM  b\nrefs/heads/main\nrefs/remotes/origin/main\n',
    );
  });

  it('begin a new chain on an older commit, of which one bundle is enough', async () => {
    await shell('echo 2 >a');
    const first = await changed(snapshot.commit);
    await shell('echo 3 >a; echo 3 >c');
    const whole = await changed(first.commit, { parent: snapshot.commit });
    await using other = await localSandbox(join(folder.path, 'other'));
    await seed(other.sandbox);
    const chain = { commit: whole.commit, head: snapshot.commit, bundles: [whole.bundle] };
    expect(await restoreCheckpoint(other.sandbox, chain, live())).toBe(whole.tree);
  });

  it('follow the commit of an iteration, which a new sandbox gets from the bundles as well', async () => {
    await shell('echo 2 >a');
    const first = await changed(snapshot.commit);
    const request = { op: 'commit-1', message: 'Iteration', parent: snapshot.commit, date: 1_700_000_000, identity };
    const made = await commitWorktree(place.sandbox, { ...request, ref: 'refs/swe-agent/iteration-1' }, live());
    await shell('echo 3 >a');
    const next = await changed(first.commit, { parent: made.commit });
    const whole = await changed(first.commit, { parent: made.commit, exclude: snapshot.commit });
    expect(whole.commit).toBe(next.commit);
    await using other = await localSandbox(join(folder.path, 'other'));
    await seed(other.sandbox);
    const restore = (bundle: Uint8Array) =>
      restoreCheckpoint(other.sandbox, { commit: next.commit, head: made.commit, bundles: [bundle] }, live());
    await expect(restore(next.bundle)).rejects.toThrow(/restoring the worktree failed/);
    expect(await restore(whole.bundle)).toBe(next.tree);
    expect(await shell('git status --porcelain; git log --format=%s', other.sandbox)).toBe(' M a\nIteration\nCommit 2\n');
  });

  it('that are too large for the store are told with their size', async () => {
    await shell('head -c 300000 /dev/urandom >noise');
    const saved = await save(snapshot.commit, { maxBytes: 100_000 });
    expect(saved).toMatchObject({ state: 'too-large' });
    expect(saved.state === 'too-large' && saved.bytes).toBeGreaterThan(290_000);
  });

  it('cannot be restored from a damaged bundle, and say so', async () => {
    await using other = await localSandbox(join(folder.path, 'other'));
    await seed(other.sandbox);
    const chain = { commit: 'f'.repeat(40), head: snapshot.commit, bundles: [Buffer.from('no bundle')] };
    await expect(restoreCheckpoint(other.sandbox, chain, live())).rejects.toMatchObject({ reason: 'GitFailed' });
  });
});
