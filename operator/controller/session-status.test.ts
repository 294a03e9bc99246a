import { describe, expect, it } from '@jest/globals';
import { ControllersSuite, conditionOf, creepingClock, planned } from '../../test/support/controllers.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type AgentSession, FINALIZER, RESOURCES } from '../api/resources.ts';
import { RESTART_AFTER_ERROR_MS } from './policies.ts';

const suite = new ControllersSuite();
const { startOperator, createSession, createProfile, get, patch, inPhase, saidOf } = suite;

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
      const options = { namespace: suite.namespace, resourceVersion: before.metadata.resourceVersion ?? '' };
      for await (const event of suite.client.watch<AgentSession>(RESOURCES.sessions, options, watching.signal))
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
      const labelled = suite.client.mergePatch(RESOURCES.sessions, suite.namespace, 's', {
        metadata: { labels: { [`l${i}`]: 'x' } },
      });
      if (i === 2) tasks.until(uid, 'Programming');
      await labelled;
    }
    const session = await inPhase('s', 'Programming');
    expect(Object.keys((await get('s')).metadata.labels ?? {})).toEqual(['l0', 'l1', 'l2', 'l3', 'l4']);
    expect(session.metadata.finalizers).toEqual([FINALIZER]);
  });
});
