/** What stands between the operator and a sandbox: proxies, time limits, lost and silent connections. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HttpError } from '../../../test/support/daytona/http.ts';
import type { Operation } from '../../../test/support/daytona/routes.ts';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';
import { eventually, patience as signal } from '../../../test/support/eventually.ts';
import type { Sandbox } from '../sandbox.ts';
import type { SandboxHandle } from '../transport.ts';
import type { DaytonaTransportOptions } from './transport.ts';

describe('the connection to a Daytona sandbox', () => {
  let sandboxes: DaytonaSandboxes;
  beforeAll(async () => {
    sandboxes = await DaytonaSandboxes.start();
  });
  afterAll(() => sandboxes.close());

  const open = (handle: SandboxHandle) => sandboxes.open(handle);
  const made = async (options: Partial<DaytonaTransportOptions> = {}): Promise<Sandbox> =>
    open(await sandboxes.transport(options).provision(sandboxes.owner(), {}, signal()));
  const contentOf = async (sandbox: Sandbox, name: string): Promise<string> =>
    Buffer.from((await sandbox.download(name, { maxBytes: 100, signal: signal() })) ?? []).toString();

  /** A command that counts its runs and goes on until it is let go. */
  async function counting(sandbox: Sandbox) {
    const command = 'echo x >>"$HOME/../runs"; until [ -e "$HOME/../go" ]; do sleep 0.02; done; echo done';
    const running = sandbox.run('op', { command, timeoutSeconds: 60 }, { signal: signal() });
    // Awaited by the test; until then it may fail.
    running.catch(() => undefined);
    await eventually('the command to run', async () => (await sandbox.state('op', signal())) === 'running');
    return { running, letGo: () => sandbox.upload('go', Buffer.from(''), signal()) };
  }

  for (const [what, operation] of [
    ['looks for it', 'getSandbox'],
    ['asks for its home directory', 'getUserHomeDir'],
    ['opens a session', 'createSession'],
    ['says something', 'sendInput'],
  ] as const satisfies readonly (readonly [string, Operation])[]) {
    it(`is given up and made again when the request that ${what} is never answered`, async () => {
      const { server } = sandboxes;
      const asked = server.timesAsked(operation);
      server.next(operation, { kind: 'silent' });
      const sandbox = await made({ requestMs: 1000 });
      expect((await sandbox.query('echo here', { signal: signal() })).output).toBe('here\n');
      expect(server.timesAsked(operation)).toBeGreaterThan(asked + 1);
    });
  }

  it('is found to be dead when nothing is answered over it any more, and the command that runs is waited for over another', async () => {
    const { server } = sandboxes;
    const sandbox = await made({ silenceMs: { first: 20_000, next: 200 } });
    const { running, letGo } = await counting(sandbox);
    const [follows, sessions] = [server.timesAsked('follow'), server.timesAsked('createSession')];
    server.muteWebSockets();
    await letGo();
    expect(await running).toMatchObject({ state: 'exited', exitCode: 0, output: { head: 'done\n' } });
    expect(await contentOf(sandbox, 'runs')).toBe('x\n');
    expect(server.timesAsked('follow')).toBeGreaterThan(follows);
    // The conversation itself went on.
    expect(server.timesAsked('createSession')).toBe(sessions);
  });

  it('has no request wait for the end of a command, and may be cut again and again: it runs once', async () => {
    const { server } = sandboxes;
    const sandbox = await made();
    const { running, letGo } = await counting(sandbox);
    for (let cut = 0; cut < 3; cut++) {
      // Something was heard over it.
      expect((await sandbox.query('echo here', { signal: signal() })).output).toBe('here\n');
      const follows = server.timesAsked('follow');
      server.cutWebSockets();
      await eventually('the log to be followed again', () => server.timesAsked('follow') > follows);
      // A proxy ends what takes too long.
      for (const operation of ['executeCommand', 'sessionExecuteCommand'] as const)
        await eventually(`no ${operation} to be under way`, () => server.underWay(operation) === 0);
    }
    await letGo();
    expect(await running).toMatchObject({ state: 'exited', exitCode: 0, output: { head: 'done\n' } });
    expect(await contentOf(sandbox, 'runs')).toBe('x\n');
  });

  it('waits as long as it is asked to when there were too many requests, also for what a command is told', async () => {
    const { server } = sandboxes;
    const sandbox = await made();
    const tooMany = new HttpError(429, 'ThrottlerException: Too Many Requests', { 'retry-after': '1' });
    for (const operation of ['sendInput', 'executeCommand'] as const) {
      server.next(operation, { kind: 'error', error: tooMany });
      const began = Date.now();
      if (operation === 'sendInput') expect((await sandbox.query('echo here', { signal: signal() })).output).toBe('here\n');
      else expect(await contentOf(sandbox, 'nothing')).toBe('');
      // A timer may be early by a millisecond.
      expect(Date.now() - began).toBeGreaterThanOrEqual(999);
    }
  });

  it('ends with the key, says so, and with a key that is accepted again goes on with the command, which ran once', async () => {
    const { server } = sandboxes;
    const handle = await sandboxes.provision();
    const sandbox = await open(handle);
    const { running, letGo } = await counting(sandbox);
    const key = server.apiKey;
    server.apiKey = 'dtn_another';
    try {
      server.cutWebSockets();
      const failed = await running.catch((error: unknown) => error);
      expect(failed).toMatchObject({ reason: 'DaytonaUnauthorized', permanent: false });
      expect(String(failed)).not.toContain(key);
    } finally {
      server.apiKey = key;
    }
    const attached = sandbox.attach('op', { command: '', timeoutSeconds: 60 }, { signal: signal() });
    await letGo();
    expect(await attached).toMatchObject({ state: 'exited', exitCode: 0, output: { head: 'done\n' } });
    expect(await contentOf(sandbox, 'runs')).toBe('x\n');
  });

  it('carries heredocs, also where the shell of a session gets commands as they are, and hangs on those', async () => {
    const handle = await sandboxes.provision();
    sandboxes.server.control.find(handle.identity.uid).toolbox.sessions.inlines = true;
    const sandbox = await open(handle);
    const command = "cat <<'END'\nit's $HOME\nEND";
    const result = await sandbox.run('op', { command, timeoutSeconds: 60 }, { signal: signal() });
    expect(result).toMatchObject({ state: 'exited', exitCode: 0, output: { head: "it's $HOME\n" } });
  });

  it('is made anew in the middle of an upload, which arrives whole', async () => {
    const handle = await sandboxes.provision();
    const bytes = Buffer.from(Array.from({ length: 2_000_001 }, (_, index) => (index * 7 + (index >> 8)) % 256));
    const uploads = sandboxes.server.timesAsked('uploadFiles');
    sandboxes.server.next('uploadFiles', { kind: 'lost' });
    await handle.put(`${handle.root}/large`, bytes, { signal: signal() });
    expect(sandboxes.server.timesAsked('uploadFiles')).toBe(uploads + 2);
    const read = await handle.get(`${handle.root}/large`, { offset: 0, length: 1e9, signal: signal() });
    expect(bytes.equals(Buffer.from(read ?? []))).toBe(true);
  });

  it('tells of a full disk when the sandbox cannot keep what is uploaded', async () => {
    const handle = await sandboxes.provision();
    const full = new HttpError(500, 'write /home/daytona/large: no space left on device');
    for (let attempt = 0; attempt < 10; attempt++) sandboxes.server.next('uploadFiles', { kind: 'error', error: full });
    const put = handle.put(`${handle.root}/large`, Buffer.alloc(100_000), { signal: signal() });
    await expect(put).rejects.toMatchObject({ reason: 'StorageFull' });
  });
});
