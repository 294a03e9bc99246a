import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { eventually } from '../../../test/support/eventually.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';

it('does not wait for a runner that has ended, also where nobody takes note of the end', async () => {
  await using root = await temporaryFolder();
  const run = join(root.path, '.run');
  mkdirSync(run);
  // The parent of the runner becomes a program that never asks what became of its children.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo "$!"; exec sleep 1001'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [first] = await once(parent.stdout, 'data');
    const pid = Number(String(first));
    await eventually('the parent', () => readFileSync(`/proc/${parent.pid}/cmdline`, 'latin1') === 'sleep\x001001\x00');
    process.kill(pid, 'SIGKILL');
    const fields = await eventually('the end of the runner', () => {
      const all = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
      return all[0] === 'Z' && all;
    });
    writeFileSync(join(run, 'runner.pid'), `${pid} ${fields[19]}\n`);
    const script = readFileSync(join(import.meta.dirname, 'quiesce.sh'), 'utf8');
    const tenMinutes = '60000';
    const args = ['-c', script, 'swe-agent-quiesce', root.path, tenMinutes, 'sandbox-that-nobody-has'];
    expect(spawnSync('/bin/sh', args, { timeout: 60_000 })).toMatchObject({ status: 0, signal: null });
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});
