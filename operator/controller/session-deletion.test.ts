import { describe, expect, it } from '@jest/globals';
import { ControllersSuite, conditionOf, creepingClock, fastClock, planned } from '../../test/support/controllers.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type KubeObject, RESOURCES } from '../api/resources.ts';
import { SandboxUnavailableError } from '../sandbox/transport.ts';
import { CLEANUP_DEADLINE_MS } from './policies.ts';

const suite = new ControllersSuite();
const { startOperator, createSession, createProfile, get, inPhase, isGone, saidOf, remove } = suite;

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
    for (const name of ['running', 'resting']) await remove(name);
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
    await remove('s');
    for (const attempt of [1, 2]) {
      await eventually('a try', () => tries === attempt);
      const message = 'the sandbox is busy. 60 s after the first try the session goes all the same.';
      const { metadata } = await eventually('the reason', async () => {
        const session = await get('s');
        const { reason, message: said = '' } = conditionOf(session, 'Deleted') ?? {};
        return reason === 'CleanupFailed' && said.endsWith(message) && session;
      });
      expect(metadata.deletionTimestamp).toBeDefined();
      await planned(controllers);
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
    await remove('s');
    await isGone('s');
    expect(aborted).toBe(true);
    await eventually('the warning', async () => (await saidOf('s')).includes('CleanupIncomplete'));
  });

  it('says that its removal takes long', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks, controllers } = await startOperator({ clock });
    await createSession('s');
    await inPhase('s', 'Provisioning');
    const going = Promise.withResolvers<void>();
    tasks.removal = () => going.promise;
    await remove('s');
    await eventually('the removal', () => tasks.cleaned.length === 1);
    await planned(controllers);
    expect(conditionOf(await get('s'), 'Deleted')).toBeUndefined();
    await clock.advance(10_000);
    await eventually('the condition', async () => conditionOf(await get('s'), 'Deleted')?.reason === 'CleanupPending');
    going.resolve();
    await isGone('s');
  });

  it('is let go at once with a warning when its removal can only fail again', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks } = await startOperator({ clock });
    await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.removal = async () => {
      throw new SandboxUnavailableError('SandboxTypeUnavailable', 'there is no such sandbox', { permanent: true });
    };
    await remove('s');
    await isGone('s');
    expect(tasks.cleaned).toHaveLength(1);
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
    await remove('s');
    await isGone('s');
    expect(fastClock.now() - asked).toBeGreaterThanOrEqual(CLEANUP_DEADLINE_MS);
    expect(tries).toBeGreaterThan(0);
    const warning = await eventually('the warning', async () =>
      (
        await suite.client.list<KubeObject & { reason: string; note: string }>(RESOURCES.events, { namespace: suite.namespace })
      ).items.find(({ reason }) => reason === 'CleanupIncomplete'),
    );
    expect(warning.note).toBe('Not everything of the session was removed within 60 s: the log cannot be reached');
    // Nobody is left to hold the name: it can be used again.
    tasks.removal = async () => {};
    await createSession('s');
    await inPhase('s', 'Provisioning');
  });

  it('keeps its log until the last try to remove it, and not for longer', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks, controllers } = await startOperator({ clock });
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.removal = async () => {
      throw new Error('the sandbox cannot be reached');
    };
    await remove('s');
    await eventually('the reason', async () => conditionOf(await get('s'), 'Deleted')?.reason === 'CleanupFailed');
    await planned(controllers);
    expect(tasks.forgotten).toEqual([]);
    await clock.advance(CLEANUP_DEADLINE_MS - 1_000);
    await eventually('the log to be gone', () => tasks.forgotten.includes(uid));
    await clock.advance(1_000);
    await isGone('s');
  });

  it('takes its log along when it is let go at once, or in the middle of a try', async () => {
    await createProfile('main');
    const { tasks } = await startOperator({ clock: fastClock });
    const uids = [await createSession('refused'), await createSession('hanging')];
    for (const name of ['refused', 'hanging']) await inPhase(name, 'Provisioning');
    tasks.removal = async ({ metadata }, signal) => {
      if (metadata.name === 'refused') throw new SandboxUnavailableError('SandboxTypeUnavailable', 'no', { permanent: true });
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    for (const name of ['refused', 'hanging']) await remove(name);
    for (const name of ['refused', 'hanging']) await isGone(name);
    await eventually('the logs to be gone', () => uids.every((uid) => tasks.forgotten.includes(uid)));
  });

  it('takes its log along when its finalizer is taken away between two tries', async () => {
    await createProfile('main');
    using clock = creepingClock();
    const { tasks } = await startOperator({ clock });
    const uid = await createSession('s');
    await inPhase('s', 'Provisioning');
    tasks.removal = async () => {
      throw new Error('the sandbox cannot be reached');
    };
    await remove('s');
    await eventually('the reason', async () => conditionOf(await get('s'), 'Deleted')?.reason === 'CleanupFailed');
    expect(tasks.forgotten).toEqual([]);
    await suite.client.mergePatch(RESOURCES.sessions, suite.namespace, 's', { metadata: { finalizers: null } });
    await isGone('s');
    await eventually('the log to be gone', () => tasks.forgotten.includes(uid));
  });

  it('is cleaned up as well when its finalizer was taken away, also when the name is used again', async () => {
    await createProfile('main');
    const { tasks } = await startOperator();
    const old = await createSession('s');
    await inPhase('s', 'Provisioning');
    await suite.client.mergePatch(RESOURCES.sessions, suite.namespace, 's', { metadata: { finalizers: null } });
    await remove('s').catch(() => undefined);
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
