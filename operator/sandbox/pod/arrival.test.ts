import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, patience } from '../../../test/support/eventually.ts';
import { KeepingLogger } from '../../../test/support/keeping-logger.ts';
import { ProcessPods } from '../../../test/support/process-pods.ts';
import { type KubeClient, KubeError, type KubeList, type WatchEvent } from '../../kube/client.ts';
import { openSandbox } from '../commands.ts';
import { SandboxLostError, type SandboxNotice } from '../transport.ts';
import { Arrivals } from './arrival.ts';
import { type PodExec, PodHandle } from './handle.ts';
import { CONTAINER, ROOT, TOOLBOX_CONTAINER } from './manifest.ts';
import type { Pod, PodStatus } from './objects.ts';
import { Pods } from './pods.ts';
import { Readiness } from './readiness.ts';
import { SilentNodes } from './silent-node.ts';
import { STAGE_DEADLINES_MS } from './verdict.ts';

const place = { namespace: 'ns', name: 'p' };
const COPYING: PodStatus = {
  hostIP: '10.0.0.1',
  conditions: [{ type: 'PodScheduled', status: 'True' }],
  initContainerStatuses: [{ name: TOOLBOX_CONTAINER, state: { running: {} } }],
  containerStatuses: [{ name: CONTAINER, state: { waiting: { reason: 'PodInitializing' } } }],
};
const INITIALIZED: PodStatus = {
  ...COPYING,
  conditions: [
    { type: 'PodScheduled', status: 'True' },
    { type: 'Initialized', status: 'True' },
  ],
  initContainerStatuses: [{ name: TOOLBOX_CONTAINER, state: { terminated: { exitCode: 0 } } }],
};
const RUNNING: PodStatus = {
  ...INITIALIZED,
  containerStatuses: [{ name: CONTAINER, containerID: 'containerd://1', state: { running: {} } }],
};
const RESTARTED: PodStatus = {
  ...INITIALIZED,
  containerStatuses: [{ name: CONTAINER, containerID: 'containerd://2', restartCount: 1, state: { running: {} } }],
};

