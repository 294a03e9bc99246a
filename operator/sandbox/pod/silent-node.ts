/**
 * Whether the node that a Pod was given to works on it. A node that is gone says nothing, its Pod goes on saying what it said
 * last, and Kubernetes notices only after most of a minute: so the node itself is asked, in whatever way is allowed here.
 */
import { type KubeClient, KubeError } from '../../kube/client.ts';
import { KubeUnreachableError } from '../../kube/http-transport.ts';
import type { SandboxNotice } from '../transport.ts';
import type { PodExec } from './handle.ts';
import { NODES, type Node, type Pod } from './objects.ts';
import type { Place } from './placement.ts';
import type { Pods } from './pods.ts';

/** The reason of its notices. */
export const NODE_SILENT = 'NodeNotResponding';

/** For the node to answer an exec, be it with a refusal. */
const ANSWER_MS = 3_000;
/** For the API server to show that it is not what is silent. */
const READ_MS = 3_000;
/** What the API server says of an exec that it could not bring to the node; a node's own refusals are worded otherwise. */
const UNREACHED = /error dialing backend|dial tcp|connection refused|no route to host|i\/o timeout|TLS handshake timeout/i;

export type SilentNodesOptions = {
  client: KubeClient;
  pods: Pods;
  /** Starts programs in the Pod's container. */
  exec: (place: Place) => PodExec;
  answerMs?: number;
  readMs?: number;
};

export class SilentNodes {
  readonly #options: SilentNodesOptions;

  constructor(options: SilentNodesOptions) {
    this.#options = options;
  }

  /**
   * What to tell of the node of a Pod whose container does not run yet; undefined when it is at work, or nobody can say.
   * @throws the signal's reason
   */
  async look(place: Place, { spec: { nodeName }, status = {} }: Pod, signal: AbortSignal): Promise<SandboxNotice | undefined> {
    if (nodeName === undefined) return undefined;
    const unready = await this.#unready(nodeName, signal);
    if (status.startTime === undefined) {
      const why = unready ?? 'it may be down, or cut off';
      return { reason: NODE_SILENT, message: `the node ${nodeName} has not taken notice of the Pod: ${why}` };
    }
    const why = unready ?? (await this.#unreached(place, signal));
    return why === undefined
      ? undefined
      : { reason: NODE_SILENT, message: `the node ${nodeName} does not respond any more while it has the Pod to run: ${why}` };
  }

  /** Nodes are not ours to look at everywhere. */
  async #unready(name: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const node = await this.#options.client.get<Node>(NODES, undefined, name, signal);
      const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
      if (!ready || ready.status === 'True') return undefined;
      return `the node is not ready (${ready.message ?? ready.reason ?? ready.status})`;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Why an exec does not reach the node; undefined when it did: no container is an answer, too. */
  async #unreached(place: Place, signal: AbortSignal): Promise<string | undefined> {
    const { exec, answerMs = ANSWER_MS } = this.#options;
    const late = `it has not answered for ${answerMs / 1000} s`;
    try {
      const session = await exec(place)({ command: ['true'] }, { signal, connectMs: answerMs, deadlineMs: answerMs });
      session.stdout.resume();
      session.stderr.resume();
      const outcome = await session.outcome;
      signal.throwIfAborted();
      if (outcome.state === 'exited') return undefined;
      if (outcome.reason === 'deadline') return late;
      return outcome.reason === 'status' && UNREACHED.test(outcome.message) ? outcome.message : undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof KubeError) return UNREACHED.test(error.message) ? error.message : undefined;
      // It may be the API server itself that does not answer.
      if (error instanceof KubeUnreachableError && error.kind === 'deadline' && (await this.#answers(place, signal))) return late;
      return undefined;
    }
  }

  async #answers(place: Place, signal: AbortSignal): Promise<boolean> {
    const { pods, readMs = READ_MS } = this.#options;
    try {
      await pods.read(place, AbortSignal.any([signal, AbortSignal.timeout(readMs)]));
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }
}
