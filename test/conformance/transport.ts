/** What every sandbox transport does, whatever it makes sandboxes from. */

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import {
  type SandboxHandle,
  SandboxLostError,
  type SandboxOwner,
  type SandboxTransport,
} from '../../operator/sandbox/transport.ts';
import { patience as signal } from '../support/eventually.ts';

export type TransportSubject = {
  /** A transport over the same world each time, as another operator would have it. */
  transport(): SandboxTransport;
  /** An owner that was not there before; the name is new unless one is given. */
  owner(name?: string): SandboxOwner;
  /** How many processes of a sandbox are running. */
  processCount(handle: SandboxHandle): number | Promise<number>;
  /** Disposes of everything; fails when something stays behind. */
  close(): Promise<void>;
};

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

export function describeTransport(name: string, make: () => TransportSubject | Promise<TransportSubject>): void {
  describe(`a ${name} transport`, () => {
    let subject: TransportSubject;
    let transport: SandboxTransport;
    const opened: Sandbox[] = [];

    beforeAll(async () => {
      subject = await make();
      transport = subject.transport();
    });
    afterAll(async () => {
      await Promise.all(opened.map((sandbox) => sandbox.close()));
      await subject.close();
    });

    const open = async (handle: SandboxHandle, epoch = 1): Promise<Sandbox> => {
      const sandbox = await openSandbox(handle, { epoch });
      opened.push(sandbox);
      return sandbox;
    };
    const shell = async (handle: SandboxHandle, command: string): Promise<string> => {
      const sandbox = await open(handle);
      const { output } = await sandbox.query(command, { signal: signal() });
      await sandbox.close();
      return output;
    };

    it('makes a sandbox once and finds it again', async () => {
      const owner = subject.owner();
      expect(await transport.find(owner, {}, signal())).toBeUndefined();
      const made = await transport.provision(owner, {}, signal());
      expect(made.identity.type).toBe(transport.type);
      expect((await transport.provision(owner, {}, signal())).identity).toEqual(made.identity);
      const found = await subject.transport().find(owner, {}, signal());
      expect(found?.identity).toEqual(made.identity);
      expect(found?.root).toBe(made.root);
    });

    it('gives two provisionings at the same time the same sandbox', async () => {
      const owner = subject.owner();
      const handles = await Promise.all([1, 2, 3].map(() => transport.provision(owner, {}, signal())));
      expect(new Set(handles.map(({ identity }) => identity.uid)).size).toBe(1);
    });

    it('lets a name that is used again inherit nothing', async () => {
      const before = subject.owner();
      const old = await transport.provision(before, {}, signal());
      await old.put(`${old.root}/repo/secret`, Buffer.from('x'), { signal: signal() });
      await shell(old, 'sleep 1000 >/dev/null 2>&1 &');
      const after = subject.owner(before.name);
      expect(await transport.find(after, {}, signal())).toBeUndefined();
      const made = await transport.provision(after, {}, signal());
      expect(made.identity.uid).not.toBe(old.identity.uid);
      expect(await made.get(`${made.root}/repo/secret`, { offset: 0, length: 10, signal: signal() })).toBeUndefined();
      expect(await subject.processCount(old)).toBe(0);
      await transport.dispose(before, signal());
      expect((await transport.find(after, {}, signal()))?.identity).toEqual(made.identity);
    });

    it('writes files with their parents, replaces them whole, and reads ranges of them', async () => {
      const handle = await transport.provision(subject.owner(), {}, signal());
      const path = `${handle.root}/in/a folder/Ä.bin`;
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
      await handle.put(path, bytes, { mode: 0o750, signal: signal() });
      await handle.put(path, bytes, { mode: 0o750, signal: signal() });
      expect(await handle.stat(path, signal())).toEqual({ type: 'file', size: bytes.length, mode: 0o750 });
      const range = { offset: 299_990, length: 100, signal: signal() };
      expect(bytes.subarray(299_990).equals((await handle.get(path, range)) ?? Buffer.alloc(0))).toBe(true);
      expect(bytes.equals((await handle.get(path, { offset: 0, length: 1e9, signal: signal() })) ?? Buffer.alloc(0))).toBe(true);
      expect((await handle.stat(`${handle.root}/in`, signal()))?.type).toBe('directory');
      expect(await shell(handle, `ls -A '${handle.root}/in/a folder'; cat '${path}' | wc -c`)).toBe(
        `Ä.bin\n${' '.repeat(0)}300000\n`,
      );
      await handle.put(path, Buffer.from('short'), { signal: signal() });
      expect(text(await handle.get(path, { offset: 1, length: 3, signal: signal() }))).toBe('hor');
    });

    it('says that what is not there is not there', async () => {
      const handle = await transport.provision(subject.owner(), {}, signal());
      expect(await handle.stat(`${handle.root}/nothing/here`, signal())).toBeUndefined();
      expect(await handle.get(`${handle.root}/nothing`, { offset: 0, length: 9, signal: signal() })).toBeUndefined();
    });

    it('follows no symbolic link out of the sandbox, whichever part of the path it is', async () => {
      const handle = await transport.provision(subject.owner(), {}, signal());
      await shell(handle, 'ln -s /etc folder; ln -s /etc/passwd file; ln -s folder/passwd twice; ln -s loop loop');
      for (const path of ['folder/passwd', 'file', 'twice', 'loop']) {
        const read = handle.get(`${handle.root}/repo/${path}`, { offset: 0, length: 100, signal: signal() });
        expect(await read.then(text, () => 'refused')).not.toMatch(/root:/);
        await handle
          .put(`${handle.root}/repo/folder/swe-agent-${path.replace('/', '-')}`, Buffer.from('x'), { signal: signal() })
          .catch(() => {});
      }
      expect(await shell(handle, 'ls /etc | grep swe-agent; echo $?')).toBe('1\n');
      await handle.put(`${handle.root}/repo/file`, Buffer.from('mine'), { signal: signal() });
      expect(await shell(handle, 'cat file; grep -c root: /etc/passwd')).toBe('mine1\n');
    });

    it('does not wait for a FIFO and takes it for no file', async () => {
      const handle = await transport.provision(subject.owner(), {}, signal());
      await shell(handle, 'mkfifo pipe; mkdir folder');
      expect((await handle.stat(`${handle.root}/repo/pipe`, signal()))?.type).toBe('other');
      expect(await handle.get(`${handle.root}/repo/pipe`, { offset: 0, length: 9, signal: signal() })).toBeUndefined();
      await expect(handle.put(`${handle.root}/repo/folder`, Buffer.from('x'), { signal: signal() })).rejects.toThrow();
    });

    it('ends every process when it disposes of a sandbox, also one that left its group, and removes all files', async () => {
      const owner = subject.owner();
      const handle = await transport.provision(owner, {}, signal());
      await shell(
        handle,
        '(setsid sleep 1000 || sleep 1000) >/dev/null 2>&1 & mkdir -p a/b; touch a/b/c; chmod 555 a/b a; sleep 1001 &',
      );
      expect(await subject.processCount(handle)).toBeGreaterThan(1);
      await transport.dispose(owner, signal());
      expect(await subject.processCount(handle)).toBe(0);
      expect(await transport.find(owner, {}, signal())).toBeUndefined();
      await transport.dispose(owner, signal());
      await expect(handle.open(signal())).rejects.toThrow(SandboxLostError);
    });

    it('tells a waiting command that its sandbox was disposed of', async () => {
      const owner = subject.owner();
      const sandbox = await open(await transport.provision(owner, {}, signal()));
      const running = sandbox.run('waits', { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
      const outcome = expect(running).rejects.toThrow(SandboxLostError);
      await sandbox.attach('other', { command: '', timeoutSeconds: 1 }, { signal: signal() });
      await transport.dispose(owner, signal());
      await outcome;
    });

    it('is another sandbox after it was disposed of: old operations mean nothing in it', async () => {
      const owner = subject.owner();
      const first = await transport.provision(owner, {}, signal());
      const before = await open(first);
      await before.run('op', { command: 'true', timeoutSeconds: 60 }, { signal: signal() });
      await before.close();
      await transport.dispose(owner, signal());
      const second = await transport.provision(owner, {}, signal());
      expect(second.identity.uid).not.toBe(first.identity.uid);
      expect(await (await open(second)).state('op', signal())).toBe('absent');
    });

    it('ends the processes when it is quiesced, and keeps the files', async () => {
      const owner = subject.owner();
      const sandbox = await open(await transport.provision(owner, {}, signal()));
      const polite = sandbox.run('polite', { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
      const stubborn = sandbox.run(
        'stubborn',
        { command: "trap '' TERM; sleep 1000; sleep 1000", timeoutSeconds: 1000 },
        { signal: signal() },
      );
      stubborn.catch(() => {});
      for (const op of ['polite', 'stubborn']) {
        while ((await sandbox.state(op, signal())) !== 'running');
      }
      await sandbox.upload('kept', Buffer.from('kept'), signal());
      await transport.quiesce(owner, signal());
      expect(await polite).toMatchObject({ state: 'exited', endedBy: 'cancel' });
      await sandbox.close();
      const handle = await subject.transport().find(owner, {}, signal());
      if (!handle) throw new Error('the sandbox is gone');
      expect(await subject.processCount(handle)).toBe(0);
      const again = await open(handle, 2);
      expect(text(await again.download('kept', { maxBytes: 10, signal: signal() }))).toBe('kept');
      for (const op of ['polite', 'stubborn']) {
        const result = await again.attach(op, { command: '', timeoutSeconds: 60 }, { signal: signal() });
        expect(result).toMatchObject({ state: 'exited', endedBy: 'cancel' });
      }
    });

    it('lists the sandboxes whose session is not known any more', async () => {
      const [known, orphan] = [subject.owner(), subject.owner()];
      for (const owner of [known, orphan]) await transport.provision(owner, {}, signal());
      const orphans = await subject.transport().listOrphans(new Set([known.uid]), signal());
      expect(orphans).toContainEqual(orphan);
      expect(orphans.map(({ uid }) => uid)).not.toContain(known.uid);
    });
  });
}
