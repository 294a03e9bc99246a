import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';
import {
  pathOf,
  pathWithoutGit,
  scriptToolbox,
  toolboxArchive,
  unpackToolbox,
} from '../../../test/support/daytona/without-git.ts';
import { patience as signal } from '../../../test/support/eventually.ts';
import { openSandbox } from '../commands.ts';

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
