/**
 * Removes sandboxes whose session is gone. A session's finalizer and, on one cluster, ownerReferences see to that; what they
 * cannot see is an object that went while its finalizer was taken away by hand, or the state of one machine that was lost.
 */
import { type AgentSession, RESOURCES } from './api/resources.ts';
import { type Clock, sleep, systemClock } from './clock.ts';
import { type KubeClient, KubeError } from './kube/client.ts';
import type { ObjectCache } from './kube/informers.ts';
import { describeError, type Logger } from './logger.ts';
import type { SandboxOwner, SandboxTransport } from './sandbox/transport.ts';
import { ownerFields } from './session-log.ts';

export type OrphanSweepOptions = {
  /** Where the sessions are. */
  client: KubeClient;
  transport: Pick<SandboxTransport, 'type' | 'listOrphans' | 'dispose'>;
  sessions: Pick<ObjectCache<AgentSession>, 'list'>;
  logger: Logger;
  /** Between two looks, in milliseconds. */
  everyMs?: number;
  clock?: Clock;
};

const EVERY_MS = 10 * 60_000;
/** A start has more urgent things to do. */
const FIRST_MS = 15_000;
/** For the look, and for each sandbox that is removed: one that does not go must not use up the time of the others. */
const DEADLINE_MS = 120_000;

export class OrphanSweep {
  readonly #options: OrphanSweepOptions;

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
  }

  /** Looks now and then until the signal aborts; resolves then, and for no other reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = EVERY_MS, clock = systemClock, logger, transport } = this.#options;
    for (let wait = Math.min(FIRST_MS, everyMs); !signal.aborted; wait = everyMs) {
      await sleep(wait, signal, clock).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.sweep(signal);
      } catch (error) {
        if (!signal.aborted) logger.warn(`cannot remove all left ${transport.type} sandboxes: ${describeError(error)}`);
      }
    }
  }

  /**
   * Looks once, and resolves with whose sandboxes were removed.
   * @throws what kept one from being removed, after all others were
   */
  async sweep(signal: AbortSignal): Promise<SandboxOwner[]> {
    const { transport, sessions, logger } = this.#options;
    const known = new Set(sessions.list().flatMap(({ metadata }) => metadata.uid ?? []));
    const removed: SandboxOwner[] = [];
    const problems: unknown[] = [];
    for (const owner of await this.#inTime(signal, (within) => transport.listOrphans(known, within))) {
      try {
        if (await this.#inTime(signal, (within) => this.#exists(owner, within))) continue;
        await this.#inTime(signal, (within) => transport.dispose(owner, within));
        logger.info(`removed a ${transport.type} sandbox whose session is gone`, ownerFields(owner));
        removed.push(owner);
      } catch (error) {
        signal.throwIfAborted();
        problems.push(error);
      }
    }
    if (problems.length > 0) throw problems[0];
    return removed;
  }

  async #inTime<T>(signal: AbortSignal, work: (within: AbortSignal) => Promise<T>): Promise<T> {
    const { clock = systemClock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(DEADLINE_MS, () => late.abort(new Error(`it took longer than ${DEADLINE_MS / 1000} s`)));
    try {
      return await work(AbortSignal.any([signal, late.signal]));
    } finally {
      cancel();
    }
  }

  /** The copy of the sessions may be behind another operator's that made a sandbox for a new one. */
  async #exists({ uid, namespace, name }: SandboxOwner, signal: AbortSignal): Promise<boolean> {
    try {
      const session = await this.#options.client.get<AgentSession>(RESOURCES.sessions, namespace, name, signal);
      return session.metadata.uid === uid;
    } catch (error) {
      if (error instanceof KubeError && error.reason === 'NotFound') return false;
      throw error;
    }
  }
}
