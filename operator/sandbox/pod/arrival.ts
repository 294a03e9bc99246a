/**
 * How a new Pod becomes a sandbox. Its node says once a second what runs on it, while an exec finds the container as soon as
 * it runs. So a link is tried for from the moment that the container can be running, and whichever comes first, the link or
 * the word of the node, makes the sandbox ready: up to a second earlier, in which the repository goes in already.
 */
import { KubeError } from '../../kube/client.ts';
import type { ContainerFate } from '../../kube/exec.ts';
import { pause } from '../deadline.ts';
import type { Channel, SandboxNotice } from '../transport.ts';
import type { PodExec } from './handle.ts';
import { linkCommand, PodLink } from './link.ts';
import { ROOT } from './manifest.ts';
import type { Pod } from './objects.ts';
import type { Place } from './placement.ts';
import type { Pods } from './pods.ts';
import type { Readiness } from './readiness.ts';
import { verdictOf } from './verdict.ts';

/** A link that is attached to the runner. */
export type FirstLink = { link: PodLink; channel: Channel };

export type Arrived = {
  pod: Pod;
  /** The link, where one was tried for; undefined when none came of it. Never rejects. */
  first?: Promise<FirstLink | undefined>;
  /** The Pod as its node reports it running, which may be later. @throws as `Readiness.wait` */
  reported: Promise<Pod>;
};

/** Before each try, in milliseconds. Who has to fetch an image first is left to the node's word. */
const TRIES_MS = [25, 40, 50, 50, 75, 75, 100, 150, 200, 300, 400, 500];
const CONNECT_MS = 5_000;

export class Arrivals {
  readonly #pods: Pods;
  readonly #readiness: Readiness;
  readonly #signal: AbortSignal;

  /** @param signal ends everything */
  constructor(pods: Pods, readiness: Readiness, signal: AbortSignal) {
    this.#pods = pods;
    this.#readiness = readiness;
    this.#signal = signal;
  }

  /**
   * Waits until the Pod's container runs.
   * @param exec starts programs in that container
   * @throws as `Readiness.wait`
   */
  async wait(
    place: Place,
    pod: Pod,
    exec: PodExec,
    signal: AbortSignal,
    onNotice: (notice: SandboxNotice) => void,
  ): Promise<Arrived> {
    if (verdictOf(pod).state === 'ready') return { pod, reported: Promise.resolve(pod) };
    signal.throwIfAborted();
    // What the node reports is waited for to the end also when the link was faster: it tells when the container is no more.
    const report = new AbortController();
    const follow = (): void => report.abort(signal.reason);
    signal.addEventListener('abort', follow, { once: true });
    let heard = true;
    const reported = this.#readiness.wait(place, pod, AbortSignal.any([report.signal, this.#signal]), (notice) => {
      if (heard) onNotice(notice);
    });
    const search = new AbortController();
    const first = this.#firstLink(place, pod, exec, reported, search.signal).catch(() => undefined);
    const linked = first.then((one) => (one ? this.#look(place, pod, signal) : undefined)).catch(() => undefined);
    try {
      return { pod: (await Promise.race([reported, linked])) ?? (await reported), first, reported };
    } catch (error) {
      report.abort(error);
      throw error;
    } finally {
      heard = false;
      search.abort(new Error('the Pod is ready, or is not waited for any more'));
      signal.removeEventListener('abort', follow);
    }
  }

  /** @param signal begins no further try; one that is under way is brought to its end */
  async #firstLink(
    place: Place,
    { metadata: { uid = '' } }: Pod,
    exec: PodExec,
    reported: Promise<Pod>,
    signal: AbortSignal,
  ): Promise<FirstLink | undefined> {
    const fate = this.#fate(place, uid, reported);
    await this.#pods.until(place, uid, (now) => (now && mayRun(now) ? true : undefined), signal);
    for (const delay of TRIES_MS) {
      await pause(delay, signal);
      try {
        const { command, mark } = linkCommand(ROOT);
        const link = new PodLink(await exec({ command, stdin: true }, { fate, connectMs: CONNECT_MS }), mark);
        return { link, channel: await link.attach(this.#signal) };
      } catch (error) {
        // Whoever may not do it hears of that in the ordinary way.
        if (error instanceof KubeError && (error.code === 401 || error.code === 403)) return undefined;
      }
    }
    return undefined;
  }

  /** The fate of a container whose id is not known before its node reports it. */
  #fate(place: Place, uid: string, reported: Promise<Pod>): ContainerFate {
    return (gone) => {
      let over = false;
      let watch: Disposable | undefined;
      reported.then(
        (pod) => {
          const verdict = verdictOf(pod);
          if (!over && verdict.state === 'ready') watch = this.#pods.fate(place, uid, verdict.containerId)(gone);
        },
        (error: unknown) => {
          if (!over) gone(error instanceof Error ? error.message : String(error));
        },
      );
      return {
        [Symbol.dispose]: () => {
          over = true;
          watch?.[Symbol.dispose]();
        },
      };
    };
  }

  /** The Pod as it is now, unless it is over. */
  async #look(place: Place, { metadata }: Pod, signal: AbortSignal): Promise<Pod | undefined> {
    const now = await this.#pods.read(place, signal);
    if (!now || now.metadata.uid !== metadata.uid) return undefined;
    const { state } = verdictOf(now);
    return state === 'ready' || state === 'waiting' ? now : undefined;
  }
}

/** Whether nothing but the container itself is left to be made, by a node whose address is known. */
function mayRun(pod: Pod): boolean {
  const { conditions, hostIP } = pod.status ?? {};
  const initialized = conditions?.some(({ type, status }) => type === 'Initialized' && status === 'True');
  return hostIP !== undefined && initialized === true && verdictOf(pod).state === 'waiting';
}
