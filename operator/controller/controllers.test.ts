import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type EmbeddedApi, startEmbeddedApi } from '../../local/api/server.ts';
import { eventually, PATIENCE_MS, patience } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { ScriptedTasks } from '../../test/support/scripted-tasks.ts';
import type { SessionScript } from '../../test/support/session-script.ts';
import {
  type AgentSession,
  type AIProfile,
  API_VERSION,
  CREDENTIAL_LABEL,
  FINALIZER,
  HOSTS_ANNOTATION,
  type KubeObject,
  RESOURCES,
  type Secret,
} from '../api/resources.ts';
import type { AgentSessionSpec, AIProfileSpec } from '../api/types.gen.ts';
import type { Clock } from '../clock.ts';
import { KubeError } from '../kube/client.ts';
import { EventRecorder } from '../kube/events.ts';
import { HttpKubeClient } from '../kube/http-client.ts';
import { type ModelAnswer, ModelError } from '../llm/provider.ts';
import { Caches } from './caches.ts';
import { Controllers, type ControllersOptions } from './controllers.ts';
import { ModelFindings, versionOf } from './model-findings.ts';
import { CLEANUP_DEADLINE_MS, RESTART_AFTER_ERROR_MS } from './policies.ts';

/** A minute passes in 0.3 s. */
const FAST = 200;
const began = Date.now();
const fastClock: Clock = {
  now: () => began + (Date.now() - began) * FAST,
  after(ms, fn) {
    const timer = setTimeout(fn, ms / FAST);
    return () => clearTimeout(timer);
  },
};

/**
 * A clock that a test lets jump. By itself it only creeps, so that what failed is tried again: a fifth of the time that
 * really passes, and so never a retry's or a counter's interval.
 */
function creepingClock(from = Date.now()): ManualClock & Disposable {
  const clock = new ManualClock(from);
  const timer = setInterval(() => void clock.advance(1), 5);
  return Object.assign(clock, { [Symbol.dispose]: () => clearInterval(timer) });
}

let folder: string;
let api: EmbeddedApi;
let client: HttpKubeClient;
const closing = new AbortController();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'controllers-'));
  const crds = ['agentsession', 'aiprofile'].map((name) => join(import.meta.dirname, '../../crds', `${name}.yaml`));
  api = await startEmbeddedApi({
    stateDir: join(folder, 'state'),
    kubeconfigPath: join(folder, 'kubeconfig'),
    crds,
    user: 'ada',
  });
  client = new HttpKubeClient({
    baseUrl: api.url,
    ca: api.caPem,
    headers: async () => ({ authorization: `Bearer ${api.token}` }),
    signal: closing.signal,
  });
});
afterAll(async () => {
  closing.abort();
  await api.close();
  await rm(folder, { recursive: true });
});

let namespace: string;
let count = 0;
const operators: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  namespace = `ns${++count}`;
  await client.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});
afterEach(async () => {
  for (const operator of operators.splice(0)) await operator.stop();
});

async function startOperator(
  options: Partial<ControllersOptions> & { logs?: Map<string, SessionScript>; prepare?: (tasks: ScriptedTasks) => void } = {},
) {
  const { logs, prepare, ...rest } = options;
  const stop = new AbortController();
  const logger = new KeepingLogger();
  const caches = new Caches({ client, namespaces: [namespace], logger });
  const running = caches.run(stop.signal);
  const tasks = new ScriptedTasks(logs);
  prepare?.(tasks);
  const events = new EventRecorder({ client, controller: 'sweagent.dev/operator', instance: 'test', logger });
  const controllers = new Controllers({
    client,
    caches,
    tasks,
    events,
    findings: new ModelFindings(Date.now),
    logger,
    maxRunning: 10,
    countersIntervalMs: 60_000,
    ...rest,
  });
  await controllers.start();
  const operator = {
    tasks,
    controllers,
    logger,
    async stop() {
      await controllers.stop(PATIENCE_MS);
      await events.stop(patience());
      stop.abort();
      await running;
    },
  };
  operators.push(operator);
  return operator;
}

