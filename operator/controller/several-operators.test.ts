import { describe, expect, it } from '@jest/globals';
import { ControllersSuite, conditionOf } from '../../test/support/controllers.ts';
import { eventually } from '../../test/support/eventually.ts';

const suite = new ControllersSuite();
const { startOperator, createSession, createProfile, get, inPhase, isGone, remove } = suite;

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
    await remove('second');
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
