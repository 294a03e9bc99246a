import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, PATIENCE_MS, patience } from '../../../test/support/eventually.ts';
import { type ExecPeer, ExecServer } from '../../../test/support/exec-server.ts';
import { KeepingLogger } from '../../../test/support/keeping-logger.ts';
import { failure, ScriptedKubeServer } from '../../../test/support/kube-server.ts';
import { POD, PLACE as place } from '../../../test/support/waiting-pod.ts';
import { startExec } from '../../kube/exec.ts';
import { HttpKubeClient } from '../../kube/http-client.ts';
import type { SandboxNotice } from '../transport.ts';
import { CONTAINER } from './manifest.ts';
import type { Pod, PodStatus } from './objects.ts';
import { Pods } from './pods.ts';
import { Readiness } from './readiness.ts';
import { SilentNodes, type SilentNodesOptions } from './silent-node.ts';
import { PodTransport } from './transport.ts';
import { STAGE_DEADLINES_MS } from './verdict.ts';

const PODS = '/api/v1/pods';
const NODES = '/api/v1/nodes';
const BEGUN: PodStatus = {
  conditions: [{ type: 'PodScheduled', status: 'True' }],
  startTime: '2030-01-01T00:00:00Z',
  containerStatuses: [{ name: CONTAINER, state: { waiting: { reason: 'ContainerCreating' } } }],
};
const PULLING: PodStatus = {
  ...BEGUN,
  containerStatuses: [{ name: CONTAINER, state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }],
};
const RUNNING: PodStatus = { ...BEGUN, containerStatuses: [{ name: CONTAINER, containerID: 'c://1', state: { running: {} } }] };
const REFUSED = 'error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused';
const says = (message: string) => (peer: ExecPeer) => {
  peer.status({ status: 'Failure', reason: 'InternalError', message: `Internal error occurred: ${message}` });
  peer.socket.close();
};
const withoutContainer = says('unable to upgrade connection: container not found ("sandbox")');
const gone = says('error sending request: Post "https://10.0.0.1:10250/exec/ns/p": dial tcp 10.0.0.1:10250: i/o timeout');
const silent = () => undefined;

