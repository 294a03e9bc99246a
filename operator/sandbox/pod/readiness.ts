/** Waiting for a Pod, with a deadline for each stage and the real reason for whoever waits. */
import { type KubeClient, KubeError } from '../../kube/client.ts';
import { SandboxLostError, type SandboxNotice, SandboxUnavailableError } from '../transport.ts';
import { creationFault } from './creation-fault.ts';
import { NODES, type Node, POD_EVENTS, type Pod, type PodEvent } from './objects.ts';
import type { Place } from './placement.ts';
import type { Pods } from './pods.ts';
import { type Stage, type Verdict, verdictOf } from './verdict.ts';

/** How often the Events of a Pod that its node cannot make are looked at: its status does not tell why. */
const GLANCE_MS = 10_000;
/** After this long a failure that the node repeats is no passing one, in milliseconds. */
const NODE_FAILURE_MS = 90_000;

export class Readiness {
  readonly #client: KubeClient;
  readonly #pods: Pods;
  readonly #deadlines: Record<Stage, number>;
  readonly #glanceMs: number;

  constructor(client: KubeClient, pods: Pods, deadlines: Record<Stage, number>, glanceMs = GLANCE_MS) {
    this.#client = client;
    this.#pods = pods;
    this.#deadlines = deadlines;
    this.#glanceMs = glanceMs;
  }

  of(pod: Pod): Verdict {
    return verdictOf(pod);
  }

  /** Whether nothing will ever run in it again. */
  isOver(pod: Pod): boolean {
    return verdictOf(pod).state === 'lost';
  }

  /**
   * Waits until the Pod's container runs.
   * @throws SandboxLostError | SandboxUnavailableError with the reason that the cluster gives | the signal's reason
   */
  async wait(place: Place, pod: Pod, signal: AbortSignal, onNotice: (notice: SandboxNotice) => void): Promise<Pod> {
    const uid = pod.metadata.uid ?? '';
    let stage: Stage | undefined;
    let deadline: AbortSignal | undefined;
    let last: (Verdict & { state: 'waiting' }) | undefined;
    let current: Pod | undefined = pod;
    let since = performance.now();
    let told = '';
    for (;;) {
      if (!current) throw new SandboxLostError(`the Pod ${place.namespace}/${place.name} was deleted`);
      const verdict = verdictOf(current);
      if (verdict.state === 'ready') return current;
      if (verdict.state === 'lost') throw new SandboxLostError(verdict.message);
      if (verdict.state === 'failed')
        throw new SandboxUnavailableError(verdict.reason, verdict.message, { permanent: verdict.permanent });
      if (verdict.reason !== last?.reason || verdict.message !== last?.message)
        onNotice({ reason: verdict.reason, message: verdict.message });
      last = verdict;
      if (verdict.stage !== stage || !deadline) {
        stage = verdict.stage;
        deadline = AbortSignal.timeout(this.#deadlines[stage]);
        since = performance.now();
      }
      const seen: Verdict & { state: 'waiting' } = verdict;
      const waited: Pod = current;
      const glance = stage === 'creating' ? [AbortSignal.timeout(this.#glanceMs)] : [];
      try {
        // Something else than what was seen: another state, another reason, or the Pod gone.
        const look = (now: Pod | undefined) => (now && same(verdictOf(now), seen) ? undefined : { now });
        const enough = AbortSignal.any([signal, deadline, ...glance]);
        current = (await this.#pods.until(place, uid, look, enough, waited)).now;
      } catch (error) {
        signal.throwIfAborted();
        if (deadline.aborted) throw await this.#late(place, uid, seen, signal);
        if (!glance.some(({ aborted }) => aborted)) throw creationFault(error);
        const event = await this.#lastWarning(place, uid, signal);
        const notice = event?.reason
          ? { reason: event.reason, message: `${seen.message}: ${event.message ?? event.reason}` }
          : await this.#silentNode(waited, signal);
        if (!notice) continue;
        if (performance.now() - since > NODE_FAILURE_MS)
          throw new SandboxUnavailableError(notice.reason, notice.message, { permanent: false });
        if (notice.message !== told) onNotice(notice);
        told = notice.message;
      }
    }
  }

  async #late(
    place: Place,
    uid: string,
    { reason, message, stage }: Verdict & { state: 'waiting' },
    signal: AbortSignal,
  ): Promise<Error> {
    const seconds = this.#deadlines[stage] / 1000;
    const event = stage === 'creating' ? await this.#lastWarning(place, uid, signal) : undefined;
    const real = event?.reason ?? reason;
    const words = event?.message ? `${message}: ${event.message}` : message;
    return new SandboxUnavailableError(real, `${words} (waited ${seconds} s)`, { permanent: false });
  }

  /** A node that is gone says nothing, and others only after a while: it is known by not having taken notice of its Pod. */
  async #silentNode({ spec: { nodeName }, status = {} }: Pod, signal: AbortSignal): Promise<SandboxNotice | undefined> {
    if (nodeName === undefined || status.startTime !== undefined) return undefined;
    const ready = await this.#readyOf(nodeName, signal);
    const known =
      ready && ready.status !== 'True' ? `the node is not ready (${ready.message ?? ready.reason ?? ready.status})` : '';
    const why = known || 'it may be down, or cut off';
    return { reason: 'NodeNotResponding', message: `the node ${nodeName} has not taken notice of the Pod: ${why}` };
  }

  /** Nodes are not ours to look at everywhere. */
  async #readyOf(
    name: string,
    signal: AbortSignal,
  ): Promise<NonNullable<NonNullable<Node['status']>['conditions']>[number] | undefined> {
    try {
      const node = await this.#client.get<Node>(NODES, undefined, name, signal);
      return node.status?.conditions?.find(({ type }) => type === 'Ready');
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Why the node does not make the Pod is told in Events only. */
  async #lastWarning({ namespace }: Place, uid: string, signal: AbortSignal): Promise<PodEvent | undefined> {
    try {
      const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
      const { items } = await this.#client.list<PodEvent>(POD_EVENTS, { namespace, fieldSelector }, signal);
      return items.findLast((event) => event.reason !== 'FailedScheduling');
    } catch (error) {
      // Events are not ours to ask for everywhere; what the status says has to do.
      if (error instanceof KubeError) return undefined;
      signal.throwIfAborted();
      return undefined;
    }
  }
}

function same(a: Verdict, b: Verdict): boolean {
  return a.state === b.state && 'reason' in a && 'reason' in b && a.reason === b.reason && a.message === b.message;
}
