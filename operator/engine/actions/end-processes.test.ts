/** What commands left running ends with the session, and nothing else does. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, type EngineOptions, git, makeRepository, startEngine } from '../../../test/support/engine.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type ModelReply, type ModelServer, type SeenRequest, startModelServer } from '../../../test/support/model-server.ts';
import { processesNaming } from '../../../test/support/processes.ts';
import { bash, finish, Gate, plan, ScriptedSessions, write } from '../../../test/support/scripted-sessions.ts';
import { GitError } from '../../sandbox/git/git.ts';
import { Publisher } from '../../sandbox/git/publish.ts';
import type { SandboxTransport } from '../../sandbox/transport.ts';

let folder: string;
let repository: string;
let server: ModelServer;
const model = new ScriptedSessions();
const engines: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-ending-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n' });
  server = await startModelServer((request) => model.answer(request));
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine[Symbol.asyncDispose]();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function engineWith(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const engine = await startEngine({ baseUrl: server.baseUrl, ...options });
  engines.push(engine);
  return engine;
}

/** Leaves a process behind that has left its session, and a file of its own that git does not see. */
const daemon = (name: string) =>
  bash(
    `setsid sh -c 'echo $$ >$HOME/${name}; exec sleep 1000' >/dev/null 2>&1 & until [ -s $HOME/${name} ]; do sleep 0.01; done`,
  );
/** Has the model wait after its first step, so that what that left running can be seen before the session ends. */
const seenFirst =
  (seen: Gate, steps: readonly ModelReply[]) =>
  async ({ turn }: SeenRequest): Promise<ModelReply> => {
    if (turn === 1) await seen.pass();
    return steps[Math.min(turn, steps.length - 1)] ?? {};
  };
const running = (engine: Engine, name: string) =>
  processesNaming(join(engine.folder, 'workspace', name)).filter(({ command }) => command === 'sleep 1000').length;

describe('a session that ends', () => {
  it('Completed takes along what its commands left running, keeps their files, and goes on in the same sandbox with a message', async () => {
    const engine = await engineWith();
    const seen = new Gate();
    const still = bash('cat $HOME/server >/dev/null && echo still there');
    const goal = model.on('Serve and greet', {
      plan: (request) => plan(request.messages[0]?.text.includes('again') ? 'Again' : 'Greet', []),
      work: seenFirst(seen, [daemon('server'), write('greeting.txt', 'hello\n'), still, finish()]),
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('done', spec);
    await eventually('the process', () => running(engine, 'done') === 1);
    seen.open();
    const first = await engine.until('done', (now) => now.finished !== undefined);
    expect(first.finished?.outcome).toBe('Completed');
    expect(running(engine, 'done')).toBe(0);
    expect(processesNaming(join(engine.folder, 'workspace', 'done'))).toEqual([]);
    expect(existsSync(join(engine.folder, 'workspace/done/home/server'))).toBe(true);

    engine.apply('done', { ...spec, inputs: [{ id: 'i1', message: 'Do it again.' }] });
    const second = await engine.until('done', (now) => now.finished !== undefined && now.plan?.revision === 2);
    expect(second.finished?.outcome).toBe('Completed');
    expect(second.sandbox?.uid).toBe(first.sandbox?.uid);
    expect(model.results(goal).join('\n')).toContain('still there');
    expect(running(engine, 'done')).toBe(0);
  });

  it('Cancelled or Failed does so too', async () => {
    class Refusing extends Publisher {
      override publish(): Promise<never> {
        return Promise.reject(new GitError('InvalidBranch', 'no such branch can be'));
      }
    }
    const engine = await engineWith({ replace: ({ repositories }) => ({ publisher: new Refusing(repositories) }) });
    const seen = new Gate();
    const failing = model.on('Serve and fail', {
      plan: [plan('Greet', [])],
      work: seenFirst(seen, [daemon('server'), write('greeting.txt', 'hello\n'), finish()]),
    });
    engine.apply('failed', { goal: failing, repository: { url: repository } });
    await eventually('the process', () => running(engine, 'failed') === 1);
    seen.open();
    const failed = await engine.until('failed', (now) => now.finished !== undefined);
    expect(failed.finished).toMatchObject({ outcome: 'Failed', reason: 'InvalidBranch' });
    expect(running(engine, 'failed')).toBe(0);

    const cancelled = model.on('Serve until cancelled', {
      plan: [plan('Greet', [])],
      work: [daemon('server'), bash('sleep 999')],
    });
    const spec = { goal: cancelled, repository: { url: repository } };
    engine.apply('cancelled', spec);
    await eventually('the process', () => running(engine, 'cancelled') === 1);
    engine.apply('cancelled', { ...spec, cancelled: true });
    const state = await engine.until('cancelled', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Cancelled');
    expect(processesNaming(join(engine.folder, 'workspace', 'cancelled'))).toEqual([]);
  });

  it('has none left before its end is recorded, so that a crash in between repeats it, and ends even where that fails', async () => {
    const seen: boolean[] = [];
    let engine: Engine | undefined;
    const watched = (transport: SandboxTransport): SandboxTransport =>
      new Proxy(transport, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (name !== 'quiesce') return typeof member === 'function' ? member.bind(target) : member;
          return async (...args: Parameters<SandboxTransport['quiesce']>) => {
            const events = (await engine?.deps.log.read(args[0].uid, 0)) ?? [];
            seen.push(events.some(({ type }) => type === 'session.finished'));
            await target.quiesce(...args);
            throw new Error('some process cannot be ended');
          };
        },
      });
    engine = await engineWith({
      replace: ({ transport }) => ({
        transport: (type) => {
          const real = transport(type);
          return real && watched(real);
        },
      }),
    });
    const goal = model.on('Greet in order', { plan: [plan('Greet', [])] });
    engine.apply('ordered', { goal, repository: { url: repository } });
    const state = await engine.until('ordered', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect(seen).toEqual([false]);
    expect(git(repository, 'show', `${state.published?.branch}:greeting.txt`)).toBe('hello\n');
  });
});
