/** Sandboxes that are Pods of a Kubernetes cluster, each with a NetworkPolicy of its own. */
import { isIP } from 'node:net';
import { KeyedLock } from '../../keyed-lock.ts';
import { type KubeClient, KubeError } from '../../kube/client.ts';
import { startExec } from '../../kube/exec.ts';
import { execScript } from '../../kube/exec-script.ts';
import type { KubeEndpoint } from '../../kube/http-transport.ts';
import type { Logger } from '../../logger.ts';
import {
  type Isolation,
  type SandboxHandle,
  SandboxLostError,
  type SandboxNotice,
  type SandboxOwner,
  type SandboxSpec,
  type SandboxTransport,
  SandboxUnavailableError,
} from '../transport.ts';
import { Arrivals, type Arrived } from './arrival.ts';
import { creationFault } from './creation-fault.ts';
import { type PodExec, PodHandle, type RunningContainer, unavailable } from './handle.ts';
import { CONTAINER, type PodOptions, podOf, ROOT, TEMPLATE_ANNOTATION, withDefaults } from './manifest.ts';
import type { NetworkOptions } from './network-policy.ts';
import { NETWORK_POLICIES, PODS, type Pod } from './objects.ts';
import { belongsTo, isSandbox, ownerOf, type Place, placeOf, selectorOf } from './placement.ts';
import { Pods } from './pods.ts';
import { Policies, type PoliciesOptions } from './policies.ts';
import { QUIESCE_SCRIPT } from './quiesce.ts';
import { Readiness } from './readiness.ts';
import { removePod } from './remove-pod.ts';
import { NODE_SILENT, SilentNodes } from './silent-node.ts';
import { lastEndOf, ORDINARY, STAGE_DEADLINES_MS, type Stage } from './verdict.ts';

export type PodTransportOptions = Omit<PodOptions, 'readOnlyRootFilesystem' | 'tickSeconds' | 'user' | 'toolboxImage'> & {
  /** As in PodOptions; or what finds it out, which may throw SandboxUnavailableError and is asked for every Pod. */
  toolboxImage?: string | ((signal: AbortSignal) => Promise<string>);
  /** The cluster that runs the Pods, which need not be the one (or the embedded API) that holds the sessions. */
  client: KubeClient;
  /** The server of `client`, for exec: what `clusterAccess` found, and a signal that ends every connection and watch. */
  endpoint: KubeEndpoint;
  logger: Logger;
  network: NetworkOptions;
  /** Whom everything in a Pod runs as, whatever the image says; default 1000:1000. */
  user?: PodOptions['user'];
  /** Default true: only the workspace, /tmp and /var/tmp can be written to. */
  readOnlyRootFilesystem?: boolean;
  /** A runner that nobody listens to and that runs no command ends after two of these; default 60. */
  tickSeconds?: number;
  /** Namespaces that may hold sandboxes of sessions; all that the credentials can see when left out. */
  namespaces?: readonly string[];
  /** For how long each stage on the way to a running Pod may last, in milliseconds; see STAGE_DEADLINES_MS. */
  stageDeadlinesMs?: Partial<Record<Stage, number>>;
  /** Hears what a Pod is waiting for, and of what happens to it: for conditions and logs. Must not throw. */
  onNotice?: (owner: SandboxOwner, notice: SandboxNotice) => void;
  /** Addresses of a proxy's host name, for the NetworkPolicy; default the system's resolver. */
  resolve?: NonNullable<PoliciesOptions['resolve']>;
};

const WITHOUT_POLICY = 'sweagent.dev/network-policy-missing';

/**
 * Needs these rights in the namespaces of its Pods: pods get, list, watch, create, delete; pods/exec get and create. With
 * networkpolicies get, list, create, update, delete each Pod has one, else its handle's `isolation` says that it has none; with
 * events list it can say why a node does not make a Pod; with nodes get, that its node is not ready.
 *
 *   const signal = stop.signal;
 *   const endpoint = { ...(await clusterAccess({ kubeconfig, home, serviceHost, servicePort })), signal };
 *   new PodTransport({
 *     client: new HttpKubeClient(endpoint), endpoint, logger, installation,
 *     placement: { kind: 'namespace', namespace: 'default' },
 *     defaults: { image: 'python:3.12-slim' },
 *     toolboxImage,
 *     network: { dnsServers: [], blocked: [] },
 *   });
 */
