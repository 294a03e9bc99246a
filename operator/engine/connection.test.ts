import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Engine, startEngine } from '../../test/support/engine.ts';
import { patience } from '../../test/support/eventually.ts';
import { type Channel, type SandboxHandle, SandboxLostError } from '../sandbox/transport.ts';
import { Connection } from './connection.ts';
import { INITIAL_STATE } from './state.ts';

const OWNER = { uid: 'uid-shared', name: 'shared', namespace: 'default' };

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine({ baseUrl: 'http://127.0.0.1:9' });
});
afterAll(() => engine[Symbol.asyncDispose]());

/** A sandbox that counts the channels that are open to it. */
function counted(handle: SandboxHandle): { handle: SandboxHandle; open: () => number } {
  const channels = new Set<Channel>();
  const counting: SandboxHandle = {
    identity: handle.identity,
    isolation: handle.isolation,
    root: handle.root,
    put: (...args) => handle.put(...args),
    get: (...args) => handle.get(...args),
    stat: (...args) => handle.stat(...args),
    open: async (signal) => {
      const channel = await handle.open(signal);
      channels.add(channel);
      return {
        send: (line) => channel.send(line),
        lines: () => channel.lines(),
        close: async () => {
          await channel.close();
          channels.delete(channel);
        },
      };
    },
  };
  return { handle: counting, open: () => channels.size };
}

it('A sandbox of a kind that the operator has no more is lost, and says so', async () => {
  const ignore = () => undefined;
  const connection = new Connection({ ...engine.deps, transport: () => undefined }, OWNER, ignore, ignore);
  const pod = { type: 'pod', name: 'p', uid: 'u', root: '/', worktree: '', isolated: true, isolation: 'pod' } as const;
  const opened = connection.open({ ...INITIAL_STATE, sandbox: { ...pod, isolationMessage: '' } }, {}, 1, patience());
  await expect(opened).rejects.toThrow(new SandboxLostError('this operator has no sandboxes of type pod any more'));
});

it('Two actions that need the sandbox at once use one connection, and letting go leaves none open', async () => {
  const local = engine.deps.transport('local');
  if (!local) throw new Error('there is no local transport');
  const { handle, open } = counted(await local.provision(OWNER, {}, patience()));
  const transport = Object.assign(Object.create(local), { find: async () => handle });
  const ignore = () => undefined;
  const connection = new Connection({ ...engine.deps, transport: () => transport }, OWNER, ignore, ignore);
  const state = {
    ...INITIAL_STATE,
    sandbox: { ...handle.identity, root: handle.root, worktree: '', isolated: false, isolation: 'none', isolationMessage: '' },
  };
  const [one, other] = await Promise.all([connection.open(state, {}, 1, patience()), connection.open(state, {}, 1, patience())]);
  expect(one).toBe(other);
  expect(open()).toBe(1);
  await connection.forget();
  expect(open()).toBe(0);
  await local.dispose(OWNER, patience());
});
