/** What is known of the Pods of this installation: one watch a namespace, and the API server itself where that is not enough. */
import { sleep } from '../../clock.ts';
import { type KubeClient, KubeError } from '../../kube/client.ts';
import type { ContainerFate } from '../../kube/exec.ts';
import { Informer } from '../../kube/informer.ts';
import type { Logger } from '../../logger.ts';
import { PODS, type Pod } from './objects.ts';
import type { Place } from './placement.ts';
import { verdictOf } from './verdict.ts';

/** How often a Pod is asked for while there is no watch that would tell of it, in milliseconds. */
const ASK_MS = 3_000;
/** And while there is one, which may have fallen silent. */
const TRUST_MS = 60_000;

export type PodsOptions = {
  client: KubeClient;
  logger: Logger;
  /** Labels of the Pods to watch. */
  selector: string;
  /** Ends the watches. */
  signal: AbortSignal;
  askMs?: number;
  trustMs?: number;
};

export class Pods {
  readonly #options: PodsOptions;
  readonly #informers = new Map<string, Informer<Pod>>();

  constructor(options: PodsOptions) {
    this.#options = options;
  }

  /** The Pod as the API server has it now. */
  async read({ namespace, name }: Place, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      return await this.#options.client.get<Pod>(PODS, namespace, name, signal);
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    }
  }

  /**
   * Calls `look` with the Pod whenever it may have changed, until that returns something other than undefined. The Pod is
   * undefined when it is gone: deleted, or replaced by another of the same name.
   * @param seen what the caller has looked at already: where the watch is just as far, nobody is asked
   * @throws the signal's reason
   */
  async until<T>(
    place: Place,
    uid: string,
    look: (pod: Pod | undefined) => T | undefined,
    signal: AbortSignal,
    seen?: Pod,
  ): Promise<T> {
    const informer = this.#informer(place.namespace);
    const key = `${place.namespace}/${place.name}`;
    const { askMs = ASK_MS, trustMs = TRUST_MS } = this.#options;
    let wake: (() => void) | undefined;
    let changed = false;
    const version = informer.state.connected ? informer.get(key)?.metadata.resourceVersion : undefined;
    const current = version !== undefined && version === seen?.metadata.resourceVersion;
    let asked = current ? performance.now() : Number.NEGATIVE_INFINITY;
    const stop = informer.onChange((of) => {
      if (of !== key) return;
      changed = true;
      wake?.();
    });
    try {
      for (;;) {
        // A watch tells of changes; what was before it began, or while it was broken, the API server tells.
        const cached = changed ? informer.get(key) : undefined;
        const patience = informer.state.connected ? trustMs : askMs;
        const ask = cached?.metadata.uid !== uid && (changed || performance.now() - asked >= patience);
        changed = false;
        if (ask) asked = performance.now();
        const told = cached?.metadata.uid === uid ? cached : 'unknown';
        const pod = ask ? await this.#ask(place, signal) : told;
        if (pod !== 'unknown') {
          const found = look(pod?.metadata.uid === uid ? pod : undefined);
          if (found !== undefined) return found;
        }
        if (changed) continue;
        using timer = waitAtMost(askMs, signal);
        await Promise.race([
          timer.done,
          new Promise<void>((resolve) => {
            wake = resolve;
          }),
        ]);
        signal.throwIfAborted();
      }
    } finally {
      stop();
    }
  }

  /** Tells when the container is no more: the Pod deleted, ended or replaced, the container ended or restarted. */
  fate(place: Place, uid: string, containerId: string): ContainerFate {
    const judge = (pod: Pod): string | undefined => {
      const verdict = verdictOf(pod);
      if (verdict.state !== 'ready') return verdict.message;
      return verdict.containerId === containerId ? undefined : `the container of the Pod ${place.name} was restarted`;
    };
    return (gone) => this.#watch(place, uid, judge, gone);
  }

  /** Tells when the Pod is no more: deleted, ended or replaced. Its files are then gone, which they are not with a container. */
  whenOver(place: Place, uid: string, gone: (message: string) => void): Disposable {
    const judge = (pod: Pod): string | undefined => {
      const verdict = verdictOf(pod);
      return verdict.state === 'lost' ? verdict.message : undefined;
    };
    return this.#watch(place, uid, judge, gone);
  }

  #watch(place: Place, uid: string, judge: (pod: Pod) => string | undefined, gone: (message: string) => void): Disposable {
    const informer = this.#informer(place.namespace);
    const key = `${place.namespace}/${place.name}`;
    let seen = false;
    const look = () => {
      const pod = informer.get(key);
      // A watch that has not come so far yet knows nothing of a new Pod.
      if (pod?.metadata.uid === uid) seen = true;
      else if (seen) gone(`the Pod ${place.name} was deleted`);
      const message = pod?.metadata.uid === uid ? judge(pod) : undefined;
      if (message !== undefined) gone(message);
    };
    look();
    const stop = informer.onChange((of) => {
      if (of === key) look();
    });
    return { [Symbol.dispose]: stop };
  }

  async #ask(place: Place, signal: AbortSignal): Promise<Pod | undefined | 'unknown'> {
    try {
      return await this.read(place, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof KubeError && error.code < 500 && error.code !== 429) throw error;
      return 'unknown';
    }
  }

  #informer(namespace: string): Informer<Pod> {
    const known = this.#informers.get(namespace);
    if (known) return known;
    const { client, logger, selector, signal } = this.#options;
    const informer = new Informer<Pod>({ client, logger, resource: PODS, namespace, labelSelector: selector });
    this.#informers.set(namespace, informer);
    void informer.run(signal);
    return informer;
  }
}

function waitAtMost(ms: number, signal: AbortSignal): Disposable & { done: Promise<void> } {
  const timer = new AbortController();
  const done = sleep(ms, AbortSignal.any([signal, timer.signal])).catch(() => undefined);
  return { done, [Symbol.dispose]: () => timer.abort() };
}
