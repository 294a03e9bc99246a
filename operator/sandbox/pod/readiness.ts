/** Waiting for a Pod, with a deadline for each stage and the real reason for whoever waits. */
import { type KubeClient, KubeError } from '../../kube/client.ts';
import { SandboxLostError, type SandboxNotice, SandboxUnavailableError } from '../transport.ts';
import { creationFault } from './creation-fault.ts';
import { POD_EVENTS, type Pod, type PodEvent } from './objects.ts';
import type { Place } from './placement.ts';
import type { Pods } from './pods.ts';
import type { SilentNodes } from './silent-node.ts';
import { type Stage, type Verdict, verdictOf } from './verdict.ts';

/** How often it is looked why a Pod that a node has does not run: its status tells neither what fails nor that the node is gone. */
const GLANCE_MS = 10_000;
/** After this long a failure that is found at every look is no passing one, in milliseconds. */
const NODE_FAILURE_MS = 90_000;

type Waiting = Verdict & { state: 'waiting' };

export type ReadinessOptions = {
  client: KubeClient;
  pods: Pods;
  nodes: SilentNodes;
  deadlines: Record<Stage, number>;
  glanceMs?: number;
  failureMs?: number;
};

export class Readiness {
  readonly #options: ReadinessOptions;

  constructor(options: ReadinessOptions) {
    this.#options = options;
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
    const { pods, deadlines, glanceMs = GLANCE_MS, failureMs = NODE_FAILURE_MS } = this.#options;
    const uid = pod.metadata.uid ?? '';
    let stage: Stage | undefined;
    let deadline: AbortSignal | undefined;
    let last: Waiting | undefined;
    let current: Pod | undefined = pod;
    /** What was found at the last look, and since when something is found at each. */
    let found: { message: string; since: number } | undefined;
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
        deadline = AbortSignal.timeout(deadlines[stage]);
        found = undefined;
      }
      const seen: Waiting = verdict;
      let newest: Pod = current;
      const glance = stage === 'scheduling' ? [] : [AbortSignal.timeout(glanceMs)];
      try {
        // Something else than what was seen: another state, another reason, or the Pod gone.
        const look = (now: Pod | undefined) => {
          newest = now ?? newest;
          return now && same(verdictOf(now), seen) ? undefined : { now };
        };
        const enough = AbortSignal.any([signal, deadline, ...glance]);
        current = (await pods.until(place, uid, look, enough, newest)).now;
      } catch (error) {
        signal.throwIfAborted();
        if (deadline.aborted) throw await this.#late(place, newest, seen, signal);
        if (!glance.some(({ aborted }) => aborted)) throw creationFault(error);
        const notice = await this.#obstacle(place, newest, seen, signal);
        if (notice && notice.message !== found?.message) onNotice(notice);
        // It has passed, and what the Pod itself says holds again.
        if (!notice && found) onNotice({ reason: seen.reason, message: seen.message });
        found = notice && { message: notice.message, since: found?.since ?? performance.now() };
        if (notice && found && performance.now() - found.since > failureMs)
          throw new SandboxUnavailableError(notice.reason, notice.message, { permanent: false });
      }
    }
  }

  async #late(place: Place, pod: Pod, seen: Waiting, signal: AbortSignal): Promise<Error> {
    const seconds = this.#options.deadlines[seen.stage] / 1000;
    const { reason, message } = (await this.#obstacle(place, pod, seen, signal)) ?? seen;
    return new SandboxUnavailableError(reason, `${message} (waited ${seconds} s)`, { permanent: false });
  }

  /** What keeps the Pod from running that its status does not tell. */
  async #obstacle(place: Place, pod: Pod, { stage, message }: Waiting, signal: AbortSignal): Promise<SandboxNotice | undefined> {
    const silent = await this.#options.nodes.look(place, pod, signal);
    if (silent || stage !== 'creating') return silent;
    const event = await this.#lastWarning(place, pod.metadata.uid ?? '', signal);
    return event?.reason ? { reason: event.reason, message: `${message}: ${event.message ?? event.reason}` } : undefined;
  }

  /** Why the node does not make the Pod is told in Events only. */
  async #lastWarning({ namespace }: Place, uid: string, signal: AbortSignal): Promise<PodEvent | undefined> {
    try {
      const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
      const { items } = await this.#options.client.list<PodEvent>(POD_EVENTS, { namespace, fieldSelector }, signal);
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