async function createSession(name: string, spec: Partial<AgentSessionSpec> = {}): Promise<string> {
  const session = await client.create<AgentSession>(RESOURCES.sessions, {
    apiVersion: API_VERSION,
    kind: 'AgentSession',
    metadata: { name, namespace },
    spec: { goal: 'Mend the sum', repository: { url: 'https://github.com/acme/sum.git' }, ...spec },
  });
  return session.metadata.uid ?? '';
}

async function createProfile(name: string, spec: Partial<AIProfileSpec> = {}): Promise<void> {
  const profile = {
    provider: 'openai-compatible' as const,
    model: 'm',
    baseUrl: 'http://127.0.0.1:1/v1',
    default: true,
    ...spec,
  };
  await client.create<AIProfile>(RESOURCES.profiles, {
    apiVersion: API_VERSION,
    kind: 'AIProfile',
    metadata: { name, namespace },
    spec: profile,
  });
}

async function createSecret(name: string, labels: Record<string, string>): Promise<void> {
  const data = { apiKey: Buffer.from('sk-test').toString('base64') };
  await client.create<Secret>(RESOURCES.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels, annotations: { [HOSTS_ANNOTATION]: '127.0.0.1' } },
    data,
  });
}

const get = (name: string) => client.get<AgentSession>(RESOURCES.sessions, namespace, name);
const patch = (name: string, spec: Partial<AgentSessionSpec>) =>
  client.mergePatch<AgentSession>(RESOURCES.sessions, namespace, name, { spec });
const conditionOf = (object: AgentSession | AIProfile, type: string) =>
  object.status?.conditions?.find((one) => one.type === type);
const inPhase = (name: string, phase: string) =>
  eventually(`${name} in ${phase}`, async () => {
    const session = await get(name);
    return session.status?.phase === phase ? session : undefined;
  });
const isGone = (name: string) =>
  eventually(`${name} to be gone`, () =>
    get(name).then(
      () => false,
      (error: unknown) => error instanceof KubeError && error.code === 404,
    ),
  );
/** Waits until a session is to be looked at again later, and nothing is at work now. */
const planned = (controllers: Controllers) =>
  eventually('a look at a later time to be planned', () => {
    const { ready, processing, delayed } = controllers.load.queue;
    return ready + processing === 0 && delayed > 0;
  });
const saidOf = async (name: string) => {
  type Said = KubeObject & { reason: string; eventTime: string; regarding: { name: string } };
  const { items } = await client.list<Said>(RESOURCES.events, { namespace });
  return items
    .filter(({ regarding }) => regarding.name === name)
    .toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1))
    .map(({ reason }) => reason);
};

