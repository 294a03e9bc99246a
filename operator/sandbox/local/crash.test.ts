/** The operator is killed while a command runs, and another one takes over. Real processes, SIGKILL, executions counted in the sandbox. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { patience as signal } from '../../../test/support/eventually.ts';
import { LocalSandboxes, missing, processesNaming, until } from '../../../test/support/local-sandboxes.ts';
import { openSandbox } from '../commands.ts';
import type { IsolationMethod } from './isolation.ts';
import { isAlive, signal as sendSignal } from './processes.ts';

/** Has the record of the only command say that it began so many seconds earlier; the file stays the sandbox's own. */
function beganEarlier(root: string, seconds: number): void {
  const [number = ''] = readdirSync(join(root, '.run/pid'));
  const path = join(root, '.run/pid', number);
  const before = readFileSync(path, 'utf8');
  // Its fields: worker and supervisor with their start times, when it began (seconds since boot), its limit, the boot.
  const fields = before.trim().split(' ');
  const began = fields[4] ?? '';
  fields[4] = (Number(began) - seconds).toFixed(2).padEnd(began.length, '0');
  writeFileSync(path, `${fields.join(' ')}\n`, { flag: 'r+' });
}

for (const method of ['bubblewrap', 'user', 'none'] satisfies IsolationMethod[]) {
  const reason = missing(method);
  describe(`after a crash of the operator, with isolation ${method}`, () => {
    if (reason) {
      it.skip(`is not tested: ${reason}`, () => {});
      return;
    }
    let sandboxes: LocalSandboxes;
    const operators: ChildProcess[] = [];
    beforeAll(() => {
      sandboxes = new LocalSandboxes(method, { tickSeconds: 1 });
    });
    afterAll(async () => {
      for (const operator of operators) operator.kill('SIGKILL');
      await sandboxes.close();
    });

    /** An operator in a process of its own that runs one command and is then killed. */
    const operate = async (owner: object, op: string, command: string, when: () => boolean): Promise<void> => {
      const main = join(import.meta.dirname, '../../../test/support/sandbox-operator.ts');
      const operator = spawn(process.execPath, [main, JSON.stringify({ options: sandboxes.options, owner, op, command })], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      operators.push(operator);
      await until(`the operator's command ${op} to get going`, when);
      operator.kill('SIGKILL');
      await until('the operator to be dead', () => operator.signalCode === 'SIGKILL');
    };

    it('commands go on, the next operator gets the one result, and none is run twice', async () => {
      const owner = sandboxes.owner();
      const root = join(sandboxes.options.workspaceDir, owner.name);
      const runs = join(root, 'repo/runs');
      const command = 'echo x >>runs; echo before; while ! [ -e go ]; do sleep 0.02; done; echo after; exit 7';
      await operate(owner, 'op', command, () => existsSync(runs));
      const handle = await sandboxes.transport().find(owner, {}, signal());
      if (!handle) throw new Error('the sandbox is gone');
      const sandbox = await openSandbox(handle, { epoch: 2 });
      expect(await sandbox.state('op', signal())).toBe('running');
      const result = sandbox.run('op', { command, timeoutSeconds: 60 }, { signal: signal() });
      await sandbox.query('touch go', { signal: signal() });
      expect(await result).toMatchObject({ state: 'exited', exitCode: 7, output: { head: 'before\nafter\n' } });
      expect(readFileSync(runs, 'utf8')).toBe('x\n');
      await sandbox.close();
    });

    it('a command that ended while nobody was there has its status', async () => {
      const owner = sandboxes.owner();
      const root = join(sandboxes.options.workspaceDir, owner.name);
      await operate(owner, 'op', 'echo x >>runs; while ! [ -e go ]; do sleep 0.02; done; echo x >>ended; exit 3', () =>
        existsSync(join(root, 'repo/runs')),
      );
      const handle = await sandboxes.transport().find(owner, {}, signal());
      if (!handle) throw new Error('the sandbox is gone');
      await handle.put(`${root}/repo/go`, new Uint8Array(), { signal: signal() });
      await until('the command to end', () => existsSync(join(root, 'repo/ended')));
      const sandbox = await openSandbox(handle, { epoch: 2 });
      const result = await sandbox.attach('op', { command: '', timeoutSeconds: 60 }, { signal: signal() });
      expect(result).toMatchObject({ state: 'exited', exitCode: 3 });
      await sandbox.close();
    });

    it('a timeout counts from the start of the command, not from the moment of attaching', async () => {
      const owner = sandboxes.owner();
      const root = join(sandboxes.options.workspaceDir, owner.name);
      await operate(owner, 'op', 'echo x >>runs; sleep 1000', () => existsSync(join(root, 'repo/runs')));
      beganEarlier(root, 400);
      const handle = await sandboxes.transport().find(owner, {}, signal());
      if (!handle) throw new Error('the sandbox is gone');
      const sandbox = await openSandbox(handle, { epoch: 2 });
      const result = await sandbox.attach('op', { command: '', timeoutSeconds: 300 }, { signal: signal() });
      expect(result).toMatchObject({ state: 'exited', endedBy: 'timeout' });
      await sandbox.close();
    });

    it('a half-written request of the dead operator harms nobody', async () => {
      const owner = sandboxes.owner();
      const handle = await sandboxes.transport().provision(owner, {}, signal());
      const first = await openSandbox(handle, { epoch: 1 });
      const channel = await (await sandboxes.transport().find(owner, {}, signal()))?.open(signal());
      if (!channel) throw new Error('the sandbox is gone');
      await channel.send('7\x1f1\x1frun\x1fhalf\x1frun\x1f9\x1f/\x1ftouch half\x1f');
      await channel.send('not even a request');
      await channel.close();
      const second = await openSandbox(handle, { epoch: 2 });
      expect((await second.query('ls', { signal: signal() })).output).toBe('');
      expect(await second.state('half', signal())).toBe('absent');
      await Promise.all([first.close(), second.close()]);
    });

    it('when the runner died too, commands are attached to where they live on, and unknown where they cannot', async () => {
      const owner = sandboxes.owner();
      const handle = await sandboxes.transport().provision(owner, {}, signal());
      const sandbox = await openSandbox(handle, { epoch: 1 });
      const running = sandbox.run(
        'op',
        { command: 'echo x >>runs; while ! [ -e go ]; do sleep 0.02; done; exit 4', timeoutSeconds: 60 },
        { signal: signal() },
      );
      // The shell makes the file before it writes into it.
      await until('the command to run', async () => (await sandbox.stat('runs', signal()))?.size === 2);
      const recorded = JSON.parse(readFileSync(join(sandboxes.options.workspaceDir, `.sandboxes/${owner.name}.runner`), 'utf8'));
      sendSignal(recorded.pid, 'SIGKILL');
      await until('the runner to be gone', () => !isAlive(recorded));
      await handle.put(`${handle.root}/repo/go`, new Uint8Array(), { signal: signal() });
      expect(await running).toMatchObject(method === 'bubblewrap' ? { state: 'unknown' } : { state: 'exited', exitCode: 4 });
      expect((await sandbox.query('cat runs', { signal: signal() })).output).toBe('x\n');
      await sandbox.close();
    });

    it('a runner that nobody talks to stays while a command runs, and then ends by itself', async () => {
      const owner = sandboxes.owner();
      const root = join(sandboxes.options.workspaceDir, owner.name);
      await operate(owner, 'op', 'echo x >>runs; sleep 3.5; exit 6', () => existsSync(join(root, 'repo/runs')));
      const handle = await sandboxes.transport().find(owner, {}, signal());
      if (!handle) throw new Error('the sandbox is gone');
      await until('all processes to end', () => processesNaming(handle.identity.uid).length === 0);
      const sandbox = await openSandbox(handle, { epoch: 2 });
      expect(await sandbox.attach('op', { command: '', timeoutSeconds: 60 }, { signal: signal() })).toMatchObject({
        exitCode: 6,
      });
      await sandbox.close();
    });
  });
}
