import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, patience } from '../../../test/support/eventually.ts';
import { KeepingLogger } from '../../../test/support/keeping-logger.ts';
import { failure, ScriptedKubeServer } from '../../../test/support/kube-server.ts';
import { POD, PLACE as place } from '../../../test/support/waiting-pod.ts';
import { HttpKubeClient } from '../../kube/http-client.ts';
import type { SandboxNotice } from '../transport.ts';
import { CONTAINER } from './manifest.ts';
import type { Pod, PodStatus } from './objects.ts';
import { Pods, type PodsOptions } from './pods.ts';
import { Readiness } from './readiness.ts';
import { SilentNodes } from './silent-node.ts';
import { STAGE_DEADLINES_MS } from './verdict.ts';

const ASK_MS = 5;
const PODS = '/api/v1/pods';
const NODES = '/api/v1/nodes';
const container = (state: object, containerID?: string) => ({ name: CONTAINER, state, ...(containerID && { containerID }) });
const SCHEDULED: PodStatus = { conditions: [{ type: 'PodScheduled', status: 'True' }] };
const PULLING: PodStatus = {
  ...SCHEDULED,
  startTime: '2030-01-01T00:00:00Z',
  containerStatuses: [container({ waiting: { reason: 'ImagePullBackOff', message: 'no such image' } })],
};
const RUNNING: PodStatus = { ...PULLING, containerStatuses: [container({ running: {} }, 'containerd://1')] };

describe('a Pod that is waited for', () => {
  const stack: { dispose(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of stack.splice(0)) await one.dispose();
  });

  async function world({ glanceMs = 10_000, ...rest }: Partial<PodsOptions> & { glanceMs?: number } = {}) {
    const server = await ScriptedKubeServer.start();
    const stop = new AbortController();
    stack.push({
      async dispose() {
        stop.abort(new Error('the test is over'));
        await server[Symbol.asyncDispose]();
      },
    });
    const client = new HttpKubeClient({ baseUrl: server.url, headers: async () => ({}), signal: stop.signal });
    const pods = new Pods({ client, logger: new KeepingLogger(), selector: 'a=b', signal: stop.signal, askMs: ASK_MS, ...rest });
    const nodes = new SilentNodes({ client, pods, exec: () => () => Promise.reject(new Error('no node is asked')) });
    const readiness = new Readiness({ client, pods, nodes, deadlines: STAGE_DEADLINES_MS, glanceMs });
    const put = (status: PodStatus, metadata: object = {}) =>
      server.put(PODS, { ...POD, status, metadata: { ...POD.metadata, ...metadata } }) as unknown as Pod;
    const asked = () => server.requests.filter(({ method, path }) => method === 'GET' && path === `/api/v1/namespaces/ns/pods/p`);
    const notices: SandboxNotice[] = [];
    const wait = (pod: Pod) => readiness.wait(place, pod, patience(), (notice) => notices.push(notice));
    const heard = (reason: string) => eventually(reason, () => notices.find((notice) => notice.reason === reason));
    return { server, pods, put, asked, wait, notices, heard };
  }

  it('is not asked for as long as there is a watch that tells of it', async () => {
    const { server, put, asked, wait, heard, notices } = await world();
    const ready = wait(put(SCHEDULED));
    await eventually('the watch', () => server.openWatches === 1);
    await heard('ContainerCreating');
    put(PULLING);
    await heard('ImagePullBackOff');
    let changes = 0;
    const change = async () => {
      const message = `try ${++changes}`;
      put({ ...PULLING, containerStatuses: [container({ waiting: { reason: 'ImagePullBackOff', message } })] });
      await eventually('the change', () => notices.at(-1)?.message.endsWith(message));
    };
    // Until the watch is open it is asked for.
    await eventually('the watch to be trusted', async () => {
      const before = asked().length;
      await change();
      return asked().length === before;
    });
    const [before, began] = [asked().length, performance.now()];
    // The pause after which it would be asked for without a watch passes many times.
    while (performance.now() - began < 20 * ASK_MS) await change();
    expect(asked().length - before).toBe(0);
    put(RUNNING);
    expect((await ready).status).toMatchObject(RUNNING);
    expect(asked().length).toBe(before);
  });

  it('is asked for where the watch cannot be had, or has fallen silent', async () => {
    const refused = await world();
    refused.server.script = ({ query }) =>
      query.get('watch') ? { code: 403, body: failure(403, 'Forbidden', 'no') } : undefined;
    const first = refused.wait(refused.put(PULLING));
    await refused.heard('ImagePullBackOff');
    refused.put(RUNNING);
    await first;

    const silent = await world({ trustMs: 20 });
    const second = silent.wait(silent.put(PULLING));
    await eventually('the watch', () => silent.server.openWatches === 1);
    silent.server.muted = true;
    silent.put(RUNNING);
    await second;
  });

  it('is lost when it is deleted, whether the watch tells it or the API server', async () => {
    for (const muted of [false, true]) {
      const { server, put, wait } = await world({ trustMs: 20 });
      const gone = wait(put(PULLING));
      const lost = expect(gone).rejects.toThrow('the Pod ns/p was deleted');
      await eventually('the watch', () => server.openWatches === 1);
      server.muted = muted;
      server.remove(PODS, 'ns', 'p');
      await lost;
    }
  });

  it('whose node takes no notice of it says so, with what is known of the node', async () => {
    const ready = {
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    };
    for (const [node, words] of [
      [
        { metadata: { name: 'n' }, status: { conditions: [ready] } },
        'the node is not ready (Kubelet stopped posting node status.)',
      ],
      [undefined, 'it may be down, or cut off'],
    ] as const) {
      const { server, put, wait, heard } = await world({ glanceMs: 20 });
      if (node) server.put(NODES, node);
      const pod = put(SCHEDULED);
      const waiting = wait({ ...pod, spec: { ...pod.spec, nodeName: 'n' } });
      const { message } = await heard('NodeNotResponding');
      expect(message).toBe(`the node n has not taken notice of the Pod: ${words}`);
      put(RUNNING);
      await waiting;
    }
  });

  it('is known to be over without anybody asking, and not because its container ended', async () => {
    const { server, pods, put } = await world();
    const told: string[] = [];
    const pod = put(RUNNING);
    using _watch = pods.whenOver(place, pod.metadata.uid ?? '', (message) => told.push(message));
    await eventually('the watch', () => server.openWatches === 1);
    put({ ...RUNNING, containerStatuses: [container({ terminated: { exitCode: 137 } })] });
    put({ ...RUNNING, containerStatuses: [container({ running: {} }, 'containerd://2')] });
    put({ ...RUNNING, phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' });
    await eventually('the word', () => told.length > 0);
    expect(told[0]).toBe('the Pod p has ended (Evicted): The node was low on memory.');
    server.remove(PODS, 'ns', 'p');
    await eventually('the deletion', () => told.includes('the Pod p was deleted'));
  });
});
