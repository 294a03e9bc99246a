import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HttpError } from '../../../test/support/daytona/http.ts';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';
import { eventually, patience as signal } from '../../../test/support/eventually.ts';
import { type SandboxHandle, SandboxLostError } from '../transport.ts';
import type { DaytonaTransport } from './transport.ts';

describe('a Daytona sandbox', () => {
  let sandboxes: DaytonaSandboxes;
  beforeAll(async () => {
    sandboxes = await DaytonaSandboxes.start();
  });
  afterAll(() => sandboxes.close());

  const open = (handle: SandboxHandle) => sandboxes.open(handle);
  const atDaytona = (handle: SandboxHandle) => sandboxes.server.control.find(handle.identity.uid);

  it('is made as the session says, found by its name, and stops and goes by itself when nobody uses it', async () => {
    const owner = sandboxes.owner();
    const handle = await sandboxes.transport().provision(
      owner,
      {
        image: 'python:3.12-slim',
        resources: { limits: { cpu: '1500m', memory: '3Gi' } },
        workspaceSize: '10Gi',
        daytona: { target: 'eu', networkAllowList: '10.0.0.0/8', networkBlockAll: false },
      },
      signal(),
    );
    const { dto, created } = atDaytona(handle);
    expect(created.buildInfo).toEqual({ dockerfileContent: 'FROM python:3.12-slim\n' });
    expect(dto).toMatchObject({ target: 'eu', networkAllowList: '10.0.0.0/8', cpu: 2, memory: 3, disk: 10, public: false });
    expect(dto.labels).toMatchObject({
      'sweagent.dev/session-uid': owner.uid,
      'sweagent.dev/session-name': owner.name,
      'sweagent.dev/session-namespace': 'default',
    });
    expect((dto.autoStopInterval ?? 0) + (dto.autoDeleteInterval ?? -1)).toBeLessThanOrEqual(120);
    expect(dto.autoDeleteInterval).toBeGreaterThan(0);
  });

  it('is said to be in use as long as somebody is connected, although nothing happens in it', async () => {
    const { server } = sandboxes;
    const handle = await sandboxes.transport({ aliveMs: 20 }).provision(sandboxes.owner(), {}, signal());
    const sandbox = await open(handle);
    const before = server.timesAsked('updateLastActivity');
    await eventually('the service to hear of it again and again', () => server.timesAsked('updateLastActivity') > before + 2);
    await sandbox.close();
    expect(atDaytona(handle).dto.state).toBe('started');
  });

  it('is found among those whose session is gone, however many pages there are of them', async () => {
    const { server } = sandboxes;
    const transport = sandboxes.transport({ installation: 'crowded' });
    const owners = ['one', 'two', 'three', 'four', 'five'].map((name) => sandboxes.owner(name));
    for (const owner of owners) await transport.provision(owner, {}, signal());
    const asked = server.timesAsked('listSandboxes');
    server.control.pageSize = 2;
    try {
      const [known, ...gone] = owners.map(({ uid }) => uid);
      const orphans = await transport.listOrphans(new Set([known ?? '']), signal());
      expect(orphans.map(({ uid }) => uid).toSorted()).toEqual(gone.toSorted());
      expect(server.timesAsked('listSandboxes')).toBe(asked + 3);
    } finally {
      server.control.pageSize = 100;
    }
  });

  it('comes from a snapshot when one is named, and is deleted with its end when it is ephemeral', async () => {
    const handle = await sandboxes.provision({ daytona: { snapshot: 'mine', ephemeral: true, networkBlockAll: true } });
    expect(atDaytona(handle).dto).toMatchObject({ snapshot: 'mine', autoDeleteInterval: 0, networkBlockAll: true });
    expect(atDaytona(handle).created.buildInfo).toBeUndefined();
  });

  it('is made once although the answer of the request that made it was lost', async () => {
    const { server } = sandboxes;
    const before = server.control.made;
    server.next('createSandbox', { kind: 'lost' });
    const asked = server.timesAsked('createSandbox');
    const owner = sandboxes.owner();
    const handle = await sandboxes.transport().provision(owner, {}, signal());
    expect(server.timesAsked('createSandbox')).toBe(asked + 1);
    expect(server.control.made).toBe(before + 1);
    expect(atDaytona(handle).dto.labels['sweagent.dev/session-uid']).toBe(owner.uid);
  });

  it('waits as long as it is asked to when there were too many requests', async () => {
    const { server } = sandboxes;
    const tooMany = new HttpError(429, 'ThrottlerException: Too Many Requests', { 'retry-after': '1' });
    server.next('createSandbox', { kind: 'error', error: tooMany });
    const began = Date.now();
    await sandboxes.provision();
    // A timer may be early by a millisecond.
    expect(Date.now() - began).toBeGreaterThanOrEqual(999);
  });

  it('is not waited for in silence when it takes long until more requests are taken: that is told, with the time', async () => {
    const { server } = sandboxes;
    const transport = sandboxes.transport();
    const owner = sandboxes.owner();
    const limits = { 'retry-after-authenticated': '45', 'retry-after-sandbox-create': '2' };
    const tooMany = new HttpError(429, 'ThrottlerException: Too Many Requests', limits);
    const told = async (work: () => Promise<unknown>): Promise<void> => {
      const began = Date.now();
      const error = await work().catch((thrown: unknown) => thrown);
      const time = /limits how many requests it takes, and is asked again at (\S+)$/.exec(String(error))?.[1] ?? '';
      expect(error).toMatchObject({ reason: 'DaytonaRateLimited', permanent: false, retryAt: Date.parse(time) });
      expect(Date.parse(time)).toBeGreaterThanOrEqual(began + 45_000);
      expect(Date.parse(time)).toBeLessThanOrEqual(Date.now() + 46_000);
    };
    for (const operation of ['getSandbox', 'createSandbox', 'getUserHomeDir'] as const) {
      server.next(operation, { kind: 'error', error: tooMany });
      await told(() => transport.provision(owner, {}, signal()));
    }
    const handle = await transport.provision(owner, {}, signal());
    const looked = server.timesAsked('getSandbox');
    for (const operation of ['createSession', 'sessionExecuteCommand'] as const) {
      server.next(operation, { kind: 'error', error: tooMany });
      await told(() => handle.open(signal()));
    }
    server.next('executeCommand', { kind: 'error', error: tooMany });
    await told(() => handle.stat(`${handle.root}/repo`, signal()));
    // Nothing else is asked meanwhile.
    expect(server.timesAsked('getSandbox')).toBe(looked);
  });

  for (const [what, spec, quota, expected] of [
    ['a region', { daytona: { target: 'nowhere' } }, 100, { reason: 'DaytonaRefused', permanent: true }],
    ['an image', { image: 'missing/image:1' }, 100, { reason: 'ImageUnavailable', permanent: true }],
    ['room in the quota', {}, 0, { reason: 'DaytonaQuotaExceeded', permanent: false }],
  ] as const) {
    it(`says what is wrong when there is no ${what.replace(/^an? /, '')}`, async () => {
      const { control } = sandboxes.server;
      control.quota = quota;
      try {
        await expect(sandboxes.provision(spec)).rejects.toMatchObject(expected);
      } finally {
        control.quota = 100;
      }
    });
  }

  it('names the setting when the key is no longer accepted, and never the key', async () => {
    const { server } = sandboxes;
    const handle = await sandboxes.provision();
    const key = server.apiKey;
    server.apiKey = 'dtn_another';
    try {
      const failed = await handle.stat(`${handle.root}/repo`, signal()).catch((error: unknown) => error);
      expect(failed).toMatchObject({ reason: 'DaytonaUnauthorized', message: expect.stringContaining('DAYTONA_API_KEY') });
      expect(String(failed)).not.toContain(key);
    } finally {
      server.apiKey = key;
    }
    expect(await handle.stat(`${handle.root}/nothing`, signal())).toBeUndefined();
  });

  for (const [what, status, type, body] of [
    ['has no such path', 404, 'application/json', '{"statusCode":404,"message":"Cannot GET"}'],
    ['has a page for what it does not have', 404, 'text/html', '<h1>Not found</h1>'],
    ['has a page for everything', 200, 'text/html', '<!doctype html><title>Dashboard</title>'],
    ['answers something else', 200, 'application/json', '{"ok":true}'],
  ] as const) {
    it(`names both addresses, whatever is to be done, when one answers that ${what}`, async () => {
      const other = createServer((_, response) => response.writeHead(status, { 'content-type': type }).end(body));
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      try {
        const address = other.address();
        const apiUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/elsewhere`;
        const owner = sandboxes.owner();
        for (const act of [
          (transport: DaytonaTransport) => transport.provision(owner, {}, signal()),
          (transport: DaytonaTransport) => transport.find(owner, {}, signal()),
          (transport: DaytonaTransport) => transport.dispose(owner, signal()),
          (transport: DaytonaTransport) => transport.quiesce(owner, signal()),
          (transport: DaytonaTransport) => transport.listOrphans(new Set(), signal()),
        ]) {
          await expect(act(sandboxes.transport({ apiUrl }))).rejects.toMatchObject({
            reason: 'DaytonaAddressWrong',
            message: expect.stringMatching(/elsewhere.*DAYTONA_SERVER_URL.*https:\/\/app\.daytona\.io\/api/),
          });
        }
      } finally {
        other.closeAllConnections();
        await new Promise((resolve) => other.close(resolve));
      }
    });
  }

  it('names the setting when nothing answers', async () => {
    // Nobody listens there.
    const nobody = sandboxes.transport({ apiUrl: 'http://127.0.0.1:1/api' });
    await expect(nobody.dispose(sandboxes.owner(), signal())).rejects.toMatchObject({
      reason: 'DaytonaUnreachable',
      permanent: false,
      message: expect.stringContaining('http://127.0.0.1:1/api'),
    });
  });

  it('is spoken to by asking again and again where WebSockets are refused', async () => {
    const { server } = sandboxes;
    server.refusesWebSockets = true;
    try {
      const sandbox = await open(await sandboxes.provision());
      const [follows, polls] = [server.timesAsked('follow'), server.timesAsked('getSessionCommandLogs')];
      const result = await sandbox.run('op', { command: 'echo one; exit 3', timeoutSeconds: 60 }, { signal: signal() });
      expect(result).toMatchObject({ state: 'exited', exitCode: 3, output: { head: 'one\n' } });
      expect(server.timesAsked('getSessionCommandLogs')).toBeGreaterThan(polls);
      expect(server.timesAsked('follow')).toBe(follows);
    } finally {
      server.refusesWebSockets = false;
    }
  });

  for (const how of ['stop', 'archive'] as const) {
    it(`is started again with its files after a ${how} from outside, and what ran is never a success`, async () => {
      const handle = await sandboxes.provision();
      const sandbox = await open(handle);
      await sandbox.upload('kept', Buffer.from('kept'), signal());
      const running = sandbox.run('op', { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
      await eventually('the command to run', async () => (await sandbox.state('op', signal())) === 'running');
      await sandboxes.server.control[how](atDaytona(handle));
      expect(await running).toMatchObject({ state: 'unknown' });
      expect(Buffer.from((await sandbox.download('kept', { maxBytes: 10, signal: signal() })) ?? []).toString()).toBe('kept');
      const again = await sandbox.run('next', { command: 'echo again', timeoutSeconds: 60 }, { signal: signal() });
      expect(again).toMatchObject({ state: 'exited', exitCode: 0 });
    });
  }

  it('is lost after it was deleted from outside, and made anew for its session', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const handle = await transport.provision(owner, {}, signal());
    const sandbox = await open(handle);
    const running = sandbox.run('op', { command: 'sleep 1000', timeoutSeconds: 1000 }, { signal: signal() });
    const lost = expect(running).rejects.toThrow(SandboxLostError);
    await sandboxes.server.control.delete(atDaytona(handle));
    await lost;
    expect(await transport.find(owner, {}, signal())).toBeUndefined();
    expect((await transport.provision(owner, {}, signal())).identity.uid).not.toBe(handle.identity.uid);
  });

  it('is started when it was just about to stop', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const handle = await transport.provision(owner, {}, signal());
    const stopping = sandboxes.server.control.stop(atDaytona(handle));
    const again = await transport.provision(owner, {}, signal());
    await stopping;
    expect(again.identity).toEqual(handle.identity);
    expect((await (await open(again)).query('echo here', { signal: signal() })).output).toBe('here\n');
  });

  for (const [when, operation] of [
    ['its home directory is asked for', 'getUserHomeDir'],
    ['it is looked into for tools', 'executeCommand'],
  ] as const) {
    it(`is started again when it stops by itself while ${when}`, async () => {
      const { server } = sandboxes;
      const owner = sandboxes.owner();
      const transport = sandboxes.transport({ toolbox: server.folder });
      const first = await transport.provision(owner, {}, signal());
      const sandbox = atDaytona(first);
      let stopped: Promise<void> | undefined;
      server.next(operation, {
        kind: 'before',
        happens: () => {
          stopped = server.control.stop(sandbox);
        },
      });
      const again = await transport.provision(owner, {}, signal());
      expect(stopped).toBeDefined();
      expect(again.identity).toEqual(first.identity);
      expect(await again.stat(`${again.root}/nothing`, signal())).toBeUndefined();
    });
  }

  it('is left alone when it is to be quiesced and stops by itself meanwhile', async () => {
    const { server } = sandboxes;
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const sandbox = atDaytona(await transport.provision(owner, {}, signal()));
    server.next('executeCommand', { kind: 'before', happens: () => void server.control.stop(sandbox) });
    await transport.quiesce(owner, signal());
    await sandbox.moving;
    expect(sandbox.dto.state).toBe('stopped');
  });

  it('is replaced when it failed', async () => {
    const owner = sandboxes.owner();
    const transport = sandboxes.transport();
    const handle = await transport.provision(owner, {}, signal());
    sandboxes.server.control.fail(atDaytona(handle), 'the runner went away');
    const message = expect.stringContaining('failed (error): the runner went away');
    await expect(handle.open(signal())).rejects.toMatchObject({ name: 'SandboxLostError', message });
    expect((await transport.provision(owner, {}, signal())).identity.uid).not.toBe(handle.identity.uid);
  });

  it('takes and gives large files as they are', async () => {
    const handle = await sandboxes.provision();
    const bytes = Buffer.from(Array.from({ length: 5_000_001 }, (_, index) => (index * 7 + (index >> 8)) % 256));
    await handle.put(`${handle.root}/large`, bytes, { mode: 0o640, signal: signal() });
    expect(await handle.stat(`${handle.root}/large`, signal())).toEqual({ type: 'file', size: bytes.length, mode: 0o640 });
    const read = await handle.get(`${handle.root}/large`, { offset: 0, length: 1e9, signal: signal() });
    expect(bytes.equals(Buffer.from(read ?? []))).toBe(true);
  });
});