describe('a session that nobody but kubectl made', () => {
  it('waits for a profile, starts by itself when one appears, and is told to its end', async () => {
    const { tasks } = await startOperator();
    const uid = await createSession('s');
    const queued = await inPhase('s', 'Queued');
    expect(conditionOf(queued, 'ProfileResolved')).toMatchObject({ status: 'False', reason: 'NoProfile' });
    expect(conditionOf(queued, 'Progressing')).toMatchObject({ status: 'False', reason: 'NoProfile' });
    expect(queued.metadata.finalizers).toEqual([FINALIZER]);
    expect(tasks.ensured).toEqual([]);

    await createProfile('main');
    const started = await inPhase('s', 'Provisioning');
    expect(conditionOf(started, 'ProfileResolved')).toMatchObject({ status: 'True' });
    tasks.until(uid, 'Completed');
    const done = await inPhase('s', 'Completed');
    expect(done.status).toMatchObject({ observedGeneration: 1, result: { branch: 'swe-agent/x', verified: true } });
    await eventually('all events', async () => (await saidOf('s')).includes('Completed'));
    expect(await saidOf('s')).toEqual([
      'NoProfile',
      'ProfileResolved',
      'Started',
      'SandboxReady',
      'PlanReady',
      'IterationStarted',
      'ChecksPassed',
      'ReviewApproved',
      'Published',
      'Completed',
    ]);
  });

  it('has the finalizer before the engine gets it', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    await createSession('s');
    await inPhase('s', 'Provisioning');
    expect(tasks.ensured[0]?.metadata.finalizers).toContain(FINALIZER);
  });

  it('hands every change of its object to the engine, once', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const uid = await createSession('s', { mode: 'review' });
    await inPhase('s', 'Provisioning');
    tasks.until(uid, 'WaitingForUser');
    const waiting = await inPhase('s', 'WaitingForUser');
    expect(waiting.status?.plan?.revision).toBe(1);
    expect(tasks.running).toEqual([]);
    const before = tasks.ensured.length;
    await patch('s', { approvedPlan: 1 });
    const approved = await inPhase('s', 'Programming');
    expect(approved.status?.observedGeneration).toBe(2);
    await patch('s', { suspend: true });
    await inPhase('s', 'Paused');
    await patch('s', { suspend: false });
    await inPhase('s', 'Programming');
    await patch('s', { cancelled: true });
    const over = await inPhase('s', 'Cancelled');
    expect(conditionOf(over, 'Finished')).toMatchObject({ status: 'True', reason: 'Cancelled' });
    expect(tasks.ensured.slice(before).map(({ metadata }) => metadata.generation)).toEqual([2, 3, 4, 5]);
  });

  it('can be cancelled while it waits for a profile', async () => {
    await startOperator();
    await createSession('s');
    await inPhase('s', 'Queued');
    await patch('s', { cancelled: true });
    await inPhase('s', 'Cancelled');
  });

  it('says what the engine waits for, and that it goes on', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.trouble(uid, { reason: 'LogUnavailable', message: 'the disk is full' });
    await eventually('the reason', async () => conditionOf(await get('s'), 'Progressing')?.reason === 'LogUnavailable');
    tasks.trouble(uid, undefined);
    await eventually('the end of it', async () => conditionOf(await get('s'), 'Progressing')?.status === 'True');
  });

  it('is started again after its task gave up, but not without pause', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks, controllers } = await startOperator({ clock });
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.trouble(uid, { reason: 'EngineError', message: 'the log is damaged' }, true);
    await eventually('the reason', async () => conditionOf(await get('s'), 'Progressing')?.reason === 'EngineError');
    await planned(controllers);
    expect(tasks.ensured).toHaveLength(1);
    await clock.advance(RESTART_AFTER_ERROR_MS);
    await eventually('another try', () => tasks.ensured.length === 2);
    await eventually('work again', async () => conditionOf(await get('s'), 'Progressing')?.status === 'True');
  });
});

describe('the status', () => {
  it('is written at once for a transition, now and then for counters, and not at all when nothing changed', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks, controllers } = await startOperator({ clock, countersIntervalMs: 60_000 });
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.until(uid, 'Programming');
    const before = await inPhase('s', 'Programming');
    let versions = 0;
    const watching = new AbortController();
    const watch = (async () => {
      const options = { namespace, resourceVersion: before.metadata.resourceVersion ?? '' };
      for await (const event of client.watch<AgentSession>(RESOURCES.sessions, options, watching.signal))
        if (event.type === 'MODIFIED') versions++;
    })().catch(() => undefined);
    for (let i = 0; i < 40; i++) {
      tasks.work(uid, 1);
      // A look at the session in between is no reason to write counters.
      tasks.trouble(uid, undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await planned(controllers);
    expect((await get('s')).status?.steps ?? 0).toBeLessThan(40);
    await clock.advance(60_000);
    await eventually('all counters', async () => ((await get('s')).status?.steps ?? 0) >= 40);
    await eventually('the watch to see it', () => versions > 0);
    expect(versions).toBeLessThanOrEqual(2);
    await clock.advance(60_000);
    await eventually('nothing to come back for', () => Object.values(controllers.load.queue).every((keys) => keys === 0));
    const quiet = (await get('s')).metadata.resourceVersion;
    tasks.trouble(uid, undefined);
    await eventually('nothing to do', () => controllers.load.queue.ready === 0 && controllers.load.queue.processing === 0);
    expect((await get('s')).metadata.resourceVersion).toBe(quiet);
    watching.abort();
    await watch;
  });

  it('is written ever less often for counters the longer the session takes, and at once for a transition all the same', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks, controllers } = await startOperator({ clock, countersIntervalMs: 10_000 });
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.until(uid, 'Programming');
    await inPhase('s', 'Programming');
    const versions = new Set<string | undefined>();
    const step = async (passesMs: number) => {
      tasks.work(uid, 1);
      await clock.advance(passesMs);
      await eventually('nothing to do', () => controllers.load.queue.ready + controllers.load.queue.processing === 0);
      versions.add((await get('s')).metadata.resourceVersion);
    };
    for (let done = 0; done < 50; done++) await step(6_000);
    // Every ten seconds it would be 25. How old the session is, the API server says by a clock of its own.
    expect(versions.size).toBeGreaterThan(2);
    expect(versions.size).toBeLessThanOrEqual(12);
    await clock.advance(120_000);
    await eventually('all counters', async () => ((await get('s')).status?.steps ?? 0) >= 50);
    tasks.until(uid, 'Completed');
    await inPhase('s', 'Completed');
  });

  it('does not undo what somebody else wrote meanwhile', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    for (let i = 0; i < 5; i++) {
      const labelled = client.mergePatch(RESOURCES.sessions, namespace, 's', { metadata: { labels: { [`l${i}`]: 'x' } } });
      if (i === 2) tasks.until(uid, 'Programming');
      await labelled;
    }
    const session = await inPhase('s', 'Programming');
    expect(Object.keys((await get('s')).metadata.labels ?? {})).toEqual(['l0', 'l1', 'l2', 'l3', 'l4']);
    expect(session.metadata.finalizers).toEqual([FINALIZER]);
  });
});