describe('a Pod on its way', () => {
  const open: { close(): Promise<void> }[] = [];
  const stops: AbortController[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop.abort(new Error('the test is over'));
    for (const one of open.splice(0)) await one.close();
  });

  /** A Pod whose container is a process, and whose status is what the test says. */
  async function arriving(status: PodStatus) {
    const processes = new ProcessPods();
    open.push(processes);
    const inside = await processes.provision();
    const stop = new AbortController();
    stops.push(stop);
    const client = new OnePod(status);
    const pods = new Pods({ client, logger: new KeepingLogger(), selector: 'a=b', signal: stop.signal });
    const nodes = new SilentNodes({ client, pods, exec: () => () => Promise.reject(new Error('no node is asked')) });
    const readiness = new Readiness({ client, pods, nodes, deadlines: STAGE_DEADLINES_MS });
    const arrivals = new Arrivals(pods, readiness, stop.signal);
    const real = processes.exec(inside);
    /** Tries that come before there is a container. */
    const tries = { early: 0, made: 0 };
    const exec: PodExec = async (request, options) => {
      tries.made++;
      if (tries.made <= tries.early) {
        const session = await real({ ...request, command: ['sh', '-c', 'exit 1'] }, options);
        return session;
      }
      const session = await real(
        { ...request, command: request.command.map((word) => (word === ROOT ? inside.root : word)) },
        options,
      );
      const watch = options.fate?.(() => session.close());
      void session.outcome.then(() => watch?.[Symbol.dispose]());
      return session;
    };
    const notices: SandboxNotice[] = [];
    const wait = (signal = patience(), by = exec) =>
      arrivals.wait(place, client.pod, by, signal, (notice) => notices.push(notice));
    return { client, wait, tries, notices, inside };
  }

  it('is a sandbox as soon as a link shows that its container runs, before its node says so', async () => {
    const { client, wait, tries, inside } = await arriving(INITIALIZED);
    tries.early = 2;
    const { pod, first, reported } = await wait();
    expect(pod.status).toEqual(INITIALIZED);
    expect(tries.made).toBe(3);
    const handle = new PodHandle({
      identity: inside.identity,
      isolation: inside.isolation,
      root: inside.root,
      container: () => Promise.reject(new Error('a second link was asked for')),
      stopped: () => false,
      ...(first && { first }),
    });
    const sandbox = await openSandbox(handle, { epoch: 1, signal: patience() });
    const { exitCode } = await sandbox.query('exit 5', { signal: patience() });
    expect(exitCode).toBe(5);
    client.say(RUNNING);
    expect((await reported).status).toEqual(RUNNING);
    expect((await sandbox.query('exit 6', { signal: patience() })).exitCode).toBe(6);
    await sandbox.close();
  });

  it('is not tried before the toolbox is in it', async () => {
    const { client, wait, tries } = await arriving(COPYING);
    const arrived = wait();
    await eventually('the Pod to be looked at', () => client.reads > 1);
    expect(tries.made).toBe(0);
    client.say(INITIALIZED);
    await arrived;
    expect(tries.made).toBe(1);
  });

  it('is a sandbox by the word of its node where no link may be made', async () => {
    const { client, wait } = await arriving(INITIALIZED);
    let refused = 0;
    const arrived = wait(patience(), async () => {
      refused++;
      throw new KubeError(403, 'Forbidden', 'no');
    });
    await eventually('the refusal', () => refused > 0);
    client.say(RUNNING);
    const { pod, first } = await arrived;
    expect(pod.status).toEqual(RUNNING);
    expect(await first).toBeUndefined();
    expect(refused).toBe(1);
  });

  it('loses its link with the container that it leads to', async () => {
    const { client, wait } = await arriving(INITIALIZED);
    const { first, reported } = await wait();
    const link = (await first)?.link;
    expect(link?.open).toBe(true);
    client.say(RUNNING);
    await reported;
    expect(link?.open).toBe(true);
    client.say(RESTARTED);
    await eventually('the link to be closed', () => link?.open === false);
  });

  it('loses its link when it is deleted before its node has said anything', async () => {
    const { client, wait } = await arriving(INITIALIZED);
    const { first, reported } = await wait();
    const link = (await first)?.link;
    client.remove();
    await expect(reported).rejects.toBeInstanceOf(SandboxLostError);
    await eventually('the link to be closed', () => link?.open === false);
  });

  it('is let go when nobody waits for it any more, and tells nobody of what comes later', async () => {
    const { client, wait, notices, tries } = await arriving(COPYING);
    const stop = new AbortController();
    const arrived = wait(stop.signal);
    await eventually('the Pod to be looked at', () => client.reads > 1);
    stop.abort(new Error('given up'));
    await expect(arrived).rejects.toThrow('given up');
    const told = notices.length;
    client.say(INITIALIZED);
    await eventually('the watch to see it', () => client.told === 0);
    expect(notices).toHaveLength(told);
    expect(tries.made).toBe(0);
  });
});

/** An API server that has one Pod. */
class OnePod implements KubeClient {
  reads = 0;
  pod: Pod;
  #there = true;
  #version = 1;
  readonly #changes: WatchEvent<Pod>[] = [];
  #wake: () => void = () => undefined;

  constructor(status: PodStatus) {
    const spec = { containers: [], volumes: [], tolerations: [] };
    this.pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...place, uid: 'u', resourceVersion: '1' }, spec, status } as never;
  }

  /** Changes that were not watched yet. */
  get told(): number {
    return this.#changes.length;
  }

  say(status: PodStatus): void {
    this.pod = { ...this.pod, metadata: { ...this.pod.metadata, resourceVersion: String(++this.#version) }, status };
    this.#changes.push({ type: 'MODIFIED', object: this.pod });
    this.#wake();
  }

  remove(): void {
    this.#there = false;
    this.#changes.push({ type: 'DELETED', object: this.pod });
    this.#wake();
  }

  async get(): Promise<never> {
    this.reads++;
    if (!this.#there) throw new KubeError(404, 'NotFound', 'no such Pod');
    return this.pod as never;
  }

  async list(): Promise<KubeList<never>> {
    this.#changes.length = 0;
    return { items: this.#there ? [this.pod as never] : [], resourceVersion: String(this.#version) };
  }

  async *watch(_resource: unknown, options: { onOpen?: () => void }, signal: AbortSignal): AsyncGenerator<never> {
    options.onOpen?.();
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const change = this.#changes.shift();
      if (change) yield change as never;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  create = never;
  replace = never;
  mergePatch = never;
  jsonPatch = never;
  delete = never;
}

function never(): Promise<never> {
  return Promise.reject(new Error('nothing is to be written'));
}
