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
import { CLEANUP_DEADLINE_MS, type Decision } from './policies.ts';
import { CONFLICT, type SessionRecord, wrote } from './session-record.ts';
import { withRemoval } from './status.ts';

export type SessionRemovalOptions = {
  client: KubeClient;
  tasks: Pick<SessionTasks, 'cleanup'>;
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
    const { tasks, logger, clock, onAttemptEnded } = this.#options;
    const now = clock.now();
    const before = record.cleanup.state === 'failed' ? record.cleanup : undefined;
    const { since, tries } = before ? { since: before.since, tries: before.tries + 1 } : { since: now, tries: 1 };
    const abort = new AbortController();
    record.abortCleanup = abort;
    record.cleanup = { state: 'running', since, tries, ...(before && { error: before.error }) };
    const cancel = clock.after(since + CLEANUP_DEADLINE_MS - now, () => abort.abort(deadlinePassed()));
    tasks
      .cleanup(session, abort.signal)
      .then(
        () => {
          record.cleanup = { state: 'done' };
        },
        (cause: unknown) => {
          // That the time is over says less than what failed in it.
          const error = abort.signal.aborted && before ? before.error : describeError(cause);
          const final = cause instanceof SandboxUnavailableError && cause.permanent;
          if (record.cleanup.state === 'running')
            record.cleanup = { state: 'failed', since, at: clock.now(), tries, error, final };
          logger.warn('the session cannot be removed whole', { ...sessionFields(session.metadata), error });
        },
      )
      .finally(() => {
        cancel();
        onAttemptEnded(key, session);
      });
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
