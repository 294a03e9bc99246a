/** Whose a folder is, and what becomes of one that is not the session's. */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { patience as signal } from '../../../test/support/eventually.ts';
import { LocalSandboxes, until } from '../../../test/support/local-sandboxes.ts';
import { openSandbox } from '../commands.ts';
import { SandboxLostError } from '../transport.ts';

describe("a session's folder", () => {
  let sandboxes: LocalSandboxes;
  let workspace: string;
  beforeEach(() => {
    sandboxes = new LocalSandboxes('none');
    workspace = sandboxes.options.workspaceDir;
  });
  afterEach(() => sandboxes.close());

  it('is laid out as documented', async () => {
    const handle = await sandboxes.transport().provision(sandboxes.owner('my-session'), {}, signal());
    expect(handle.root).toBe(join(workspace, 'my-session'));
    expect(readdirSync(handle.root).sort()).toEqual(['.run', '.sandbox', 'home', 'repo', 'tmp']);
  });

  it('is neither adopted nor removed when somebody else made it', async () => {
    const owner = sandboxes.owner();
    const theirs = join(workspace, owner.name);
    mkdirSync(theirs, { recursive: true });
    writeFileSync(join(theirs, 'precious'), 'x');
    const transport = sandboxes.transport();
    await expect(transport.provision(owner, {}, signal())).rejects.toMatchObject({
      reason: 'WorkspaceOccupied',
      permanent: false,
      message: expect.stringContaining(theirs),
    });
    expect(await transport.find(owner, {}, signal())).toBeUndefined();
    await transport.dispose(owner, signal());
    await transport.quiesce(owner, signal());
    expect(readFileSync(join(theirs, 'precious'), 'utf8')).toBe('x');
    rmSync(theirs, { recursive: true });
    expect((await transport.provision(owner, {}, signal())).root).toBe(theirs);
  });

  it('is not taken for another one that was put in its place, which is left alone', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const handle = await transport.provision(owner, {}, signal());
    renameSync(handle.root, `${handle.root}.away`);
    mkdirSync(handle.root);
    writeFileSync(join(handle.root, 'precious'), 'x');
    expect(await transport.find(owner, {}, signal())).toBeUndefined();
    await expect(transport.provision(owner, {}, signal())).rejects.toMatchObject({ reason: 'WorkspaceOccupied' });
    await expect(handle.open(signal())).rejects.toThrow(SandboxLostError);
    await transport.dispose(owner, signal());
    expect(existsSync(join(handle.root, 'precious'))).toBe(true);
    for (const path of [handle.root, `${handle.root}.away`]) rmSync(path, { recursive: true });
  });

  it('is the same one after it was copied to another disk with its marker', async () => {
    const owner = sandboxes.owner();
    const handle = await sandboxes.transport().provision(owner, {}, signal());
    cpSync(handle.root, `${handle.root}.copy`, { recursive: true });
    rmSync(handle.root, { recursive: true });
    renameSync(`${handle.root}.copy`, handle.root);
    expect((await sandboxes.transport().find(owner, {}, signal()))?.identity).toEqual(handle.identity);
  });

  it('is waited for no longer than who waits wants it, while other work on it is under way', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const sandbox = await openSandbox(await transport.provision(owner, {}, signal()), { epoch: 1 });
    const command = "trap '' TERM; touch begun; sleep 1000; sleep 1000";
    const stubborn = sandbox.run('stubborn', { command, timeoutSeconds: 1000 }, { signal: signal() });
    stubborn.catch(() => undefined);
    await until('the command to run', () => existsSync(join(sandbox.worktree, 'begun')));
    let quiet = false;
    const quiesced = transport.quiesce(owner, signal(), { graceMs: 1_000 }).then(() => {
      quiet = true;
    });
    const stop = new AbortController();
    const wanted = transport.provision(owner, {}, stop.signal);
    stop.abort(new Error('not wanted any more'));
    await expect(wanted).rejects.toThrow('not wanted any more');
    expect(quiet).toBe(false);
    await quiesced;
    await sandbox.close();
  });

  it('may lie under a path with spaces, quotes and non-ASCII', async () => {
    const odd = { workspaceDir: join(sandboxes.folder, `it's "a" Ä $HOME`) };
    const owner = sandboxes.owner();
    const transport = sandboxes.transport(odd);
    const sandbox = await openSandbox(await transport.provision(owner, {}, signal()), { epoch: 1 });
    const command = `: ${'x'.repeat(9000)}\npwd; echo "\${#BIG}"`;
    const spec = { command, timeoutSeconds: 60, env: { BIG: 'y'.repeat(9000) } };
    expect(await sandbox.run('long', spec, { signal: signal() })).toMatchObject({
      output: { head: `${sandbox.worktree}\n9000\n` },
    });
    await sandbox.applyFiles('file', [{ path: `${sandbox.worktree}/it's`, bytes: Buffer.from('x') }], signal());
    expect(await sandbox.stat("it's", signal())).toEqual({ type: 'file', size: 1 });
    await sandbox.close();
    await transport.dispose(owner, signal());
    mkdirSync(join(workspace, '.sandboxes'), { recursive: true });
  });

  it('that was removed is lost: commands say so, and the next one is another sandbox', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport({ tickSeconds: 1 });
    const handle = await transport.provision(owner, {}, signal());
    const sandbox = await openSandbox(handle, { epoch: 1, livenessMs: 300 });
    await sandbox.run('op', { command: 'true', timeoutSeconds: 60 }, { signal: signal() });
    rmSync(handle.root, { recursive: true });
    await expect(sandbox.run('op2', { command: 'true', timeoutSeconds: 60 }, { signal: signal() })).rejects.toThrow(
      SandboxLostError,
    );
    await expect(sandbox.readFile('x', { maxBytes: 9, signal: signal() })).rejects.toThrow(SandboxLostError);
    expect(await transport.find(owner, {}, signal())).toBeUndefined();
    const next = await transport.provision(owner, {}, signal());
    expect(next.identity.uid).not.toBe(handle.identity.uid);
    await sandbox.close();
  });

  it('belongs to a name in a namespace', async () => {
    const transport = sandboxes.transport();
    const here = sandboxes.owner('same');
    const there = { ...sandboxes.owner('same'), namespace: 'team-a' };
    const handles = await Promise.all([here, there].map((owner) => transport.provision(owner, {}, signal())));
    expect(handles.map(({ root }) => root)).toEqual([join(workspace, 'same'), join(workspace, 'team-a_same')]);
    await transport.dispose(there, signal());
    for (const name of ['../x', '.sandboxes', 'a/b', 'A', '']) {
      await expect(transport.provision({ ...here, name }, {}, signal())).rejects.toMatchObject({
        reason: 'InvalidName',
        permanent: true,
      });
    }
  });

  it('half made or half removed by a crash is swept away by the next operator', async () => {
    await sandboxes.transport().listOrphans(new Set(), signal());
    for (const name of ['new-1', 'trash-1']) mkdirSync(join(workspace, '.sandboxes', name, 'repo'), { recursive: true });
    await sandboxes.transport().listOrphans(new Set(), signal());
    await until('the leftovers to go', () => readdirSync(join(workspace, '.sandboxes')).length === 0);
  });

  it('once stopped stays stopped for whoever held it, and can be found anew', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const handle = await transport.provision(owner, {}, signal());
    const sandbox = await openSandbox(handle, { epoch: 1 });
    await transport.quiesce(owner, signal());
    await expect(sandbox.run('op', { command: 'true', timeoutSeconds: 60 }, { signal: signal() })).rejects.toMatchObject({
      reason: 'Stopping',
    });
    await sandbox.close();
    const found = await transport.find(owner, {}, signal());
    const again = found && (await openSandbox(found, { epoch: 2 }));
    expect(await again?.run('op', { command: 'exit 2', timeoutSeconds: 60 }, { signal: signal() })).toMatchObject({
      exitCode: 2,
    });
    await again?.close();
  });
});