describe('the node of a Pod that does not run yet', () => {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
  });
  const keep = <T extends AsyncDisposable>(one: T): T => {
    open.push(one);
    return one;
  };

  type Node = { answers?: (peer: ExecPeer) => void; refuses?: { code: number; body: object } | 'never' } & Pick<
    SilentNodesOptions,
    'answerMs' | 'readMs'
  >;

  async function world({ answers = withoutContainer, refuses, answerMs = PATIENCE_MS, readMs = PATIENCE_MS }: Node = {}) {
    const server = keep(await ScriptedKubeServer.start());
    const node = { answers };
    const execs = keep(await ExecServer.start((peer) => node.answers(peer), refuses === undefined ? {} : { refuse: refuses }));
    const stop = new AbortController();
    keep({ [Symbol.asyncDispose]: async () => stop.abort(new Error('the test is over')) });
    const endpoint = (url: string) => ({ baseUrl: url, headers: async () => ({}), signal: stop.signal });
    const client = new HttpKubeClient(endpoint(server.url));
    const pods = new Pods({ client, logger: new KeepingLogger(), selector: 'a=b', signal: stop.signal, askMs: 5 });
    const exec = () => (request: { command: readonly string[] }, options: object) =>
      startExec(endpoint(execs.url), { ...request, namespace: 'ns', pod: 'p', container: CONTAINER }, options);
    const nodes = new SilentNodes({ client, pods, exec, answerMs, readMs });
    const put = (status: PodStatus) =>
      server.put(PODS, { ...POD, spec: { ...POD.spec, nodeName: 'n' }, status }) as unknown as Pod;
    const look = (status = BEGUN) => nodes.look(place, put(status), patience());
    return { server, execs, client, pods, nodes, node, put, look };
  }

  it.each<[string, Node]>([
    ['has no container yet', { answers: withoutContainer }],
    ['has one that its status does not tell of yet', { answers: (peer) => peer.exit(0) }],
    ['closes without a word', { answers: (peer) => peer.socket.close() }],
    ['may not be asked', { refuses: { code: 403, body: failure(403, 'Forbidden', 'no exec for you') } }],
  ])('is not said to be silent when it %s', async (_, node) => {
    const { look, execs } = await world(node);
    expect(await look()).toBeUndefined();
    expect(execs.peers).toHaveLength(node.refuses ? 0 : 1);
  });

  it.each<[string, Node, RegExp]>([
    ['the API server cannot connect to', { answers: gone }, /: Internal error occurred: .*10\.0\.0\.1:10250: i\/o timeout$/],
    ['older API servers cannot connect to', { refuses: { code: 500, body: failure(500, 'InternalError', REFUSED) } }, /refused$/],
    ['takes a connection and says nothing', { answers: silent, answerMs: 50 }, /: it has not answered for 0\.05 s$/],
    ['does not even take a connection', { refuses: 'never', answerMs: 50 }, /: it has not answered for 0\.05 s$/],
  ])('that %s is told', async (_, node, words) => {
    const { look } = await world(node);
    const notice = await look();
    expect(notice).toMatchObject({ reason: 'NodeNotResponding', message: expect.stringMatching(words) });
    expect(notice?.message).toMatch(/^the node n does not respond any more while it has the Pod to run: /);
  });

  it('is not blamed for an API server that does not answer', async () => {
    const { look, server } = await world({ refuses: 'never', answerMs: 50, readMs: 50 });
    server.script = ({ path }) => (path.startsWith('/api/v1/namespaces/ns/pods/') ? 'never' : undefined);
    expect(await look()).toBeUndefined();
  });

  it('that is known as not ready is told in the words of the cluster, and nobody asks it', async () => {
    const { look, server, execs } = await world();
    const message = 'Kubelet stopped posting node status.';
    server.put(NODES, { metadata: { name: 'n' }, status: { conditions: [{ type: 'Ready', status: 'Unknown', message }] } });
    expect((await look())?.message).toMatch(/ while it has the Pod to run: the node is not ready \(Kubelet stopped posting/);
    expect((await look({ conditions: BEGUN.conditions ?? [] }))?.message).toMatch(/has not taken notice of the Pod: the node is/);
    expect(execs.peers).toHaveLength(0);
  });

  it('is told of while it is silent, then what the Pod itself says again, until the Pod runs', async () => {
    const { client, pods, nodes, node, put } = await world({ answers: gone });
    const readiness = new Readiness({ client, pods, nodes, deadlines: STAGE_DEADLINES_MS, glanceMs: 20 });
    const notices: SandboxNotice[] = [];
    const ready = readiness.wait(place, put(PULLING), patience(), (notice) => notices.push(notice));
    await eventually('the notice', () => notices.at(-1)?.reason === 'NodeNotResponding');
    node.answers = withoutContainer;
    await eventually('the reason of before', () => notices.at(-1)?.reason === 'ImagePullBackOff');
    put(RUNNING);
    expect((await ready).status).toEqual(RUNNING);
    expect(notices.map(({ reason }) => reason)).toEqual(['ImagePullBackOff', 'NodeNotResponding', 'ImagePullBackOff']);
  });

  it('is given up when it is silent for too long, and not when it has only been prepared for long', async () => {
    const { client, pods, nodes, node, put, execs } = await world();
    const readiness = new Readiness({ client, pods, nodes, deadlines: STAGE_DEADLINES_MS, glanceMs: 20, failureMs: 200 });
    const given = readiness.wait(place, put(BEGUN), patience(), () => undefined);
    const over = expect(given).rejects.toMatchObject({ reason: 'NodeNotResponding', permanent: false });
    const began = performance.now();
    await eventually('more time than a failure may take', () => performance.now() - began > 400 && execs.peers.length > 2);
    const silentSince = performance.now();
    node.answers = gone;
    await over;
    expect(performance.now() - silentSince).toBeGreaterThan(200);
  });

  it('loses a Pod that it never began, and the next try has another one made', async () => {
    const { server, client } = await world();
    server.script = ({ path }) =>
      path.endsWith('/exec') ? { code: 500, body: failure(500, 'InternalError', REFUSED) } : undefined;
    const stop = new AbortController();
    keep({ [Symbol.asyncDispose]: async () => stop.abort(new Error('the test is over')) });
    const transport = new PodTransport({
      client,
      endpoint: { baseUrl: server.url, headers: async () => ({}), signal: stop.signal },
      logger: new KeepingLogger(),
      installation: 'main',
      placement: { kind: 'with-session' },
      defaults: { image: 'x' },
      network: { blocked: [], dnsServers: [] },
      stageDeadlinesMs: { creating: 300 },
    });
    const owner = { uid: 'u', name: 's', namespace: 'ns' };
    const only = () => server.all(PODS).at(0) as unknown as Pod | undefined;
    const placed = async (status: PodStatus) => {
      const made = await eventually('the Pod', only);
      server.put(PODS, { ...made, spec: { ...made.spec, nodeName: 'n' }, status });
      return made.metadata.uid;
    };
    const first = transport.provision(owner, {}, patience());
    const refused = expect(first).rejects.toMatchObject({ reason: 'NodeNotResponding' });
    const uid = await placed(BEGUN);
    await refused;
    expect(only()).toBeUndefined();
    const second = transport.provision(owner, {}, patience());
    const next = await placed(RUNNING);
    const handle = await second;
    expect(next).not.toBe(uid);
    expect(handle.identity.uid).toBe(next);
  });
});
