/** The sessions that run in this process. */
import type { AgentSession } from '../api/resources.ts';
import { describeError } from '../logger.ts';
import { withDeadline } from '../sandbox/deadline.ts';
import { type SandboxOwner, type SandboxType, SandboxUnavailableError } from '../sandbox/transport.ts';
import { sessionFields } from '../session-log.ts';
import type { Waiting } from './owning.ts';
import type { EngineDeps } from './ports.ts';
import type { SessionKey, SessionTasks, SessionView } from './session-tasks.ts';
import { INITIAL_STATE } from './state.ts';
import { SessionTask } from './task.ts';

type Entry = {
  task: SessionTask;
  running: boolean;
  key: SessionKey;
  pending: AgentSession | undefined;
  hold: Waiting | undefined;
};

/** How many ended sessions stay readable in memory. */
const KEPT = 500;
/** How long sessions have to end what they do when everything stops. Commands that do not heed TERM take a second of it. */
const TASKS_MS = 1_400;

export class SessionRunner implements SessionTasks {
  readonly #deps: EngineDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners: ((key: SessionKey, urgent: boolean) => void)[] = [];
  #stopping = false;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  view(uid: string): SessionView | undefined {
    const entry = this.#entries.get(uid);
    if (!entry) return undefined;
    const { task, running } = entry;
    if (task.state === INITIAL_STATE && !task.waiting && !running) return undefined;
    const { state, waiting, waitsForSandbox, observedGeneration, owned } = task;
    return { state, running, unclaimed: !owned, waiting, waitsForSandbox, observedGeneration };
  }

  ensure(session: AgentSession, hold?: Waiting): void {
    const uid = session.metadata.uid ?? '';
    const entry = this.#entries.get(uid);
    if (this.#stopping) return;
    if (entry?.running) {
      entry.pending = session;
      entry.hold = hold;
      entry.task.update(session, hold);
      return;
    }
    this.#start(session, uid, hold);
  }

  #start(session: AgentSession, uid: string, hold: Waiting | undefined): void {
    const key = { uid, name: session.metadata.name, namespace: session.metadata.namespace ?? 'default' };
    const task = new SessionTask(session, this.#deps, (urgent) => this.#changed(key, urgent), hold);
    const entry: Entry = { task, running: true, key, pending: undefined, hold };
    this.#entries.delete(uid);
    this.#entries.set(uid, entry);
    task.ended
      .then((end) => {
        entry.running = false;
        // A change that came while the task was ending was not seen by it.
        const missed = entry.pending;
        const seen = missed === undefined || (missed.metadata.generation ?? 0) <= task.observedGeneration;
        if (!seen && end === 'idle' && !this.#stopping) this.#start(missed, uid, entry.hold);
        else this.#changed(key, true);
        this.#forgetOld();
      })
      .catch((error: unknown) =>
        this.#deps.logger.error('a session task ended badly', {
          ...sessionFields(session.metadata),
          error: describeError(error),
        }),
      );
  }

  async stop(uid: string, how: 'end-commands' | 'leave-commands', signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry?.running) return;
    entry.task.stop(how === 'end-commands' ? 'stopping' : 'released');
    await withDeadline(entry.task.ended, { signal });
  }

  /**
   * Stops every session. Commands on this machine are ended and recorded as interrupted, and sandboxes here that are kept
   * for sessions at rest are quieted as well; commands elsewhere go on, for whoever takes the session up to attach to.
   * Resolves when all have stopped.
   */
  async close(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    const running = [...this.#entries.values()].filter((entry) => entry.running);
    for (const { task } of running) {
      const type = task.state.sandbox?.type ?? this.#deps.defaultSandboxType;
      task.stop(type === 'local' ? 'stopping' : 'released');
    }
    const ended = Promise.allSettled(running.map(({ task }) => task.ended));
    const inTime = await withDeadline(ended, { signal, ms: TASKS_MS }).then(
      () => true,
      () => false,
    );
    await this.#quiesce(signal, inTime ? {} : { graceMs: 0 });
    await withDeadline(ended, { signal });
  }

  /** Only sandboxes on this machine would outlive their operator for nothing. Those of an operator that died are among them. */
  async #quiesce(signal: AbortSignal, options: { graceMs?: number }): Promise<void> {
    const transport = this.#deps.transport('local');
    const owners = (await transport?.listOrphans(new Set(), signal)) ?? [];
    await Promise.allSettled(owners.map((owner) => transport?.quiesce(owner, signal, options)));
  }

  async cleanup(session: AgentSession, signal: AbortSignal): Promise<void> {
    const uid = session.metadata.uid ?? '';
    const entry = this.#entries.get(uid);
    if (entry?.running) {
      entry.task.stop('deleted');
      await withDeadline(entry.task.ended, { signal });
    }
    const owner = { uid, name: session.metadata.name, namespace: session.metadata.namespace ?? 'default' };
    await this.#dispose(session, owner, signal);
    await this.forget(uid);
  }

  async forget(uid: string): Promise<void> {
    await this.#deps.blobs.delete(uid);
    await this.#deps.log.delete(uid);
    this.#entries.delete(uid);
  }

  async #dispose({ spec, status }: AgentSession, owner: SandboxOwner, signal: AbortSignal): Promise<void> {
    const type = status?.sandbox?.type ?? spec.sandbox?.type ?? this.#deps.defaultSandboxType;
    const transport = this.#deps.transport(type);
    const name = status?.sandbox?.name;
    if (!transport) {
      if (name === undefined || this.#deps.goesWithSession?.(type)) return;
      const message = `this operator has no sandboxes of type ${type} any more, and cannot remove ${name}; ${REMOVED_BY_HAND[type]}`;
      throw new SandboxUnavailableError('SandboxTypeUnavailable', message, { permanent: true });
    }
    try {
      await transport.dispose(owner, signal);
    } catch (error) {
      throw name === undefined ? error : naming(`the ${type} sandbox ${name}`, error);
    }
  }

  onChange(listener: (key: SessionKey, urgent: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Sessions that a task works on now. */
  get running(): number {
    let count = 0;
    for (const { running, task } of this.#entries.values()) if (running && task.owned) count++;
    return count;
  }

  #changed(key: SessionKey, urgent: boolean): void {
    for (const listener of this.#listeners) listener(key, urgent);
  }

  #forgetOld(): void {
    for (const [uid, entry] of this.#entries) {
      if (this.#entries.size <= KEPT) return;
      if (!entry.running) this.#entries.delete(uid);
    }
  }
}

/** What somebody can do about a sandbox that the operator has no way to. */
const REMOVED_BY_HAND: Record<SandboxType, string> = {
  pod: 'delete that Pod and the NetworkPolicy of the same name with kubectl, or start an operator with SANDBOX_TYPE=k8s, which does',
  daytona: 'delete it in the dashboard of Daytona, or give the operator DAYTONA_API_KEY, with which it does',
  local: 'delete the folder of that name in the workspace of the machine on which the session ran',
};

/** What could not be removed, for the same reason. */
function naming(what: string, cause: unknown): Error {
  const message = `${what} could not be removed`;
  if (!(cause instanceof SandboxUnavailableError)) return new Error(message, { cause });
  const { reason, permanent, retryAt } = cause;
  return new SandboxUnavailableError(reason, message, { permanent, retryAt, cause });
}
