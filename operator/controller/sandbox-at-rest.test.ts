import { describe, expect, it } from '@jest/globals';
import { ControllersSuite, conditionOf, creepingClock, planned } from '../../test/support/controllers.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { ManualClock } from '../../test/support/manual-clock.ts';
import type { SessionScript } from '../../test/support/session-script.ts';

const suite = new ControllersSuite();
const { startOperator, createSession, createProfile, get, patch, inPhase, saidOf } = suite;

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
