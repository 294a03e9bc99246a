/**
 * Commands that go on while the API server or the kubelet is away. Whatever else uses the cluster at that moment is disturbed,
 * so this file runs alone: CLUSTER_TESTS=true CLUSTER_FAULTS=true sh scripts/jest test/cluster/pod-daemons.test.ts
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import { SandboxUnavailableError } from '../../operator/sandbox/transport.ts';
import { eventually, patience } from '../support/eventually.ts';
import { processesNaming } from '../support/local-sandboxes.ts';
import type { DaemonName, Daemons } from './cluster.ts';
import { clusterForTests, TestPods } from './pods.ts';

const cluster = clusterForTests();
const daemons = process.env.CLUSTER_FAULTS === 'true' ? cluster?.daemons : undefined;
if (cluster && !daemons)
  console.warn('faults of the cluster itself are not tested: CLUSTER_FAULTS is not "true", or the cluster is not a built one');
/** A daemon on a busy machine needs its time, and what went wrong meanwhile is tried again with growing pauses. */
const LONG_MS = 170_000;
const long = (): AbortSignal => AbortSignal.timeout(LONG_MS);

(daemons ? describe : describe.skip)('a command in a Pod', () => {
  let pods: TestPods;
  let faults: Daemons;
  let away: DaemonName | undefined;
  const opened: Sandbox[] = [];
  beforeAll(async () => {
    if (!cluster || !daemons) throw new Error('there is no cluster whose daemons may be stopped');
    faults = daemons;
    pods = await TestPods.open(cluster, { defaults: { image: 'ubuntu:22.04' } });
  });
  afterAll(async () => {
    if (away) await faults.start(away);
    await Promise.all(opened.map((sandbox) => sandbox.close()));
    await pods.close();
  });

  const open = async (): Promise<Sandbox> => {
    const sandbox = await openSandbox(await pods.provision(), { epoch: 1 });
    opened.push(sandbox);
    return sandbox;
  };
  const stop = async (name: DaemonName): Promise<void> => {
    away = name;
    await faults.kill(name);
  };
  const start = async (name: DaemonName): Promise<void> => {
    await faults.start(name);
    away = undefined;
  };
  const counted = (rest: string) => ({ command: `echo x >>../runs; ${rest}`, timeoutSeconds: 1000 });
  const begun = (sandbox: Sandbox) => eventually('the command to run', () => sandbox.stat('begun', patience()));
  const runs = async (sandbox: Sandbox): Promise<string> => (await sandbox.query('cat ../runs', { signal: long() })).output;
  /** As the engine does it: what may pass is tried again. */
  const persistently = <T>(work: () => Promise<T>): Promise<T> => {
    const end = long();
    const once = async (): Promise<T> =>
      work().catch((error: unknown) => {
        if (!(error instanceof SandboxUnavailableError) || error.permanent || end.aborted) throw error;
        return once();
      });
    return once();
  };

  for (const daemon of ['kubelet', 'apiserver'] as const) {
    it(`outlives a restart of the ${daemon}: it is attached to again, its output is whole, and it ran once`, async () => {
      const sandbox = await open();
      const command = 'touch begun; n=0; while ! [ -e go ]; do n=$((n + 1)); echo $n; sleep 0.1; done; echo end; exit 7';
      const spec = counted(command);
      const running = persistently(() => sandbox.run('op', spec, { signal: long(), keepBytes: 1_000_000 }));
      running.catch(() => undefined);
      await begun(sandbox);
      await stop(daemon);
      await start(daemon);
      await persistently(() => sandbox.query('touch go', { signal: long() }));
      const result = await running;
      expect(result).toMatchObject({ state: 'exited', exitCode: 7 });
      const lines = result.output.head.trimEnd().split('\n');
      expect(lines.at(-1)).toBe('end');
      expect(lines.slice(0, -1)).toEqual(Array.from({ length: lines.length - 1 }, (_, index) => String(index + 1)));
      expect(await runs(sandbox)).toBe('x\n');
    });

    it(`that ends while the ${daemon} is away has its exit status all the same, and ran once`, async () => {
      const sandbox = await open();
      const spec = counted('touch begun; sleep 3; echo late; exit 8');
      const running = persistently(() => sandbox.run('op', spec, { signal: long() }));
      running.catch(() => undefined);
      await begun(sandbox);
      await stop(daemon);
      // The cluster cannot be asked now, but its processes are this machine's.
      const left = () => processesNaming(sandbox.identity.uid).filter((line) => line.includes(' sleep 3 '));
      await eventually('the command to end', () => left().length === 0);
      await start(daemon);
      expect(await running).toMatchObject({ state: 'exited', exitCode: 8, output: { head: 'late\n' } });
      expect(await runs(sandbox)).toBe('x\n');
    });
  }

  it('cannot be started while the API server is away, which is said, and passes', async () => {
    const sandbox = await open();
    await stop('apiserver');
    const error = await pods
      .transport()
      .provision(pods.owner(), {}, long())
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SandboxUnavailableError);
    expect(error).toMatchObject({ reason: 'ClusterUnreachable', permanent: false });
    const started = await sandbox.run('op', counted('exit 3'), { signal: long() }).catch((thrown: unknown) => thrown);
    expect(started).toMatchObject({ reason: expect.stringMatching(/^(ClusterUnreachable|ConnectionLost)$/), permanent: false });
    await start('apiserver');
    expect(await persistently(() => sandbox.run('op', counted('exit 3'), { signal: long() }))).toMatchObject({ exitCode: 3 });
    expect(await runs(sandbox)).toBe('x\n');
  });
});
