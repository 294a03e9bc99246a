import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Engine, startEngine } from '../../test/support/engine.ts';
import { patience } from '../../test/support/eventually.ts';
import { aSession } from '../../test/support/objects.ts';
import { describeError } from '../logger.ts';
import type { SandboxType } from '../sandbox/transport.ts';

const UID = 'uid-deleted';

describe('a session that is deleted', () => {
  let engine: Engine;
  let reachable: boolean;
  const removed: string[] = [];

  beforeEach(async () => {
    removed.length = 0;
    engine = await startEngine({
      baseUrl: 'http://127.0.0.1:9',
      replace: ({ transport }) => {
        const local = transport('local');
        if (!local) throw new Error('there is no local transport');
        const dispose = async ({ uid }: { uid: string }) => {
          if (!reachable) throw new Error('the sandbox cannot be reached');
          removed.push(uid);
        };
        const listOrphans = async () => [];
        const own = Object.assign(Object.create(local), { dispose, listOrphans });
        return { transport: (type) => (type === 'local' ? own : undefined) };
      },
    });
    const { log, blobs } = engine.deps;
    const { epoch } = await log.claim(UID, 'somebody');
    await log.append(UID, epoch, 0, [{ type: 'log.line', time: '2030-01-01T00:00:00Z', level: 'info', text: 'begun' }]);
    await blobs.put(UID, Buffer.from('bytes'));
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  const session = aSession({}, {}, { name: 'deleted', uid: UID });
  const withSandbox = (type: SandboxType) =>
    aSession({}, { sandbox: { type, name: 'somewhere', uid: 'uid-1' } }, { name: 'deleted', uid: UID });
  const kept = async () => {
    const { log, blobs } = engine.deps;
    return [await log.sessions(), await blobs.sessions()].map((uids) => uids.includes(UID));
  };

  it('leaves nothing of itself', async () => {
    reachable = true;
    await engine.runner.cleanup(session, patience());
    expect(removed).toEqual([UID]);
    expect(await kept()).toEqual([false, false]);
  });

  it('keeps its log and blobs while its sandbox is there, for as long as nobody says that they are to go', async () => {
    reachable = false;
    await expect(engine.runner.cleanup(session, patience())).rejects.toThrow('the sandbox cannot be reached');
    expect(await kept()).toEqual([true, true]);
    await engine.runner.forget(UID);
    expect(await kept()).toEqual([false, false]);
  });

  it('names the sandbox that could not be removed', async () => {
    reachable = false;
    const cleanup = engine.runner.cleanup(withSandbox('local'), patience());
    const error = await cleanup.catch((thrown: unknown) => describeError(thrown));
    expect(error).toBe('the local sandbox somewhere could not be removed: the sandbox cannot be reached');
  });

  for (const [type, by] of [
    ['pod', /delete that Pod .* with kubectl/],
    ['daytona', /delete it in the dashboard of Daytona, or give the operator DAYTONA_API_KEY/],
  ] as const) {
    it(`says what is left and how it goes when the operator has no ${type} sandboxes any more`, async () => {
      const failed = { reason: 'SandboxTypeUnavailable', permanent: true, message: expect.stringMatching(by) };
      await expect(engine.runner.cleanup(withSandbox(type), patience())).rejects.toMatchObject(failed);
      await expect(engine.runner.cleanup(withSandbox(type), patience())).rejects.toThrow('cannot remove somewhere;');
    });
  }
});
