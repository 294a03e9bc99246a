/** What becomes of commands when their Pod, or its container, goes away under them, on a real cluster: `make cluster-test`. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import { PODS } from '../../operator/sandbox/pod/objects.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import { type SandboxHandle, SandboxLostError, type SandboxSpec } from '../../operator/sandbox/transport.ts';
import { eventually, patience } from '../support/eventually.ts';
import { clusterForTests, TestPods } from './pods.ts';

const cluster = clusterForTests();
/** A node looks at the size of volumes about once a minute. */
const NODE_LOOKS_MS = 150_000;

(cluster ? describe : describe.skip)('a sandbox in a Pod', () => {
  let pods: TestPods;
  const opened: Sandbox[] = [];
  beforeAll(async () => {
    if (!cluster) throw new Error('there is no cluster');
    pods = await TestPods.open(cluster, { defaults: { image: 'ubuntu:22.04' } });
  });
  afterAll(async () => {
    await Promise.all(opened.map((sandbox) => sandbox.close()));
    await pods.close();
  });

  const open = async (spec: SandboxSpec = {}): Promise<{ handle: SandboxHandle; sandbox: Sandbox }> => {
    const handle = await pods.provision(spec);
    const sandbox = await openSandbox(handle, { epoch: 1 });
    opened.push(sandbox);
    return { handle, sandbox };
  };
  const start = async (sandbox: Sandbox, command: string, signal = patience()) => {
    const running = sandbox.run('op', { command: `echo x >>../runs; ${command}`, timeoutSeconds: 1000 }, { signal });
    running.catch(() => undefined);
    await eventually(
      'the command to run',
      async () => (await sandbox.download('runs', { maxBytes: 9, signal: patience() }))?.length,
    );
    // A promise is not returned as one: whoever awaits this would wait for the command.
    return { result: running };
  };
  const runs = async (sandbox: Sandbox): Promise<number> =>
    (await sandbox.download('runs', { maxBytes: 99, signal: patience() }))?.filter((byte) => byte === 10).length ?? 0;

  it('that is deleted by a person is lost at once, and the next one is another', async () => {
    const { handle, sandbox } = await open();
    const { result } = await start(sandbox, 'sleep 1000');
    await pods.client.delete(PODS, pods.namespace, handle.identity.name, {}, patience());
    const lost = await result.catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(SandboxLostError);
    expect(lost).toMatchObject({ message: expect.stringMatching(/deleted|gone/) });
    const again = await pods.transport().provision(pods.ownerOf(handle), {}, patience());
    expect(again.identity.uid).not.toBe(handle.identity.uid);
    await expect(handle.stat(handle.root, patience())).rejects.toThrow(SandboxLostError);
  });

  it('that is taken away without its node being asked is lost, too', async () => {
    const { handle, sandbox } = await open();
    const { result } = await start(sandbox, 'sleep 1000');
    await pods.client.delete(PODS, pods.namespace, handle.identity.name, { gracePeriodSeconds: 0 }, patience());
    await expect(result).rejects.toThrow(SandboxLostError);
  });

  it('that is evicted, because it wrote more than it may, is lost with that reason', async () => {
    const { handle, sandbox } = await open({ workspaceSize: '20Mi' });
    const { result } = await start(sandbox, 'head -c 60000000 /dev/zero >big; sleep 1000', AbortSignal.timeout(NODE_LOOKS_MS));
    const lost = await result.catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(SandboxLostError);
    const owner = pods.ownerOf(handle);
    const other = pods.transport();
    expect(await other.find(owner, {}, patience())).toBeUndefined();
    expect(lost).toMatchObject({ message: expect.stringMatching(/Evicted.*exceeds the limit "20Mi"/) });
    expect((await other.provision(owner, {}, patience())).identity.uid).not.toBe(handle.identity.uid);
  });

  it('whose memory runs out says so and goes on with its files; what ran is unknown, and is not run again', async () => {
    // With all that it asks for guaranteed, so that the node lets the kernel choose by the score below.
    const resources = { cpu: '200m', memory: '64Mi' };
    const spec = { resources: { requests: resources, limits: resources } };
    const { handle, sandbox } = await open(spec);
    await sandbox.upload('kept', Buffer.from('kept'), patience());
    // Of all processes the kernel is to take the first one, and with it the container.
    const { result } = await start(sandbox, 'echo 1000 >/proc/1/oom_score_adj; tail /dev/zero; sleep 1000');
    expect(await result).toMatchObject({ state: 'unknown' });
    expect(await runs(sandbox)).toBe(1);
    expect(await sandbox.run('op', { command: 'echo again', timeoutSeconds: 10 }, { signal: patience() })).toMatchObject({
      state: 'unknown',
    });
    expect((await sandbox.query('cat ../kept', { signal: patience() })).output).toBe('kept');
    expect(pods.notices).toContainEqual({
      reason: 'OOMKilled',
      message: expect.stringMatching(/OOMKilled, exit code 137; it needs more memory than its limit/),
    });
    expect((await pods.pod(handle))?.status?.containerStatuses?.[0]?.restartCount).toBe(1);
  });

  it('whose command takes too much memory ends that command alone', async () => {
    const { handle, sandbox } = await open({ resources: { limits: { memory: '64Mi' } } });
    const { result } = await start(sandbox, 'echo 1000 >/proc/self/oom_score_adj; exec tail /dev/zero');
    expect(await result).toMatchObject({ state: 'exited', exitCode: 137 });
    expect((await pods.pod(handle))?.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  it('whose container is restarted under the same name does not take it for the one of before', async () => {
    const { handle, sandbox } = await open();
    const { result } = await start(sandbox, 'kill 1; sleep 1000');
    expect(await result).toMatchObject({ state: 'unknown' });
    expect((await sandbox.query('echo here', { signal: patience() })).output).toBe('here\n');
    expect(await runs(sandbox)).toBe(1);
    expect((await pods.pod(handle))?.status?.containerStatuses?.[0]?.restartCount).toBe(1);
    expect(pods.notices).toContainEqual({ reason: 'ContainerEnded', message: expect.stringContaining('exit code 143') });
    const next = await openSandbox(await pods.findAgain(handle), { epoch: 2 });
    opened.push(next);
    expect(await next.state('op', patience())).toBe('unknown');
  });

  it('costs no exec more than its one link, however many commands and files', async () => {
    const { handle, sandbox } = await open();
    await sandbox.query('true', { signal: patience() });
    const links = async () =>
      Number(await pods.inPod(handle, "grep -lc 'IFS= read -r l' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"));
    const before = await links();
    for (let index = 0; index < 20; index++) {
      await sandbox.run(`op-${index}`, { command: 'true', timeoutSeconds: 60 }, { signal: patience() });
      await sandbox.upload(`file-${index}`, Buffer.alloc(1000), patience());
    }
    expect(before).toBeGreaterThan(0);
    // A try of the beginning that was not needed may have ended meanwhile; what a link does last may still be a process.
    await eventually('the links to be no more than before', async () => (await links()) <= before);
  });
});