describe('two operators with logs of their own, by mistake', () => {
  it('do not quarrel: the one whose log does not have the session says so once, and the other has the last word', async () => {
    await createProfile('main');
    const first = await startOperator();
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    first.tasks.until(uid, 'Programming');
    await inPhase('s', 'Programming');
    const second = await startOperator();
    await eventually('the second to try', () => second.tasks.ensured.length > 0);
    const damaged = { reason: 'LogDamaged', message: 'acknowledged writes were lost' };
    second.tasks.trouble(uid, damaged, true);
    await eventually('both to have their say', async () => {
      const before = (await get('s')).metadata.resourceVersion;
      // Looked at again and again, neither has anything to write.
      for (const { tasks, controllers } of [first, second]) {
        tasks.trouble(uid, tasks === second.tasks ? damaged : undefined, tasks === second.tasks);
        await eventually('nothing to do', () => controllers.load.queue.ready === 0 && controllers.load.queue.processing === 0);
      }
      const now = await get('s');
      return now.metadata.resourceVersion === before && conditionOf(now, 'Progressing')?.status === 'True';
    });
  });
});

describe('sessions beyond the limit', () => {
  it('wait in Queued with a reason and start in the order of their priority', async () => {
    await createProfile('main');
    const { tasks, controllers } = await startOperator({ maxRunning: 1 });
    const first = await createSession('first');
    await inPhase('first', 'Provisioning');
    const low = await createSession('low', { priority: 1 });
    const high = await createSession('high', { priority: 9 });
    for (const name of ['low', 'high']) {
      const waiting = await inPhase(name, 'Queued');
      expect(conditionOf(waiting, 'Progressing')).toMatchObject({ status: 'False', reason: 'WaitingForSlot' });
    }
    expect(tasks.running).toEqual([first]);
    expect(controllers.load.slots).toEqual({ max: 1, held: 1, waiting: 2 });
    tasks.until(first, 'Completed');
    await inPhase('high', 'Provisioning');
    expect(tasks.running).toEqual([high]);
    tasks.until(high, 'Completed');
    await inPhase('low', 'Provisioning');
    expect(tasks.running).toEqual([low]);
  });

  it('give way when a session waits for its user, and stand aside when they are deleted', async () => {
    await createProfile('main');
    const { tasks } = await startOperator({ maxRunning: 1 });
    const first = await createSession('first', { mode: 'review' });
    await inPhase('first', 'Provisioning');
    await createSession('second', { priority: 5 });
    const third = await createSession('third');
    await inPhase('second', 'Queued');
    await inPhase('third', 'Queued');
    await client.delete(RESOURCES.sessions, namespace, 'second');
    await isGone('second');
    tasks.until(first, 'WaitingForUser');
    await inPhase('third', 'Provisioning');
    expect(tasks.running).toEqual([third]);
  });
});

