import { describe, expect, it } from '@jest/globals';
import { ControllersSuite } from '../../test/support/controllers.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { SessionScript } from '../../test/support/session-script.ts';

const suite = new ControllersSuite();
const { startOperator, createSession, createProfile, get, patch, inPhase, saidOf } = suite;

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
