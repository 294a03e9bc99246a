/** The runner in other shells than this machine's /bin/sh, and without setsid. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { eventually, patience } from '../../../test/support/eventually.ts';
import { LocalSandboxes } from '../../../test/support/local-sandboxes.ts';
import { describeLocalSandbox } from '../../../test/support/local-subjects.ts';
import { openSandbox } from '../commands.ts';

for (const shell of [['bash'], ['dash'], ['busybox', 'ash']]) {
  const program = find(shell[0] ?? '');
  // /bin/sh itself is tested everywhere else.
  if (program && realpathSync(program) === realpathSync('/bin/sh')) continue;
  const name = `plain (runner in ${shell.join(' ')})`;
  if (program) describeLocalSandbox('none', name, { shell: [program, ...shell.slice(1)] });
  else describe(name, () => it.skip(`is not tested: ${shell[0]} is not installed`, () => {}));
}

describe('a sandbox without setsid', () => {
  const bash = find('bash');
  const tools = mkdtempSync(join(tmpdir(), 'tools-'));
  afterAll(() => rmSync(tools, { recursive: true }));

  (bash ? it : it.skip)('still ends the whole group of a command (bash gives each its own)', async () => {
    const names = new Map(
      ['/bin', '/usr/bin'].flatMap((folder) => readdirSync(folder).map((name) => [name, join(folder, name)])),
    );
    names.delete('setsid');
    for (const [name, path] of names) symlinkSync(path, join(tools, name));
    const sandboxes = new LocalSandboxes('none', { shell: [bash ?? ''], hostEnvironment: { PATH: tools } });
    const signal = patience();
    const sandbox = await openSandbox(await sandboxes.transport().provision(sandboxes.owner(), {}, signal), { epoch: 1 });
    expect(await sandbox.has('setsid', signal)).toBe(false);
    expect(await sandbox.run('fine', { command: 'echo out; exit 3', timeoutSeconds: 60 }, { signal })).toMatchObject({
      exitCode: 3,
      output: { head: 'out\n' },
    });
    // A number by which no other test's processes are found.
    const seconds = 1_000_000 + Math.floor(Math.random() * 1_000_000);
    const running = sandbox.run(
      'op',
      { command: `sleep ${seconds} & touch begun; sleep ${seconds}`, timeoutSeconds: 90 },
      { signal },
    );
    while (!(await sandbox.stat('begun', signal)));
    await sandbox.cancel('op');
    expect(await running).toMatchObject({ state: 'exited', endedBy: 'cancel' });
    await eventually('the group to be gone', async () => {
      return (await sandbox.query(`ps -A -o args | grep -c "^sleep ${seconds}"`, { signal })).output === '0\n';
    });
    await sandbox.close();
    await sandboxes.close();
  });
});

function find(program: string): string | undefined {
  try {
    return execFileSync('/bin/sh', ['-c', 'command -v "$0"', program], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
