import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';
import {
  packageManager,
  pathOf,
  pathWithoutGit,
  scriptToolbox,
  toolboxArchive,
  unpackToolbox,
} from '../../../test/support/daytona/without-git.ts';
import { patience as signal } from '../../../test/support/eventually.ts';
import { openSandbox } from '../commands.ts';
import type { SandboxNotice } from '../transport.ts';

/** Of a small image; the rest comes with the toolbox. */
const FEW = ['sh', 'cat', 'mkdir', 'rm', 'mv', 'chmod', 'sleep', 'env', 'sed', 'base64', 'mkfifo', 'ls', 'head', 'tail', 'dd'];

describe('the toolbox of a Daytona sandbox', () => {
  let sandboxes: DaytonaSandboxes;
  let folder: string;
  let path: string;
  let toolbox: string;
  beforeAll(async () => {
    sandboxes = await DaytonaSandboxes.start();
    folder = mkdtempSync(join(tmpdir(), 'toolbox-'));
    path = pathWithoutGit(join(folder, 'bin'));
    toolbox = scriptToolbox(join(folder, 'toolbox'), 'echo "git of the toolbox $*"');
  });
  afterAll(async () => {
    await sandboxes.close();
    rmSync(folder, { recursive: true });
  });

  it('is brought into an image without git, once', async () => {
    const transport = sandboxes.transport({ toolbox });
    const owner = sandboxes.owner();
    const spec = { env: [{ name: 'PATH', value: path }] };
    const uploads = sandboxes.server.timesAsked('uploadFiles');
    const handle = await transport.provision(owner, spec, signal());
    const sandbox = await openSandbox(handle, { epoch: 1 });
    expect(await sandbox.has('git', signal())).toBe(true);
    const { output } = await sandbox.query('git status', { signal: signal() });
    expect(output).toBe('git of the toolbox status\n');
    await sandbox.close();
    expect(sandboxes.server.timesAsked('uploadFiles')).toBe(uploads + 1);
    await transport.provision(owner, spec, signal());
    expect(sandboxes.server.timesAsked('uploadFiles')).toBe(uploads + 1);
  });

  it('is left out where the image has git, and where there is none to bring', async () => {
    const uploads = sandboxes.server.timesAsked('uploadFiles');
    await sandboxes.transport({ toolbox }).provision(sandboxes.owner(), {}, signal());
    const without = { env: [{ name: 'PATH', value: path }] };
    const sandbox = await openSandbox(await sandboxes.provision(without), { epoch: 1 });
    expect(await sandbox.has('git', signal())).toBe(false);
    await sandbox.close();
    expect(sandboxes.server.timesAsked('uploadFiles')).toBe(uploads);
  });

  it('is not needed where the image can install git by itself, which is told and done once', async () => {
    const own = pathWithoutGit(join(folder, 'apt'));
    const log = join(folder, 'apt.log');
    const git = `printf '#!/bin/sh\\necho "git of the image $*"' >${own}/git; chmod 755 ${own}/git`;
    packageManager(own, 'apt-get', `echo "$*" >>${log}; case "$*" in *install*) ${git};; esac`);
    const transport = sandboxes.transport();
    const owner = sandboxes.owner();
    const spec = { env: [{ name: 'PATH', value: own }] };
    const notices: (SandboxNotice | undefined)[] = [];
    const handle = await transport.provision(owner, spec, signal(), (notice) => notices.push(notice));
    expect(notices).toEqual([{ reason: 'InstallingGit', message: expect.stringContaining(handle.identity.name) }, undefined]);
    const sandbox = await sandboxes.open(handle);
    expect((await sandbox.query('git status', { signal: signal() })).output).toBe('git of the image status\n');
    await transport.provision(owner, spec, signal());
    expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual([
      expect.stringMatching(/ update$/),
      expect.stringMatching(/ install -y --no-install-recommends git$/),
    ]);
  });

  it('is asked for in the words of the package manager that could not install git', async () => {
    const own = pathWithoutGit(join(folder, 'apk'));
    packageManager(own, 'apk', 'echo "unable to select packages: $3"; exit 1');
    const tried = sandboxes.transport().provision(sandboxes.owner(), { env: [{ name: 'PATH', value: own }] }, signal());
    await expect(tried).rejects.toMatchObject({
      reason: 'GitMissing',
      permanent: true,
      message: expect.stringMatching(/apk could not install it: (unable to select packages: git\s)+.*set SWE_AGENT_TOOLBOX/s),
    });
  });

  const real = existsSync(toolboxArchive()) ? it : it.skip;
  if (real !== it) console.warn('the static toolbox is not tried: test/cluster/pod-images.sh was not run');

  real('has a git and a ripgrep that run anywhere, unpacked by the busybox that comes with it', async () => {
    const toolbox = unpackToolbox(join(folder, 'static'));
    // Nothing of this machine but what a sandbox cannot be without: neither tar nor gzip.
    const spec = { env: [{ name: 'PATH', value: pathOf(join(folder, 'few'), FEW) }] };
    const handle = await sandboxes.transport({ toolbox }).provision(sandboxes.owner(), spec, signal());
    const sandbox = await openSandbox(handle, { epoch: 1 });
    const { output } = await sandbox.query('command -v git; command -v rg; git --version; echo found >x; rg -l found x', {
      signal: signal(),
    });
    const bin = `${handle.root}/.toolbox/bin`;
    expect(output).toMatch(new RegExp(`^${bin}/git\n${bin}/rg\ngit version [0-9.]+\nx\n$`));
    await sandbox.close();
  });
});