export class PodTransport implements SandboxTransport {
  readonly type = 'pod';
  readonly #options: PodTransportOptions;
  readonly #podOptions: Omit<PodOptions, 'toolboxImage'>;
  readonly #pods: Pods;
  readonly #policies: Policies;
  readonly #readiness: Readiness;
  readonly #arrivals: Arrivals;
  /** Work on one sandbox is done in the order in which it was asked for. */
  readonly #locks = new KeyedLock();
  /** How often the processes of a Pod were ended; what was handed out before must not start them again. */
  readonly #stops = new Map<string, number>();
  /** The container that each Pod was last seen with. */
  readonly #containers = new Map<string, string>();

  constructor(options: PodTransportOptions) {
    this.#options = options;
    const { toolboxImage: _, ...podOptions } = options;
    this.#podOptions = {
      ...podOptions,
      user: options.user ?? { uid: 1000, gid: 1000 },
      readOnlyRootFilesystem: options.readOnlyRootFilesystem ?? true,
      tickSeconds: options.tickSeconds ?? 60,
    };
    const { client, logger, endpoint } = options;
    this.#pods = new Pods({ client, logger, selector: selectorOf(options.installation), signal: endpoint.signal });
    this.#policies = new Policies(options);
    this.#readiness = new Readiness({
      client,
      pods: this.#pods,
      nodes: new SilentNodes({ client, pods: this.#pods, exec: (place) => this.#execIn(place) }),
      deadlines: { ...STAGE_DEADLINES_MS, ...options.stageDeadlinesMs },
    });
    this.#arrivals = new Arrivals(this.#pods, this.#readiness, endpoint.signal);
  }

  async provision(
    owner: SandboxOwner,
    spec: SandboxSpec,
    signal: AbortSignal,
    onNotice?: (notice: SandboxNotice) => void,
  ): Promise<SandboxHandle> {
    signal.throwIfAborted();
    const place = this.#placeOf(owner);
    const merged = withDefaults(spec, this.#options.defaults);
    const { image } = merged;
    if (image === undefined) {
      const message = 'no image is set for sandboxes; set WORKER_IMAGE, or spec.sandbox.image of the session';
      throw unavailable('ImageMissing', message, undefined, true);
    }
    const { pod, unguarded } = await this.#locks.hold(keyOf(place), signal, () =>
      this.#findOrCreate(owner, place, { ...merged, image }, signal),
    );
    const arrived = await this.#arrive(place, pod, signal, (notice) => {
      this.#options.onNotice?.(owner, notice);
      if (!ORDINARY.has(notice.reason)) onNotice?.(notice);
    });
    this.#noteContainer(arrived.reported);
    const node = [arrived.pod.status?.hostIP ?? ''].filter((address) => isIP(address) !== 0);
    // Its node is known only now. No command has run yet.
    if (unguarded === undefined && this.#policies.needsNode(node))
      await this.#policies.ensure(owner, place, merged, signal, node);
    return this.#handle(owner, place, arrived.pod, unguarded, arrived.first);
  }

  async find(owner: SandboxOwner, _spec: SandboxSpec, signal: AbortSignal): Promise<SandboxHandle | undefined> {
    signal.throwIfAborted();
    const place = this.#placeOf(owner);
    const pod = await this.#read(place, signal);
    if (!pod || !this.#belongsTo(pod, owner) || this.#readiness.isOver(pod)) return undefined;
    return this.#handle(owner, place, pod, pod.metadata.annotations?.[WITHOUT_POLICY]);
  }

  async dispose(owner: SandboxOwner, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const place = this.#placeOf(owner);
    await this.#locks.hold(keyOf(place), signal, async () => {
      const pod = await this.#read(place, signal);
      if (pod && this.#belongsTo(pod, owner)) await this.#remove(place, pod, signal);
      await this.#policies.remove(owner, place, signal);
    });
  }

  async quiesce(owner: SandboxOwner, signal: AbortSignal, { graceMs = 1000 }: { graceMs?: number } = {}): Promise<void> {
    signal.throwIfAborted();
    const place = this.#placeOf(owner);
    await this.#locks.hold(keyOf(place), signal, async () => {
      const pod = await this.#read(place, signal);
      if (!pod || !this.#belongsTo(pod, owner) || this.#readiness.isOver(pod)) return;
      const uid = uidOf(pod);
      this.#stops.set(uid, this.#stopsOf(uid) + 1);
      const { exec } = await this.#container(owner, place, uid, signal);
      const hundredths = String(Math.ceil(graceMs / 10));
      try {
        await execScript(exec, QUIESCE_SCRIPT, [ROOT, hundredths], { signal, deadlineMs: graceMs + 15_000 });
      } catch (error) {
        signal.throwIfAborted();
        throw unavailable('ClusterUnreachable', `the processes in the Pod ${place.name} could not be ended`, error);
      }
    });
  }

  async listOrphans(known: ReadonlySet<string>, signal: AbortSignal): Promise<SandboxOwner[]> {
    const { client, installation, placement, namespaces } = this.#options;
    const places = placement.kind === 'namespace' ? [placement.namespace] : (namespaces ?? [undefined]);
    const orphans = new Map<string, SandboxOwner>();
    for (const namespace of places) {
      for (const resource of [PODS, NETWORK_POLICIES]) {
        const options = { labelSelector: selectorOf(installation), ...(namespace !== undefined && { namespace }) };
        const list = await client.list(resource, options, signal).catch((error: unknown) => {
          // Where policies may not be listed there are none of ours.
          if (resource === NETWORK_POLICIES && error instanceof KubeError && error.code === 403) return { items: [] };
          throw creationFault(error);
        });
        for (const object of list.items) {
          const owner = ownerOf(object);
          if (owner && !known.has(owner.uid)) orphans.set(owner.uid, owner);
        }
      }
    }
    return [...orphans.values()];
  }

  async #findOrCreate(
    owner: SandboxOwner,
    place: Place,
    spec: SandboxSpec & { image: string },
    signal: AbortSignal,
  ): Promise<{ pod: Pod; unguarded: string | undefined }> {
    const { toolboxImage: given } = this.#options;
    const toolboxImage = typeof given === 'function' ? await given(signal) : given;
    const wanted = podOf(owner, place, spec, { ...this.#podOptions, ...(toolboxImage !== undefined && { toolboxImage }) });
    for (let attempt = 1; ; attempt++) {
      const found = await this.#read(place, signal);
      if (found && !isSandbox(found, this.#options.installation)) {
        throw unavailable(
          'NameTaken',
          `the Pod ${place.namespace}/${place.name} belongs to somebody else; delete it or rename the session`,
        );
      }
      // Before there is a Pod, so that no command ever runs without it.
      const unguarded = await this.#policies.ensure(owner, place, spec, signal);
      if (found && this.#belongsTo(found, owner) && !this.#readiness.isOver(found) && !outdated(found, wanted))
        return { pod: found, unguarded };
      // A name is used again only after its object is gone: what was there belongs to nobody any more.
      if (found) await this.#remove(place, found, signal);
      try {
        const annotations = { ...wanted.metadata.annotations, ...(unguarded !== undefined && { [WITHOUT_POLICY]: unguarded }) };
        const pod = await this.#options.client.create<Pod>(
          PODS,
          { ...wanted, metadata: { ...wanted.metadata, annotations } },
          signal,
        );
        return { pod, unguarded };
      } catch (error) {
        signal.throwIfAborted();
        // Another operator was faster.
        if (!(error instanceof KubeError && error.reason === 'AlreadyExists') || attempt === 5) throw creationFault(error);
      }
    }
  }

  /** @throws as `Arrivals.wait`; a Pod that its node never began is gone by then, so that the next try has another one made */
  async #arrive(place: Place, pod: Pod, signal: AbortSignal, onNotice: (notice: SandboxNotice) => void): Promise<Arrived> {
    try {
      return await this.#arrivals.wait(place, pod, this.#execIn(place), signal, onNotice);
    } catch (error) {
      if (!(error instanceof SandboxUnavailableError && error.reason === NODE_SILENT)) throw error;
      await this.#locks.hold(keyOf(place), signal, async () => {
        const found = await this.#read(place, signal);
        if (found?.metadata.uid === uidOf(pod) && !ran(found)) await this.#remove(place, found, signal);
      });
      throw error;
    }
  }

  #handle(owner: SandboxOwner, place: Place, pod: Pod, unguarded: string | undefined, first?: Arrived['first']): SandboxHandle {
    const uid = uidOf(pod);
    const stops = this.#stopsOf(uid);
    return new PodHandle({
      identity: { type: 'pod', name: place.name, uid },
      isolation: isolationOf(pod, unguarded),
      root: ROOT,
      container: (signal) => this.#container(owner, place, uid, signal),
      whenOver: (gone) => this.#pods.whenOver(place, uid, gone),
      stopped: () => this.#stopsOf(uid) !== stops,
      ...(first && { first }),
    });
  }

  /** The Pod's running container. @throws SandboxLostError | SandboxUnavailableError | the signal's reason */
  async #container(owner: SandboxOwner, place: Place, uid: string, signal: AbortSignal): Promise<RunningContainer> {
    const pod = await this.#read(place, signal);
    if (!pod || pod.metadata.uid !== uid) throw new SandboxLostError(`the Pod ${place.namespace}/${place.name} is gone`);
    const containerId = await this.#runningIn(owner, place, pod, signal);
    return { exec: this.#execIn(place), fate: this.#pods.fate(place, uid, containerId) };
  }

  #execIn({ namespace, name }: Place): PodExec {
    const { endpoint } = this.#options;
    return (request, options) => startExec(endpoint, { ...request, namespace, pod: name, container: CONTAINER }, options);
  }

  /** Remembers the container of a Pod that is used before its node has reported it. */
  #noteContainer(reported: Promise<Pod>): void {
    reported.then(
      (pod) => {
        const verdict = this.#readiness.of(pod);
        // One that came after another is not the one that was used; the next look at it tells why that ended.
        const id = verdict.state === 'ready' && !lastEndOf(pod) ? verdict.containerId : '';
        if (!this.#containers.has(uidOf(pod))) this.#containers.set(uidOf(pod), id);
      },
      // Whoever uses the Pod hears of it.
      () => undefined,
    );
  }

  /**
   * The id of the Pod's container once it runs. What is still waited for when the signal aborts is the error. Why it is not
   * the container of before is told, because it may have been back before anybody looked.
   */
  async #runningIn(owner: SandboxOwner, place: Place, pod: Pod, signal: AbortSignal): Promise<string> {
    const uid = uidOf(pod);
    let last: SandboxNotice | undefined;
    const onNotice = (notice: SandboxNotice): void => {
      last = notice;
      this.#options.onNotice?.(owner, notice);
    };
    try {
      const ready = await this.#readiness.wait(place, pod, signal, onNotice);
      const verdict = this.#readiness.of(ready);
      const id = verdict.state === 'ready' ? verdict.containerId : '';
      const before = this.#containers.get(uid) ?? id;
      this.#containers.set(uid, id);
      const end = lastEndOf(ready);
      if (end && before !== id && !last) onNotice(end);
      return id;
    } catch (error) {
      if (signal.aborted && last) throw unavailable(last.reason, last.message, error);
      throw error;
    }
  }

  async #read(place: Place, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      return await this.#pods.read(place, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw creationFault(error);
    }
  }

  async #remove(place: Place, pod: Pod, signal: AbortSignal): Promise<void> {
    const uid = uidOf(pod);
    const { client, logger } = this.#options;
    await removePod({ client, logger, pods: this.#pods }, place, uid, signal);
    this.#stops.delete(uid);
    this.#containers.delete(uid);
  }

  #placeOf(owner: SandboxOwner): Place {
    return placeOf(owner, this.#options.placement, this.#options.installation);
  }

  #belongsTo(pod: Pod, owner: SandboxOwner): boolean {
    return belongsTo(pod, owner, this.#options.installation);
  }

  #stopsOf(uid: string): number {
    return this.#stops.get(uid) ?? 0;
  }
}

