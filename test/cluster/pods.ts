/** Sandboxes that are Pods of the test cluster, in a namespace of their own. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { KubeObject, Resource } from '../../operator/api/resources.ts';
import { KubeError } from '../../operator/kube/client.ts';
import { clusterAccess } from '../../operator/kube/cluster-access.ts';
import { startExec } from '../../operator/kube/exec.ts';
import { execScript } from '../../operator/kube/exec-script.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import type { KubeEndpoint } from '../../operator/kube/http-transport.ts';
import { PODS, type Pod } from '../../operator/sandbox/pod/objects.ts';
import { PodTransport, type PodTransportOptions } from '../../operator/sandbox/pod/transport.ts';
import type { SandboxHandle, SandboxNotice, SandboxOwner, SandboxSpec } from '../../operator/sandbox/transport.ts';
import { eventually, patience } from '../support/eventually.ts';
import { findCluster, type TestCluster } from './cluster.ts';

export const NAMESPACES = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
} as const satisfies Resource;
const SERVICE_ACCOUNTS = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
} as const satisfies Resource;

/** The cluster, or undefined, with the reason printed. */
export function clusterForTests(): TestCluster | undefined {
  const found = process.env.CLUSTER_TESTS === 'true' ? findCluster(process.env) : { missing: 'CLUSTER_TESTS is not "true"' };
  if ('missing' in found) console.warn(`the tests of sandboxes in Pods are skipped: ${found.missing}`);
  return 'missing' in found ? undefined : found;
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export type TestPodsOptions = Partial<PodTransportOptions>;

export class TestPods {
  readonly namespace: string;
  readonly client: HttpKubeClient;
  readonly endpoint: KubeEndpoint;
  readonly installation = `test-${randomBytes(4).toString('hex')}`;
  /** What was said about Pods that were waited for, in order. */
  readonly notices: SandboxNotice[] = [];
  readonly #stop: AbortController;
  readonly #options: TestPodsOptions;
  readonly #owners = new Map<string, SandboxOwner>();
  #names = 0;

  private constructor(namespace: string, endpoint: KubeEndpoint, stop: AbortController, options: TestPodsOptions) {
    this.namespace = namespace;
    this.endpoint = endpoint;
    this.client = new HttpKubeClient(endpoint);
    this.#stop = stop;
    this.#options = options;
  }

  /** Makes the namespace, which admits nothing but hardened Pods. */
  static async open(cluster: TestCluster, options: TestPodsOptions = {}): Promise<TestPods> {
    const stop = new AbortController();
    const endpoint = { ...(await clusterAccess({ kubeconfig: cluster.kubeconfig })), signal: stop.signal };
    const name = `pod-test-${randomBytes(4).toString('hex')}`;
    const pods = new TestPods(name, endpoint, stop, options);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await pods.client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, patience());
    // No Pod is admitted before its ServiceAccount is there.
    await eventually('the ServiceAccount', () => pods.client.get(SERVICE_ACCOUNTS, name, 'default', patience()));
    return pods;
  }

  /** A transport as each operator has one. */
  transport(options: TestPodsOptions = {}): PodTransport {
    return new PodTransport({
      client: this.client,
      endpoint: this.endpoint,
      logger: silent,
      installation: this.installation,
      placement: { kind: 'namespace', namespace: this.namespace },
      defaults: {},
      network: { dnsServers: [], blocked: [] },
      onNotice: (_, notice) => this.notices.push(notice),
      ...this.#options,
      ...options,
    });
  }

  /** An owner that was not there before. */
  owner(name = `session-${++this.#names}`): SandboxOwner {
    return { uid: randomUUID(), name, namespace: 'sessions' };
  }

  async provision(spec: SandboxSpec = {}, transport = this.transport()): Promise<SandboxHandle> {
    const owner = this.owner();
    const handle = await transport.provision(owner, spec, patience());
    this.#owners.set(handle.identity.uid, owner);
    return handle;
  }

  ownerOf(handle: SandboxHandle): SandboxOwner {
    const owner = this.#owners.get(handle.identity.uid);
    if (!owner) throw new Error('a sandbox of another test');
    return owner;
  }

  /** The same sandbox as another operator would find it. */
  async findAgain(handle: SandboxHandle): Promise<SandboxHandle> {
    const found = await this.transport().find(this.ownerOf(handle), {}, patience());
    if (!found) throw new Error('the sandbox is gone');
    return found;
  }

  /** The Pod as the API server has it; undefined when it is gone. */
  async pod(handle: SandboxHandle): Promise<Pod | undefined> {
    try {
      const pod = await this.client.get<Pod>(PODS, this.namespace, handle.identity.name, patience());
      return pod.metadata.uid === handle.identity.uid ? pod : undefined;
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    }
  }

  /** Runs a script in the Pod beside everything that the sandbox does. */
  async inPod(handle: SandboxHandle, script: string): Promise<string> {
    const where = { namespace: this.namespace, pod: handle.identity.name, container: 'sandbox' };
    const starter = (request: { command: readonly string[] }, options: object) =>
      startExec(this.endpoint, { ...where, ...request }, options);
    const { stdout } = await execScript(starter, script, [], { deadlineMs: 30_000 });
    return stdout.toString('utf8');
  }

  /** Processes beside the keeper, what it waits for, and the connections of operators. */
  async processCount(handle: SandboxHandle): Promise<number> {
    if (!(await this.pod(handle))) return 0;
    const script = `
      n=0
      for d in /proc/[0-9]*; do
        c=$(tr '\\0' ' ' <$d/cmdline 2>/dev/null) || continue
        case $d:$c in
          /proc/1:* | /proc/$$:* | *:'sleep 86400 ' | *:) continue ;;
          *' /workspace '????????????????????????????????' ') continue ;;
        esac
        # The shells of this very exec have this script as an argument.
        case $c in *'of this very exec'*) continue ;; esac
        n=$((n + 1))
      done
      echo $n`;
    return Number(await this.inPod(handle, script));
  }

  async create(resource: Resource, object: KubeObject): Promise<void> {
    await this.client.create(resource, { ...object, metadata: { ...object.metadata, namespace: this.namespace } }, patience());
  }

  /** Deletes the namespace with all that is in it, and ends every connection. */
  async close(): Promise<void> {
    try {
      await this.client.delete(NAMESPACES, undefined, this.namespace, {}, patience());
    } finally {
      this.#stop.abort(new Error('the test is over'));
    }
  }
}
