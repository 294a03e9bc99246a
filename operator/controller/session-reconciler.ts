/**
 * AgentSession: gather everything that is known, decide (policies.ts), act, and write the status once if it changed.
 * Runs no model and no command: it gives sessions to the engine and takes them back. Level-triggered: looking at a
 * session that has not changed does nothing.
 */
import { type AgentSession, FINALIZER, RESOURCES } from '../api/resources.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { SessionTasks, SessionView } from '../engine/session-tasks.ts';
import { type KubeClient, KubeError } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { mergePatchOf } from '../kube/merge-patch.ts';
import { patchStatus } from '../kube/patch-status.ts';
import type { ProcessResult } from '../kube/work-queue.ts';
import type { Logger } from '../logger.ts';
import { sessionFields } from '../session-log.ts';
import { announcements } from './announcements.ts';
import type { Caches } from './caches.ts';
import { countersDueAt } from './counters-due.ts';
import { CLEANUP_SLOW_MS, type Decision, decide, type Hold, isElsewhere, MAX_RELEASES, type Snapshot } from './policies.ts';
import { resolveSession } from './profile-resolution.ts';
import { CONFLICT, contradicted, newest, newRecord, type SessionRecord, wrote } from './session-record.ts';
import { type ReleaseSettings, releaseDueAt } from './session-release.ts';
import { patchFinalizers, SessionRemoval } from './session-removal.ts';
import { rankOf, Slots } from './slots.ts';
import { isLoaded, projectStatus, withoutCounters } from './status.ts';

export type SessionReconcilerOptions = {
  client: KubeClient;
  caches: Pick<Caches, 'sessions' | 'profiles'>;
  tasks: SessionTasks;
  events: Pick<EventRecorder, 'record'>;
  logger: Logger;
  /** Sessions that may run at the same time. */
  maxRunning: number;
  /** Has a session looked at again. */
  enqueue: (key: string) => void;
  /** Counters and recent log lines are written at most this often, in milliseconds; less often in the long run. Default: 10 s. */
  countersIntervalMs?: number;
  /** After what rest sandboxes are given back; never when left out. */
  release?: ReleaseSettings;
  clock?: Clock;
  /** In [0, 1). */
  random?: () => number;
};

/** Where several operators could give back a sandbox, all but one are to find it done: they look later, by up to this. */
const SPREAD_MS = 30_000;
/** Before what another operator took out of the status is said again. */
export const CONTRADICTED_MS = 60_000;

export class SessionReconciler {
  readonly #options: SessionReconcilerOptions;
  readonly #clock: Clock;
  readonly #slots: Slots;
  readonly #removal: SessionRemoval;
  readonly #records = new Map<string, SessionRecord>();
  readonly #uids = new Map<string, string>();
  /** Sessions that the engine has for their sandbox to be given back. */
  readonly #releases = new Set<string>();
  readonly #countersIntervalMs: number;