function keyOf({ namespace, name }: Place): string {
  return `${namespace}/${name}`;
}

function uidOf({ metadata }: Pod): string {
  if (metadata.uid === undefined)
    throw new SandboxUnavailableError('ClusterUnavailable', 'the API server gave a Pod without a UID', { permanent: false });
  return metadata.uid;
}

/** As far as its node has said. */
function ran({ status }: Pod): boolean {
  return status?.containerStatuses?.some(({ containerID }) => containerID !== undefined && containerID !== '') ?? false;
}

/** Whether it was asked for with other settings and never ran: those of now may be what mends it. */
function outdated(found: Pod, wanted: Pod): boolean {
  return !ran(found) && found.metadata.annotations?.[TEMPLATE_ANNOTATION] !== wanted.metadata.annotations?.[TEMPLATE_ANNOTATION];
}

function isolationOf({ spec: { runtimeClassName } }: Pod, unguarded: string | undefined): Isolation {
  const method = runtimeClassName === undefined ? 'pod' : `pod-${runtimeClassName}`;
  const where =
    runtimeClassName === undefined ? 'in a Pod of their own' : `in a Pod of their own under the RuntimeClass ${runtimeClassName}`;
  if (unguarded !== undefined) return { isolated: false, method, message: `Commands run ${where}, but ${unguarded}` };
  return {
    isolated: true,
    method,
    message: `Commands run ${where}, as a user without privileges and without a token of the cluster. A NetworkPolicy keeps them from the cluster and its nodes, where the cluster's network enforces it.`,
  };
}
