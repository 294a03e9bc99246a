import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeSandbox } from '../../../test/conformance/sandbox.ts';
import { patience as signal } from '../../../test/support/eventually.ts';
import { ProcessPods } from '../../../test/support/process-pods.ts';
import { openSandbox } from '../commands.ts';
import { PathError } from '../sandbox.ts';
import { SandboxLostError } from '../transport.ts';
import { PodHandle } from './handle.ts';

describeSandbox(
  'Pod (its protocol over processes)',
  () => {
    const pods = new ProcessPods();
    return {
      provision: (spec) => pods.provision(spec),
      findAgain: async (handle) => {
        if (!(handle instanceof PodHandle)) throw new Error('not a Pod');
        return pods.findAgain(handle);
      },
      close: () => pods.close(),
    };
  },
  { holds: false },
);

describe('the files of a Pod', () => {
  for (const [name, shell] of shells()) {
    describe(`through ${name}`, () => {
      let pods: ProcessPods;
      let handle: PodHandle;
      let bin: string | undefined;
      beforeAll(async () => {
        if (name === 'busybox alone') {
          // As in an image that has nothing else.
          bin = mkdtempSync(join(tmpdir(), 'busybox-'));
          const list = execFileSync('busybox', ['--list'], { encoding: 'utf8' });
          const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
          for (const applet of list.split('\n').filter(Boolean)) symlinkSync(busybox, join(bin, applet));
        }
        pods = new ProcessPods(shell, bin ?? process.env.PATH);
        handle = await pods.provision();
      });
      afterAll(async () => {
        await handle.close();
        await pods.close();
        if (bin) rmSync(bin, { recursive: true });
      });
      const read = (path: string, offset = 0, length = 1e9) =>
        handle.get(`${handle.root}/${path}`, { offset, length, signal: signal() }).then((bytes) => bytes && Buffer.from(bytes));
      const put = (path: string, bytes: Uint8Array, mode?: number) =>
        handle.put(`${handle.root}/${path}`, bytes, { signal: signal(), ...(mode !== undefined && { mode }) });

      it('are whatever bytes they are, of any length, read from any place', async () => {
        for (const size of [0, 1, 511, 65_536, 512 * 1024, 512 * 1024 + 1, 3_000_001]) {
          const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) % 256));
          await put('some/file', bytes);
          expect((await read('some/file'))?.equals(bytes)).toBe(true);
          for (const [offset, length] of [
            [size >> 1, 100],
            [Math.max(0, size - 70_000), 1e9],
            [size, 10],
            [size + 5, 10],
          ] as const) {
            expect((await read('some/file', offset, length))?.equals(bytes.subarray(offset, offset + length))).toBe(true);
          }
        }
      });

      it('have any name that a line can carry, and the mode that was asked for', async () => {
        for (const path of ['-rf', '*', 'it\'s "$x" `y`', 'a\nb', 'Ä 😀', '~', ' ']) {
          await put(path, Buffer.from(path), 0o4751);
          expect((await read(path))?.toString()).toBe(path);
          expect(await handle.stat(`${handle.root}/${path}`, signal())).toEqual({
            type: 'file',
            size: Buffer.byteLength(path),
            mode: 0o4751,
          });
        }
        await expect(put('a\x1fb', Buffer.from(''))).rejects.toThrow(PathError);
        await expect(put('../x', Buffer.from(''))).rejects.toThrow(PathError);
        await expect(put('a//b', Buffer.from(''))).rejects.toThrow(PathError);
      });

      it('are asked for side by side without being mixed up, over one exec', async () => {
        const before = pods.started;
        const many = Array.from({ length: 40 }, (_, index) => index);
        await Promise.all(many.map((index) => put(`many/${index}`, Buffer.alloc(index * 1000, index))));
        const got = await Promise.all(many.map((index) => read(`many/${index}`)));
        expect(got.every((bytes, index) => bytes?.equals(Buffer.alloc(index * 1000, index)))).toBe(true);
        expect(pods.started).toBe(before);
      });

      it('are put whole or not at all when the connection is lost, and are put again over a new one', async () => {
        const bytes = Buffer.alloc(20_000_000, 'new');
        await put('whole', Buffer.from('old'));
        const putting = put('whole', bytes);
        const reading = read('whole');
        pods.disconnect(handle);
        expect([3, bytes.length]).toContain((await reading)?.length);
        await putting;
        expect((await read('whole'))?.equals(bytes)).toBe(true);
      });
    });
  }
});