  constructor(options: SessionReconcilerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#slots = new Slots(options.maxRunning);
    this.#countersIntervalMs = options.countersIntervalMs ?? 10_000;
    this.#removal = new SessionRemoval({
      ...options,
      clock: this.#clock,
      onAttemptEnded: (key, { metadata }) => {
        this.#slots.leave(metadata.uid ?? '');
        options.enqueue(key);
      },
    });
  }

  /** For messages and metrics. */
  get slots(): { max: number; held: number; waiting: number } {
    return this.#slots.counts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ProcessResult> {
    const cached = this.#options.caches.sessions.get(key);
    const uid = this.#uids.get(key);
    if (uid !== undefined && uid !== cached?.metadata.uid) this.#vanished(key, uid);
    if (!cached?.metadata.uid) return undefined;

    this.#uids.set(key, cached.metadata.uid);
    const record = this.#records.get(cached.metadata.uid) ?? newRecord(cached, (this.#options.random ?? Math.random)());
    this.#records.set(cached.metadata.uid, record);
    const session = newest(record, cached);

    const snapshot = this.#gather(session, record);
    const decision = decide(snapshot);
    switch (decision.do) {
      case 'add-finalizer':
        return this.#addFinalizer(session, record, key, signal);
      case 'remove-finalizer':
        return this.#removal.letGo(session, record, decision.incomplete, signal);
      case 'clean-up':
        this.#removal.begin(session, record, key);
        return { requeueAfterMs: CLEANUP_SLOW_MS };
      case 'delete':
        return this.#delete(session, decision.reason, signal);
      case 'run':
        this.#run(session, key, record, snapshot, decision);
        return this.#report(session, record, snapshot, undefined, undefined, signal);
      case 'release':
        this.#releases.add(uidOf(session));
        this.#hand(session, record, snapshot);
        return this.#report(session, record, snapshot, undefined, undefined, signal);
      case 'rest':
        this.#rest(session, key, decision);
        if (session.metadata.deletionTimestamp) return this.#removal.tell(session, record, decision, signal);
        return this.#report(session, record, snapshot, decision.hold, decision.recheckInMs, signal);
      default:
        return decision satisfies never;
    }
  }

  #gather(session: AgentSession, record: SessionRecord): Snapshot {
    const { caches, tasks, maxRunning } = this.#options;
    const uid = uidOf(session);
    const view = tasks.view(uid);
    if (!view?.running) this.#releases.delete(uid);
    return {
      session,
      profiles: resolveSession(session, caches.profiles.list(session.metadata.namespace)),
      view,
      handed: record.handed,
      slotOpen: this.#slots.open(uid, rankOf(session)),
      maxRunning,
      cleanup: record.cleanup,
      release: { at: this.#releaseAt(session, record, view), open: this.#releases.size < MAX_RELEASES },
      now: this.#clock.now(),
    };
  }

  #releaseAt(session: AgentSession, { late }: SessionRecord, view: SessionView | undefined): number | undefined {
    const { release } = this.#options;
    const at = release && releaseDueAt(session, view, release);
    if (!at) return at;
    const { finishedMs, waitingMs } = release.times;
    return at + late * Math.min(SPREAD_MS, finishedMs || waitingMs, waitingMs || finishedMs);
  }

  #run(
    session: AgentSession,
    key: string,
    record: SessionRecord,
    snapshot: Snapshot,
    { slot, hold }: Decision & { do: 'run' },
  ): void {
    const uid = uidOf(session);
    this.#releases.delete(uid);
    if (slot) this.#slots.take(uid);
    else if (hold && snapshot.view && isElsewhere(snapshot.view)) this.#slots.leave(uid);
    else if (hold) this.#slots.wait(uid, rankOf(session), () => this.#options.enqueue(key));
    this.#hand(session, record, snapshot, hold);
  }

  #hand(session: AgentSession, record: SessionRecord, { profiles, now }: Snapshot, hold?: Hold): void {
    record.handed = { generation: session.metadata.generation ?? 0, profiles: profiles.fingerprint, at: now };
    this.#options.tasks.ensure(session, hold);
  }

  #rest(session: AgentSession, key: string, decision: Decision & { do: 'rest' }): void {
    const uid = session.metadata.uid ?? '';
    if (decision.waitsForSlot) this.#slots.wait(uid, rankOf(session), () => this.#options.enqueue(key));
    // The engine may have started it again by itself.
    else if (this.#options.tasks.view(uid)?.running && !this.#releases.has(uid)) this.#slots.take(uid);
    else this.#slots.leave(uid);
  }

  /** Writes the status if there is something new to say and it may be said now. */
  async #report(
    session: AgentSession,
    record: SessionRecord,
    snapshot: Snapshot,
    hold: Hold | undefined,
    recheckInMs: number | undefined,
    signal: AbortSignal,
  ): Promise<ProcessResult> {
    const recheck = recheckInMs === undefined ? undefined : { requeueAfterMs: recheckInMs };
    const uid = session.metadata.uid ?? '';
    // What the task did since the snapshot was taken belongs to this report already.
    const view = this.#options.tasks.view(uid);
    const known = view !== undefined && isLoaded(session, view);
    if (session.metadata.deletionTimestamp || (!known && !hold && !view?.waiting)) return recheck;

    const now = this.#clock.now();
    const before: AgentSessionStatus = session.status ?? {};
    const status = projectStatus(session, { view, profiles: snapshot.profiles, hold }, now);
    if (mergePatchOf(withoutCounters(before), withoutCounters(status)) === undefined) {
      if (mergePatchOf(before, status) === undefined) return recheck;
      const created = Date.parse(session.metadata.creationTimestamp ?? '');
      const left = countersDueAt(record.writtenAt, created, this.#countersIntervalMs) - now;
      if (left > 0) return { requeueAfterMs: Math.min(left, recheckInMs ?? left) };
    }
    const held = known ? undefined : progressOf(status);
    if (held && contradicted(record, progressOf(before), held)) {
      const left = record.writtenAt + CONTRADICTED_MS - now;
      if (left > 0) return { requeueAfterMs: Math.min(left, recheckInMs ?? left) };
    }
    const { outcome, object } = await patchStatus(this.#options.client, RESOURCES.sessions, session, status, signal);
    if (outcome === 'conflict') return CONFLICT;
    if (outcome !== 'written') return recheck;
    record.writtenAt = now;
    record.held = held;
    wrote(record, session, object);
    const reviews = known ? view.state.reviews : [];
    // Reviews from before this process began were announced by the one that saw them.
    const announced = record.reviews ?? (before.log ? reviews.length : 0);
    for (const note of announcements(session, before, status, reviews.slice(announced)))
      this.#options.events.record(object, note);
    if (known) record.reviews = reviews.length;
    return recheck;
  }

  async #addFinalizer(session: AgentSession, record: SessionRecord, key: string, signal: AbortSignal): Promise<ProcessResult> {
    const finalizers = [...(session.metadata.finalizers ?? []), FINALIZER];
    const result = await patchFinalizers(this.#options.client, session, finalizers, signal);
    if (result === 'conflict') return CONFLICT;
    if (result === 'gone') return undefined;
    wrote(record, session, result);
    return this.reconcile(key, signal);
  }

  async #delete(session: AgentSession, reason: string, signal: AbortSignal): Promise<ProcessResult> {
    const { namespace, name, uid } = session.metadata;
    this.#options.logger.info(`deleting the session: it ${reason}`, sessionFields(session.metadata));
    try {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await this.#options.client.delete(RESOURCES.sessions, namespace, name, preconditions, signal);
    } catch (error) {
      if (!(error instanceof KubeError && (error.code === 404 || error.code === 409))) throw error;
    }
    return undefined;
  }

  /** The object is gone without having waited for us: somebody took the finalizer away. */
  #vanished(key: string, uid: string): void {
    this.#uids.delete(key);
    this.#releases.delete(uid);
    this.#slots.leave(uid);
    const record = this.#records.get(uid);
    this.#records.delete(uid);
    if (!record) return;
    record.vanished = true;
    if (record.cleanup.state === 'none' || record.cleanup.state === 'failed') this.#removal.begin(record.session, record, key);
  }
}

function uidOf({ metadata }: AgentSession): string {
  return metadata.uid ?? '';
}

function progressOf({ conditions }: AgentSessionStatus): Hold | undefined {
  return conditions?.find(({ type }) => type === 'Progressing');
}
