/** What is at hand in Pods of images that know nothing of us, on a real cluster: `make cluster-test`. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import { RepositoryCache } from '../../operator/sandbox/git/cache.ts';
import type { Snapshot } from '../../operator/sandbox/git/git.ts';
import { seedWorktree } from '../../operator/sandbox/git/seed.ts';
import { commitWorktree } from '../../operator/sandbox/git/worktree.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import { patience } from '../support/eventually.ts';
import { makeRepository } from '../support/git-repository.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { IMAGES_MS, importPodImages, TOOLBOX_IMAGE, WITH_GIT_IMAGE } from './pod-images.ts';
import { clusterForTests, TestPods, type TestPodsOptions } from './pods.ts';

const cluster = clusterForTests();
const identity = { name: 'Bot', email: 'bot@example.com' };

(cluster ? describe : describe.skip)('a Pod of an image', () => {
  let pods: TestPods;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let snapshot: Snapshot;
  const opened: Sandbox[] = [];
  beforeAll(async () => {
    if (!cluster) throw new Error('there is no cluster');
    await importPodImages(cluster);
    folder = await temporaryFolder();
    const source = join(folder.path, 'source');
    await makeRepository(source, [
      { files: { 'src/a.txt': 'one\n', link: { symlink: 'src/a.txt' }, tool: { executable: '#!/bin/sh\n' } } },
    ]);
    const cache = new RepositoryCache({
      dir: join(folder.path, 'cache'),
      allowLocal: true,
      environment: { PATH: process.env.PATH ?? '' },
    });
    snapshot = await cache.fetch({ url: source, depth: 1 }, undefined, patience());
    pods = await TestPods.open(cluster);
  }, IMAGES_MS);
  afterAll(async () => {
    await Promise.all(opened.map((sandbox) => sandbox.close()));
    await pods.close();
    await folder[Symbol.asyncDispose]();
  });

  const open = async (image: string, options: TestPodsOptions = { toolboxImage: TOOLBOX_IMAGE }): Promise<Sandbox> => {
    const sandbox = await openSandbox(await pods.provision({ image }, pods.transport(options)), { epoch: 1 });
    opened.push(sandbox);
    return sandbox;
  };
  const seed = (sandbox: Sandbox) =>
    seedWorktree(sandbox, snapshot, { identity, baseBranch: snapshot.branch, remoteUrl: 'https://git.example/x' }, patience());
  const shell = async (sandbox: Sandbox, command: string): Promise<string> =>
    (await sandbox.query(command, { cwd: sandbox.worktree, signal: patience() })).output;

  it('without git works with the toolbox as one with git of its own does: the same edits make the same commit', async () => {
    const commits = new Set<string>();
    for (const image of [WITH_GIT_IMAGE, 'python:3.12-slim', 'ubuntu:22.04', 'alpine:3', 'localhost/swe-agent-test/non-root:1']) {
      const sandbox = await open(image);
      expect(await shell(sandbox, 'command -v git')).toBe(
        image === WITH_GIT_IMAGE ? '/usr/bin/git\n' : '/opt/swe-agent/bin/git\n',
      );
      await seed(sandbox);
      expect(await shell(sandbox, 'git status --porcelain; git log --oneline | wc -l; rg -l one src')).toMatch(
        /^ *1\nsrc\/a\.txt\n$/,
      );
      await shell(sandbox, 'echo two >>src/a.txt; mkdir new; echo x >new/file; ln -s file new/link');
      const date = 1_700_000_000;
      const request = {
        op: 'commit',
        message: 'Change it',
        parent: snapshot.commit,
        date,
        identity,
        ref: 'refs/swe-agent/iteration-1',
      };
      const { commit, stat } = await commitWorktree(sandbox, request, patience());
      expect(stat).toMatchObject({ filesChanged: 3 });
      commits.add(commit);
    }
    expect(commits.size).toBe(1);
  });

  it('keeps its own programs before those of the toolbox', async () => {
    const python = await open('python:3.12-slim');
    expect(await shell(python, 'python3 --version; command -v sed awk tar')).toMatch(
      /^Python 3\.\d+\.\d+\n(\/usr\/bin\/|\/bin\/)sed\n.*awk\n.*tar\n$/,
    );
    expect(await shell(python, 'command -v rg')).toBe('/opt/swe-agent/bin/rg\n');
  });

  it('without git and without the toolbox says what is missing', async () => {
    const sandbox = await open('ubuntu:22.04', {});
    expect(await sandbox.has('git', patience())).toBe(false);
    await expect(seed(sandbox)).rejects.toThrow(/there is no git in the sandbox; use an image that has it/);
  });

  it('cannot be changed from inside, nor can the toolbox; workspace, home and the folders for temporary files can', async () => {
    const sandbox = await open('ubuntu:22.04');
    const write = (path: string) => `: >${path}/x && echo ${path}`;
    const places = ['/etc', '/usr/bin', '/opt/swe-agent/bin', '/', '/workspace', '"$HOME"', '"$TMPDIR"', '/tmp', '/var/tmp'];
    const { output } = await sandbox.query(`{ ${places.map(write).join('; ')}; } 2>/dev/null`, { signal: patience() });
    expect(output).toBe('/workspace\n/workspace/home\n/workspace/tmp\n/tmp\n/var/tmp\n');
    const image = await open('localhost/swe-agent-test/non-root:1', { readOnlyRootFilesystem: false, user: 'image' });
    expect((await image.query(': >/home/app/x && id -u', { signal: patience() })).output).toBe('10001\n');
  });

  it('has no token of the cluster, no capability, and no way to more rights', async () => {
    const sandbox = await open('ubuntu:22.04');
    expect(await shell(sandbox, 'ls /var/run/secrets 2>/dev/null; env | grep -c KUBERNETES')).toBe('0\n');
    const status = await shell(sandbox, "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '");
    expect(status).toBe('CapEff: 0000000000000000\nCapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n');
  });

  // The built cluster has a class of this name; whether one's own has it nobody knows.
  (cluster?.which === 'built' ? it : it.skip)('runs under the RuntimeClass that is asked for', async () => {
    const handle = await pods.provision({ image: 'ubuntu:22.04', runtimeClassName: 'kata' });
    expect(handle.isolation).toMatchObject({ isolated: true, method: 'pod-kata' });
    expect((await pods.pod(handle))?.spec.runtimeClassName).toBe('kata');
    const sandbox = await openSandbox(handle, { epoch: 1 });
    opened.push(sandbox);
    expect((await sandbox.query('echo runs', { signal: patience() })).output).toBe('runs\n');
  });
});