describe('the connection to a Pod', () => {
  let pods: ProcessPods;
  beforeAll(() => {
    pods = new ProcessPods();
  });
  afterAll(() => pods.close());

  it('costs one exec for a sandbox with all its commands and files', async () => {
    const handle = await pods.provision();
    const before = pods.started;
    const sandbox = await openSandbox(handle, { epoch: 1 });
    for (let i = 0; i < 5; i++) await sandbox.run(`op${i}`, { command: 'echo x', timeoutSeconds: 60 }, { signal: signal() });
    await sandbox.upload('file', Buffer.from('x'), signal());
    expect(pods.started - before).toBe(1);
    await sandbox.close();
  });

  it('that is still being made is waited for no longer than who waits wants it', async () => {
    const made = Promise.withResolvers<undefined>();
    const handle = new PodHandle({
      identity: { type: 'pod', name: 'p', uid: 'u' },
      isolation: { isolated: true, method: 'pod', message: '' },
      root: '/sandbox',
      container: () => Promise.reject(new SandboxLostError('there is no Pod')),
      stopped: () => false,
      first: made.promise,
    });
    const gone = new AbortController();
    const looking = handle.stat('/sandbox/file', gone.signal);
    gone.abort(new Error('the user cancelled'));
    await expect(looking).rejects.toThrow('the user cancelled');
    made.resolve(undefined);
    await handle.close();
  });

  it('that is lost ends no command: it is attached to again, and its output is whole', async () => {
    const handle = await pods.provision();
    const sandbox = await openSandbox(handle, { epoch: 1 });
    const command = 'echo x >>../runs; i=0; while ! [ -e go ]; do sleep 0.02; done; seq 1 1000; exit 5';
    const running = sandbox.run('op', { command, timeoutSeconds: 60 }, { signal: signal() });
    for (let i = 0; i < 3; i++) {
      while ((await sandbox.state('op', signal())) !== 'running');
      pods.disconnect(handle);
    }
    await sandbox.query('touch go', { signal: signal() });
    const result = await running;
    expect(result).toMatchObject({ state: 'exited', exitCode: 5 });
    expect(result.output.head).toBe(Array.from({ length: 1000 }, (_, index) => `${index + 1}\n`).join(''));
    expect(Buffer.from((await sandbox.download('runs', { maxBytes: 99, signal: signal() })) ?? []).toString()).toBe('x\n');
    await sandbox.close();
  });

  it('says that the Pod is gone when it is', async () => {
    const handle = await pods.provision();
    const sandbox = await openSandbox(handle, { epoch: 1 });
    const running = sandbox.run('op', { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
    const outcome = expect(running).rejects.toThrow(SandboxLostError);
    while ((await sandbox.state('op', signal())) !== 'running');
    await pods.delete(handle);
    await outcome;
    await expect(handle.stat(handle.root, signal())).rejects.toThrow(SandboxLostError);
    await expect(handle.open(signal())).rejects.toThrow(SandboxLostError);
  });
});

/** The shells of this machine that an image may have as /bin/sh. */
function shells(): [string, string[]][] {
  const all: [string, string[]][] = [
    ['/bin/sh', ['/bin/sh']],
    ['bash', ['bash', '--posix']],
    ['busybox alone', ['busybox', 'sh']],
  ];
  return all.filter(([name, [program = '']]) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`]);
      return true;
    } catch {
      console.warn(`not tested through ${name}: ${program} is not installed`);
      return false;
    }
  });
}