describe('sessions of other operators', () => {
  it('take no place, and are taken up with one when their operator lets go of them', async () => {
    await createProfile('main');
    const { tasks, controllers } = await startOperator({ maxRunning: 1 });
    const theirs = await createSession('theirs');
    await inPhase('theirs', 'Provisioning');
    tasks.elsewhere(theirs, true);
    await eventually('the place to be free', () => controllers.load.slots.held === 0);
    expect(controllers.load.slots.waiting).toBe(0);
    const own = await createSession('own');
    await inPhase('own', 'Provisioning');
    const before = (await get('theirs')).status;
    expect(conditionOf(await get('theirs'), 'Progressing')?.status).toBe('True');

    tasks.elsewhere(theirs, false);
    await eventually('the reason', async () => conditionOf(await get('theirs'), 'Progressing')?.reason === 'WaitingForSlot');
    expect((await get('theirs')).status?.phase).toBe(before?.phase);
    expect(tasks.running).toEqual([own]);
    expect(controllers.load.slots).toEqual({ max: 1, held: 1, waiting: 1 });
    tasks.until(own, 'Completed');
    await eventually('its turn', () => tasks.running.includes(theirs));
    expect(controllers.load.slots).toEqual({ max: 1, held: 1, waiting: 0 });
  });
});

describe('a session that is deleted', () => {
  it('leaves nothing behind, whether it runs or rests', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const running = await createSession('running');
    const resting = await createSession('resting');
    await inPhase('running', 'Provisioning');
    await inPhase('resting', 'Provisioning');
    tasks.until(resting, 'Completed');
    await inPhase('resting', 'Completed');
    for (const name of ['running', 'resting']) await client.delete(RESOURCES.sessions, namespace, name);
    await isGone('running');
    await isGone('resting');
    expect(tasks.cleaned.toSorted()).toEqual([running, resting].toSorted());
  });

  it('stays until what belongs to it is removed, and a removal that fails is tried again', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks, controllers } = await startOperator({ clock });
    await createSession('s');
    await inPhase('s', 'Provisioning');
    let tries = 0;
    tasks.removal = async () => {
      if (++tries < 3) throw new Error('the sandbox is busy');
    };
    await client.delete(RESOURCES.sessions, namespace, 's');
    for (const attempt of [1, 2]) {
      await eventually('a try', () => tries === attempt);
      await planned(controllers);
      expect((await get('s')).metadata.deletionTimestamp).toBeDefined();
      await clock.advance(5_000);
    }
    await isGone('s');
    expect(tries).toBe(3);
  });

  it('is let go with a warning when its removal does not come to an end', async () => {
    await createProfile('main');
    const { tasks } = await startOperator({ clock: fastClock });
    await createSession('s');
    await inPhase('s', 'Provisioning');
    let aborted = false;
    tasks.removal = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    await client.delete(RESOURCES.sessions, namespace, 's');
    await isGone('s');
    expect(aborted).toBe(true);
    await eventually('the warning', async () => (await saidOf('s')).includes('CleanupIncomplete'));
  });

  it('is let go with a warning that says why when its removal fails each time, after the same minute', async () => {
    await createProfile('main');
    const { tasks } = await startOperator({ clock: fastClock });
    await createSession('s');
    await inPhase('s', 'Provisioning');
    let tries = 0;
    tasks.removal = async () => {
      tries++;
      throw new Error('the log cannot be reached');
    };
    const asked = fastClock.now();
    await client.delete(RESOURCES.sessions, namespace, 's');
    await isGone('s');
    expect(fastClock.now() - asked).toBeGreaterThanOrEqual(CLEANUP_DEADLINE_MS);
    expect(tries).toBeGreaterThan(0);
    const warning = await eventually('the warning', async () =>
      (await client.list<KubeObject & { reason: string; note: string }>(RESOURCES.events, { namespace })).items.find(
        ({ reason }) => reason === 'CleanupIncomplete',
      ),
    );
    expect(warning.note).toBe('Not everything of the session was removed within 60 s: the log cannot be reached');
    // Nobody is left to hold the name: it can be used again.
    tasks.removal = async () => {};
    await createSession('s');
    await inPhase('s', 'Provisioning');
  });

  it('is cleaned up as well when its finalizer was taken away, also when the name is used again', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const old = await createSession('s');
    await inPhase('s', 'Provisioning');
    await client.mergePatch(RESOURCES.sessions, namespace, 's', { metadata: { finalizers: null } });
    await client.delete(RESOURCES.sessions, namespace, 's').catch(() => undefined);
    await eventually('the removal', () => tasks.cleaned.includes(old));
    await eventually('the name to be free', async () => {
      try {
        return await createSession('s');
      } catch {
        return undefined;
      }
    });
    await inPhase('s', 'Provisioning');
    expect((await get('s')).metadata.uid).not.toBe(old);
    expect(tasks.cleaned).toEqual([old]);
  });

  it('is deleted by the operator when it finished and its time is over', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const uid = await createSession('s', { ttlSecondsAfterFinished: 1 });
    await inPhase('s', 'Provisioning');
    // The script's clock stands long before now.
    tasks.until(uid, 'Completed');
    await isGone('s');
    expect(tasks.cleaned).toEqual([uid]);
  });
});

