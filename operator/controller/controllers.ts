/** The two controllers at work: informers and the engine say which keys changed, queues have them reconciled. */
import type { AgentSession } from '../api/resources.ts';
import type { Clock } from '../clock.ts';
import type { SessionTasks } from '../engine/session-tasks.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { keyOf } from '../kube/key.ts';
import { type QueueMeter, WorkQueue } from '../kube/work-queue.ts';
import { describeError, type Logger } from '../logger.ts';
import { sessionFields } from '../session-log.ts';
import type { Caches } from './caches.ts';
import type { ModelFindings } from './model-findings.ts';
import { isSettled } from './policies.ts';
import type { ProfileProbes } from './profile-probes.ts';
import { ProfileReconciler } from './profile-reconciler.ts';
import { SessionReconciler } from './session-reconciler.ts';
import type { ReleaseSettings } from './session-release.ts';
import { compareRanks, rankOf } from './slots.ts';

export type ControllersOptions = {
  client: KubeClient;
  caches: Caches;
  tasks: SessionTasks;
  events: EventRecorder;
  /** What calls find out about models. */
  findings: ModelFindings;
  /** Tries models; when left out, only calls of sessions tell whether they answer. */
  probes?: ProfileProbes;
  logger: Logger;
  /** Sessions that may run at the same time. */
  maxRunning: number;
  /** Counters and recent log lines are written at most this often, in milliseconds. Default: 10 s. */
  countersIntervalMs?: number;
  /** After what rest sandboxes are given back; never when left out. */
  release?: ReleaseSettings;
  clock?: Clock;
  /** Meters for the queue of each controller, whose depth it can ask for. */
  meter?: (controller: string, depth: () => number) => QueueMeter;
};

/** Sessions reconciled at the same time. Each waits mostly for the API server. */
const SESSION_WORKERS = 8;
const PROFILE_WORKERS = 2;
/** All calls of a model within this time lead to one look at its profile. */
const KNOWN_AGAIN_MS = 2_000;

export class Controllers {
  readonly #options: ControllersOptions;
  readonly #countersIntervalMs: number;
  readonly #sessions: SessionReconciler;
  readonly #profiles: ProfileReconciler;
  readonly #sessionQueue: WorkQueue;
  readonly #profileQueue: WorkQueue;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: ControllersOptions) {
    const { client, caches, tasks, events, findings, logger, maxRunning, release, clock, meter } = options;
    this.#options = options;
    this.#countersIntervalMs = options.countersIntervalMs ?? 10_000;
    const timing = clock ? { clock } : {};
    this.#sessions = new SessionReconciler({
      client,
      caches,
      tasks,
      events,
      logger,
      maxRunning,
      enqueue: (key) => this.#sessionQueue.add(key),
      countersIntervalMs: this.#countersIntervalMs,
      ...(release && { release }),
      ...timing,
    });
    const { probes } = options;
    this.#profiles = new ProfileReconciler({ client, caches, events, findings, ...(probes && { probes }), ...timing });
    const onError = (kind: string, fieldsOf: (key: string) => object) => (key: string, error: unknown, retryInMs: number) =>
      logger.warn(`${kind} could not be reconciled; trying again`, {
        ...fieldsOf(key),
        error: describeError(error),
        retryInMs: Math.round(retryInMs),
      });
    this.#sessionQueue = new WorkQueue({
      process: (key, signal) => this.#sessions.reconcile(key, signal),
      onError: onError('session', (key) => {
        const session = caches.sessions.get(key);
        const [namespace, name] = key.split('/', 2);
        return sessionFields(session?.metadata ?? { name: name ?? '', ...(namespace !== undefined && { namespace }) });
      }),
      concurrency: SESSION_WORKERS,
      ...timing,
      ...(meter && { meter: meter('session', () => this.#sessionQueue.depth().ready) }),
    });
    this.#profileQueue = new WorkQueue({
      process: (key, signal) => this.#profiles.reconcile(key, signal),
      onError: onError('profile', (key) => {
        const [namespace, profile] = key.split('/', 2);
        return { profile, namespace };
      }),
      concurrency: PROFILE_WORKERS,
      ...timing,
      ...(meter && { meter: meter('profile', () => this.#profileQueue.depth().ready) }),
    });
  }

  /** Begins once the caches are filled. @throws the reason for which they were stopped before */
  async start(): Promise<void> {
    const { caches, tasks, findings, probes } = this.#options;
    await caches.synced();
    tasks.onChange(({ namespace, name }, urgent) => {
      const key = `${namespace}/${name}`;
      if (urgent) this.#sessionQueue.add(key);
      else this.#sessionQueue.addAfter(key, this.#countersIntervalMs);
    });
    this.#unsubscribe.push(
      caches.sessions.onChange((key) => this.#sessionQueue.add(key)),
      caches.profiles.onChange((key) => {
        this.#profileQueue.add(key);
        this.#profileChanged(key.slice(0, key.indexOf('/')));
      }),
      probes?.onNews((key) => {
        if (key !== undefined) this.#profileQueue.add(key);
        else for (const profile of caches.profiles.list()) this.#profileQueue.add(keyOf(profile));
      }) ?? (() => undefined),
      // What is known already matters only where another operator has found out something else.
      findings.onCall((key, news) => (news ? this.#profileQueue.add(key) : this.#profileQueue.addAfter(key, KNOWN_AGAIN_MS))),
      caches.secrets.onChange((key) => {
        for (const profile of this.#profiles.usersOf(key)) this.#profileQueue.add(profile);
      }),
    );
    for (const profile of caches.profiles.list()) this.#profileQueue.add(keyOf(profile));
    // Those whose turn it is first come first: places are given away in this order.
    for (const session of caches.sessions.list().toSorted(byRank)) this.#sessionQueue.add(keyOf(session));
    this.#profileQueue.start();
    this.#sessionQueue.start();
  }

  /** Begins nothing new and waits for what is being reconciled; the engine's tasks are not touched. */
  async stop(graceMs: number): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    await Promise.all([this.#sessionQueue.stop(graceMs), this.#profileQueue.stop(graceMs)]);
  }

  /** For metrics. */
  get load(): {
    slots: { max: number; held: number; waiting: number };
    queue: { ready: number; processing: number; delayed: number };
  } {
    return { slots: this.#sessions.slots, queue: this.#sessionQueue.depth() };
  }

  /** Which profile a session uses can change with any profile of its namespace, and so can what is said of defaults and fallbacks. */
  #profileChanged(namespace: string): void {
    for (const profile of this.#options.caches.profiles.list(namespace)) {
      if (profile.spec.default || profile.spec.fallbackRef) this.#profileQueue.add(keyOf(profile));
    }
    for (const session of this.#options.caches.sessions.list(namespace)) {
      if (!isSettled(session)) this.#sessionQueue.add(keyOf(session));
    }
  }
}

function byRank(a: AgentSession, b: AgentSession): number {
  return compareRanks(rankOf(a), rankOf(b));
}
