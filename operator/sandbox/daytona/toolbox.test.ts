import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';
import { patience as signal } from '../../../test/support/eventually.ts';
import { openSandbox } from '../commands.ts';

/** A PATH that has everything of this machine but git, and a toolbox that has one, with a link as the real one has. */
function withoutGit(folder: string): { path: string; toolbox: string } {
  const [path, toolbox] = [join(folder, 'bin'), join(folder, 'toolbox')];
  mkdirSync(path);
  const seen = new Set<string>();
  for (const from of ['/usr/bin', '/bin']) {
    for (const name of existsSync(from) ? readdirSync(from) : []) {
      if (name.startsWith('git') || seen.has(name)) continue;
      seen.add(name);
      symlinkSync(join(from, name), join(path, name));
    }
  }
  mkdirSync(join(toolbox, 'bin'), { recursive: true });
  mkdirSync(join(toolbox, 'libexec'));
  writeFileSync(join(toolbox, 'libexec/git'), '#!/bin/sh\necho "git of the toolbox $*"\n');
  chmodSync(join(toolbox, 'libexec/git'), 0o755);
  symlinkSync('../libexec/git', join(toolbox, 'bin/git'));
  return { path, toolbox };
}

describe('the toolbox of a Daytona sandbox', () => {
  let sandboxes: DaytonaSandboxes;
  let folder: string;
  let path: string;
  let toolbox: string;
  beforeAll(async () => {
    sandboxes = await DaytonaSandboxes.start();
    folder = mkdtempSync(join(tmpdir(), 'toolbox-'));
    ({ path, toolbox } = withoutGit(folder));
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
});
