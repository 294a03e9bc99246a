/**
 * The end of a deleted session: what belongs to it is removed, its object says what keeps it, and is let go. When each of
 * these is due policies.ts decides.
 */
import { type AgentSession, FINALIZER, RESOURCES } from '../api/resources.ts';
import type { Clock } from '../clock.ts';
import type { SessionTasks } from '../engine/session-tasks.ts';
import { type KubeClient, KubeError } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { patchStatus } from '../kube/patch-status.ts';
import type { ProcessResult } from '../kube/work-queue.ts';
import { describeError, type Logger } from '../logger.ts';
import { SandboxUnavailableError } from '../sandbox/transport.ts';
import { sessionFields } from '../session-log.ts';
import { CLEANUP_DEADLINE_MS, type Cleanup, type Decision, nextCleanupAt } from './policies.ts';
import { CONFLICT, type SessionRecord, wrote } from './session-record.ts';
import { withRemoval } from './status.ts';

export type SessionRemovalOptions = {
  client: KubeClient;
  tasks: Pick<SessionTasks, 'cleanup' | 'forget'>;
  events: Pick<EventRecorder, 'record'>;
  logger: Logger;
  clock: Clock;
  /** Hears of the end of each try, however it went. */
  onAttemptEnded: (key: string, session: AgentSession) => void;
};

export class SessionRemoval {
  readonly #options: SessionRemovalOptions;

  constructor(options: SessionRemovalOptions) {
    this.#options = options;
  }

  /** Removes what belongs to the session, beside the reconciler: it may take a while. */
  begin(session: AgentSession, record: SessionRecord, key: string): void {
    const { clock, onAttemptEnded } = this.#options;
    const now = clock.now();
    const before = record.cleanup.state === 'failed' ? record.cleanup : undefined;
    const { since, tries } = before ? { since: before.since, tries: before.tries + 1 } : { since: now, tries: 1 };
    const abort = new AbortController();
    record.abortCleanup = abort;
    const running = { state: 'running', since, tries, ...(before && { error: before.error }) } as const;
    record.cleanup = running;
    const cancel = clock.after(since + CLEANUP_DEADLINE_MS - now, () => abort.abort(deadlinePassed()));
    void this.#attempt(session, record, running, abort.signal).finally(() => {
      cancel();
      onAttemptEnded(key, session);
    });
  }

  /** Never rejects. */
  async #attempt(
    session: AgentSession,
    record: SessionRecord,
    { since, tries, error: before }: Cleanup & { state: 'running' },
    signal: AbortSignal,
  ): Promise<void> {
    const { tasks, logger, clock } = this.#options;
    try {
      await tasks.cleanup(session, signal);
      record.cleanup = { state: 'done' };
    } catch (cause) {
      // That the time is over says less than what failed in it.
      const error = signal.aborted && before !== undefined ? before : describeError(cause);
      logger.warn('the session cannot be removed whole', { ...sessionFields(session.metadata), error });
      const final = cause instanceof SandboxUnavailableError && cause.permanent;
      const failed = { state: 'failed', since, at: clock.now(), tries, error, final } as const;
      if (record.vanished || nextCleanupAt(failed) === undefined) await this.#forget(session);
      if (record.cleanup.state === 'running') record.cleanup = failed;
    }
  }

  /** What cannot be removed must not keep what can be. Never rejects. */
  async #forget({ metadata }: AgentSession): Promise<void> {
    try {
      await this.#options.tasks.forget(metadata.uid ?? '');
    } catch (error) {
      const fields = { ...sessionFields(metadata), error: describeError(error) };
      this.#options.logger.warn('the log of a session that is gone cannot be removed', fields);
    }
  }

  /** Writes down what keeps the session, if anything does. Nothing else is told of one that is being deleted. */
  async tell(
    session: AgentSession,
    record: SessionRecord,
    { hold, recheckInMs }: Decision & { do: 'rest' },
    signal: AbortSignal,
  ): Promise<ProcessResult> {
    const recheck = recheckInMs === undefined ? undefined : { requeueAfterMs: recheckInMs };
    if (!hold) return recheck;
    const { client, clock } = this.#options;
    const status = withRemoval(session, hold, clock.now());
    const { outcome, object } = await patchStatus(client, RESOURCES.sessions, session, status, signal);
    if (outcome === 'conflict') return CONFLICT;
    if (outcome === 'written') wrote(record, session, object);
    return recheck;
  }

  /** Takes our finalizer away. @param incomplete that not everything could be removed, and why */
  async letGo(
    session: AgentSession,
    record: SessionRecord,
    incomplete: string | undefined,
    signal: AbortSignal,
  ): Promise<ProcessResult> {
    const { client, logger, events } = this.#options;
    record.abortCleanup?.abort(deadlinePassed());
    const finalizers = (session.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
    if (incomplete !== undefined) {
      logger.warn(incomplete, sessionFields(session.metadata));
      events.record(session, { type: 'Warning', reason: 'CleanupIncomplete', action: 'Delete', note: incomplete });
    }
    const result = await patchFinalizers(client, session, finalizers, signal);
    if (result === 'conflict') return CONFLICT;
    // Nothing is left that the disappearance of the object would have to set off.
    record.cleanup = { state: 'done' };
    if (result !== 'gone') wrote(record, session, result);
    return undefined;
  }
}

/** Replaces the finalizers of the object as it was seen. */
export async function patchFinalizers(
  client: KubeClient,
  { metadata: { namespace, name, resourceVersion } }: AgentSession,
  finalizers: string[],
  signal: AbortSignal,
): Promise<AgentSession | 'conflict' | 'gone'> {
  try {
    const patch = { metadata: { resourceVersion, finalizers } };
    return await client.mergePatch<AgentSession>(RESOURCES.sessions, namespace, name, patch, undefined, signal);
  } catch (error) {
    if (error instanceof KubeError && error.code === 409) return 'conflict';
    if (error instanceof KubeError && error.code === 404) return 'gone';
    throw error;
  }
}

function deadlinePassed(): Error {
  return new Error('the deadline for removing the session passed');
}