describe('a full disk', () => {
  const canMount = process.platform === 'linux' && process.getuid?.() === 0;
  if (!canMount && process.env.CI === 'true') throw new Error('the tests of a full disk need Linux and root');

  (canMount ? it : it.skip)(
    'is reported as such, as something that can pass, and everything goes on once there is room',
    async () => {
      const sandboxes = new LocalSandboxes('none');
      const disk = sandboxes.options.workspaceDir;
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,nr_inodes=400', 'tmpfs', disk]);
      try {
        const transport = sandboxes.transport();
        const sandbox = await openSandbox(await transport.provision(sandboxes.owner(), {}, signal()), { epoch: 1 });
        const full = { reason: 'StorageFull', permanent: false };
        const run = (op: string, command: string) => sandbox.run(op, { command, timeoutSeconds: 60 }, { signal: signal() });

        const fill = (op: string) =>
          run(
            op,
            `mkdir -p files; i=0; while : >files/${op}$i; do i=$((i+1)); done; head -c 3000000 /dev/zero >>files/1; echo "status $?"`,
          );
        expect(await fill('fill')).toMatchObject({ state: 'exited', exitCode: 0 });
        // The first commands on a full disk are started with what was kept for them, so that they can free some.
        expect(await run('look', 'du -s files >/dev/null; echo seen')).toMatchObject({ exitCode: 0, output: { head: 'seen\n' } });
        expect(await run('free', 'rm -r files; echo freed')).toMatchObject({ exitCode: 0, output: { head: 'freed\n' } });
        expect(await run('kept', 'ls ../.run/reserve | wc -l')).toMatchObject({
          output: { head: expect.stringMatching(/^ *8\n/) },
        });
        // What fills the disk again and again takes that as well.
        for (const op of ['again', 'again-and-again']) expect(await fill(op)).toMatchObject({ state: 'exited', exitCode: 0 });
        await expect(run('op', 'echo x >>../runs')).rejects.toMatchObject(full);
        await expect(sandbox.upload('in/x', Buffer.alloc(100), signal())).rejects.toMatchObject(full);
        await expect(sandbox.applyFiles('files', [{ path: 'x', bytes: Buffer.alloc(100) }], signal())).rejects.toMatchObject(
          full,
        );
        await expect(transport.provision(sandboxes.owner(), {}, signal())).rejects.toMatchObject(full);

        rmSync(join(sandbox.worktree, 'files'), { recursive: true });
        expect(await run('op', 'echo x >>../runs; cat ../runs')).toMatchObject({ exitCode: 0, output: { head: 'x\n' } });
        await sandbox.applyFiles('files', [{ path: 'x', bytes: Buffer.from('now') }], signal());
        expect(Buffer.from((await sandbox.readFile('x', { maxBytes: 9, signal: signal() })) ?? []).toString()).toBe('now');
        await sandbox.close();
        await transport.dispose({ uid: '', name: 'none', namespace: 'default' }, signal());
        for (const owner of await transport.listOrphans(new Set(), signal())) await transport.dispose(owner, signal());
      } finally {
        execFileSync('umount', ['-l', disk]);
      }
      await sandboxes.close();
    },
  );
});