describe('an operator that starts', () => {
  it('takes up every session that is not at rest, and does not touch the others', async () => {
    await createProfile('main');
    const logs = new Map<string, SessionScript>();
    const first = await startOperator({ logs });
    const working = await createSession('working');
    const waiting = await createSession('waiting', { mode: 'review' });
    const done = await createSession('done');
    for (const name of ['working', 'waiting', 'done']) await inPhase(name, 'Provisioning');
    first.tasks.until(working, 'Programming');
    first.tasks.until(waiting, 'WaitingForUser');
    first.tasks.until(done, 'Completed');
    await inPhase('working', 'Programming');
    await inPhase('waiting', 'WaitingForUser');
    const before = await inPhase('done', 'Completed');
    await first.stop();
    await createSession('new');

    const second = await startOperator({ logs });
    await inPhase('new', 'Provisioning');
    await eventually('the session that worked', () => second.tasks.running.includes(working));
    expect(second.tasks.ensured.map(({ metadata }) => metadata.name).toSorted()).toEqual(['new', 'working']);
    expect((await get('done')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    await patch('waiting', { approvedPlan: 1 });
    await inPhase('waiting', 'Programming');
  });

  it('gives places to begun work first and then by priority', async () => {
    await createProfile('main');
    const logs = new Map<string, SessionScript>();
    const first = await startOperator({ logs, maxRunning: 1 });
    const begun = await createSession('begun');
    await inPhase('begun', 'Provisioning');
    await createSession('a-low');
    await createSession('z-high', { priority: 7 });
    await inPhase('a-low', 'Queued');
    await inPhase('z-high', 'Queued');
    await first.stop();
    const second = await startOperator({ logs, maxRunning: 2 });
    await eventually('two sessions', () => second.tasks.running.length === 2);
    expect(second.tasks.running[0]).toBe(begun);
    await inPhase('z-high', 'Provisioning');
    expect((await get('a-low')).status?.phase).toBe('Queued');
  });

  it('does not say the same verdicts again', async () => {
    await createProfile('main');
    const logs = new Map<string, SessionScript>();
    const first = await startOperator({ logs });
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    first.tasks.until(uid, 'Publishing');
    await inPhase('s', 'Publishing');
    await first.stop();
    const second = await startOperator({ logs });
    await eventually('the session', () => second.tasks.running.includes(uid));
    second.tasks.until(uid, 'Completed');
    await inPhase('s', 'Completed');
    await eventually('the end', async () => (await saidOf('s')).includes('Completed'));
    expect((await saidOf('s')).filter((reason) => reason === 'ReviewApproved')).toHaveLength(1);
  });
});

describe('the sandbox of a session at rest', () => {
  const HOUR_MS = 3_600_000;
  const times = { finishedMs: HOUR_MS, waitingMs: 4 * HOUR_MS };
  /** A session's script begins there, and takes less than two minutes. */
  const scriptEnds = Date.parse('2026-01-01T00:02:00Z');
  const startReleasing = (clock: ManualClock, logs: Map<string, SessionScript>, releases = true) =>
    startOperator({
      clock,
      logs,
      release: { times, defaultSandboxType: 'pod' },
      prepare: (tasks) => Object.assign(tasks, { sandboxType: 'pod', release: times, releases }),
    });
  const ready = async (name: string) => conditionOf(await get(name), 'SandboxReady')?.reason;
  const released = (name: string) => eventually(`${name} to be without sandbox`, async () => (await ready(name)) === 'Released');

  it('is given back when its time is over, once, and without a warning', async () => {
    await createProfile('main');
    using clock = creepingClock(scriptEnds);
    const { tasks, controllers } = await startReleasing(clock, new Map());
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.until(uid, 'Completed');
    await inPhase('s', 'Completed');
    await planned(controllers);
    await clock.advance(HOUR_MS - 240_000);
    await planned(controllers);
    expect(await ready('s')).toBe('Ready');
    expect(tasks.ensured).toHaveLength(1);
    await clock.advance(300_000);
    await released('s');
    const { status } = await get('s');
    expect(status).toMatchObject({ phase: 'Completed', result: { branch: 'swe-agent/x' } });
    expect(status?.sandbox).toBeUndefined();
    await eventually('the event', async () => (await saidOf('s')).includes('SandboxReleased'));
    expect(await saidOf('s')).not.toContain('SandboxLost');
    await eventually('nothing to come back for', () => Object.values(controllers.load.queue).every((keys) => keys === 0));
    expect(tasks.ensured).toHaveLength(2);
    expect(controllers.load.slots.held).toBe(0);
  });

  it('is given back by an operator that starts later, and not looked at again by the next one', async () => {
    await createProfile('main');
    const logs = new Map<string, SessionScript>();
    using clock = creepingClock(scriptEnds);
    const first = await startReleasing(clock, logs);
    const [done, waiting] = [await createSession('done'), await createSession('waiting', { mode: 'review' })];
    for (const name of ['done', 'waiting']) await inPhase(name, 'Provisioning');
    first.tasks.until(done, 'Completed');
    first.tasks.until(waiting, 'WaitingForUser');
    for (const [name, phase] of [
      ['done', 'Completed'],
      ['waiting', 'WaitingForUser'],
    ] as const)
      await inPhase(name, phase);
    await first.stop();

    await clock.advance(HOUR_MS + 60_000);
    const second = await startReleasing(clock, logs);
    await released('done');
    await planned(second.controllers);
    expect(second.tasks.ensured.map(({ metadata }) => metadata.name)).toEqual(['done']);
    expect(await ready('waiting')).toBe('Ready');
    await second.stop();

    await clock.advance(HOUR_MS);
    const third = await startReleasing(clock, logs);
    await planned(third.controllers);
    expect(third.tasks.ensured).toEqual([]);
    await patch('done', { inputs: [{ id: 'm', message: 'once more' }] });
    await inPhase('done', 'Planning');
    expect(await ready('done')).toBe('Released');
  });

  it('that an operator had begun to give back is given back by the next one at once', async () => {
    await createProfile('main');
    const logs = new Map<string, SessionScript>();
    using clock = creepingClock(scriptEnds);
    const first = await startReleasing(clock, logs, false);
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    first.tasks.until(uid, 'Completed');
    await inPhase('s', 'Completed');
    await clock.advance(HOUR_MS + 60_000);
    await eventually('the intent', async () => (await ready('s')) === 'Releasing');
    await first.stop();
    await startReleasing(clock, logs);
    await released('s');
  });
});

describe('a profile', () => {
  const profile = (name: string) => client.get<AIProfile>(RESOURCES.profiles, namespace, name);
  const credentials = (name: string, reason: string) =>
    eventually(`${name}: ${reason}`, async () => conditionOf(await profile(name), 'CredentialsResolved')?.reason === reason);
  const openai = { provider: 'openai' as const, credentialSecretRef: { name: 'key' } };

  it('is followed as its Secret appears, gets its label and goes, and so is the session that waits for it', async () => {
    await startOperator({ clock: fastClock });
    await createProfile('main', openai);
    await createSession('s');
    await credentials('main', 'SecretNotFound');
    await eventually('the reason', async () => conditionOf(await get('s'), 'ProfileResolved')?.reason === 'SecretNotFound');
    await createSecret('key', {});
    await credentials('main', 'SecretNotLabelled');
    await client.mergePatch(RESOURCES.secrets, namespace, 'key', { metadata: { labels: { [CREDENTIAL_LABEL]: 'true' } } });
    await credentials('main', 'SecretFound');
    await inPhase('s', 'Provisioning');
    expect(conditionOf(await profile('main'), 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NotProbed' });
    await client.delete(RESOURCES.secrets, namespace, 'key');
    await credentials('main', 'SecretNotFound');
  });

  it('is ready when a call of a session was answered, and says so when its key is refused, until the key is changed', async () => {
    const findings = new ModelFindings(Date.now);
    const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0 };
    const answer: ModelAnswer = {
      text: '',
      calls: [{ id: '1', name: 'bash', arguments: '{}' }],
      stop: 'calls',
      usage,
      model: 'm',
    };
    const call = async (outcome: ModelAnswer | ModelError = answer) => {
      const provider = { call: async () => (outcome instanceof ModelError ? Promise.reject(outcome) : outcome) };
      const secret = await client.get<Secret>(RESOURCES.secrets, namespace, 'key');
      const watched = findings.watched(`${namespace}/main`, versionOf(await profile('main'), secret), provider);
      const request = { model: 'm', system: '', messages: [], tools: [], toolChoice: 'auto' as const };
      await watched.call(request, { signal: closing.signal }).catch(() => undefined);
    };
    const ready = (expected: string) =>
      eventually(expected, async () => {
        const condition = conditionOf(await profile('main'), 'Ready');
        return `${condition?.status} ${condition?.reason}` === expected;
      });
    await createSecret('key', { [CREDENTIAL_LABEL]: 'true' });
    await createProfile('main', openai);
    await startOperator({ findings });
    await ready('Unknown NotProbed');
    await call();
    await ready('True Answered');
    const { status, metadata } = await profile('main');
    expect(status?.toolCalling).toBe(true);
    await call();
    await call(new ModelError('transient', 'busy'));
    // Another profile's turn comes after those of this one.
    await createProfile('next', { ...openai, default: false });
    await credentials('next', 'SecretFound');
    expect((await profile('main')).metadata.resourceVersion).toBe(metadata.resourceVersion);
    await eventually('the refusal to be told', async () => {
      await call(new ModelError('access', 'the key was refused'));
      return conditionOf(await profile('main'), 'Ready')?.message === 'the key was refused';
    });
    await eventually('the event', async () => (await saidOf('main')).includes('ProviderAccess'));
    await client.mergePatch(RESOURCES.secrets, namespace, 'key', { stringData: { apiKey: 'another' } });
    await ready('Unknown NotProbed');
  });

  it('with an address that is none is refused, and says so also at the session', async () => {
    await createSecret('key', { [CREDENTIAL_LABEL]: 'true' });
    await createProfile('main', { ...openai, baseUrl: 'http://[' });
    await startOperator();
    await createSession('s');
    const queued = await inPhase('s', 'Queued');
    await eventually('the reason', async () => conditionOf(await get('s'), 'ProfileResolved')?.reason === 'InvalidBaseUrl');
    expect(queued.status?.phase).toBe('Queued');
    expect(conditionOf(await profile('main'), 'Accepted')).toMatchObject({ status: 'False', reason: 'InvalidBaseUrl' });
    await eventually('the event', async () => (await saidOf('main')).includes('InvalidBaseUrl'));
  });
});
