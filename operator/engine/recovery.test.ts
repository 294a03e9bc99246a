import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { through } from '../../test/support/changed-transport.ts';
import { type Engine, type EngineOptions, git, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually, patience as soon } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { bash, finish, Gate, greet, plan, ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import { openSandbox } from '../sandbox/commands.ts';
import { GitError } from '../sandbox/git/git.ts';
import { SandboxFencedError } from '../sandbox/sandbox.ts';
import { type SandboxHandle, type SandboxTransport, SandboxUnavailableError } from '../sandbox/transport.ts';
import type { SessionEvent } from './events.ts';
import { MAX_TRIES } from './faults.ts';

let folder: string;
let repository: string;
let server: ModelServer;
const model = new ScriptedSessions();
const engines: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-recovery-'));
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

async function eventsOf(engine: Engine, name: string): Promise<SessionEvent[]> {
  return engine.deps.log.read(`uid-${name}`, 0);
}

function dispose(engine: Engine, name: string): Promise<void> {
  const owner = { uid: `uid-${name}`, name, namespace: 'default' };
  return engine.deps.transport('local')?.dispose(owner, soon()) ?? Promise.resolve();
}

describe('a sandbox that is lost', () => {
  it('before the finished work was committed has the work done again, and nothing passes for the result meanwhile', async () => {
    const engine = await engineWith();
    let times = 0;
    const goal = model.on('Lose the work', {
      plan: [plan('Greet', [])],
      work: async (request) => {
        if (request.turn === 0) return greet[0] ?? {};
        if (times++ === 0) await dispose(engine, 'lost-work');
        return finish();
      },
    });
    engine.apply('lost-work', { goal, repository: { url: repository } });
    const state = await engine.until('lost-work', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect(state.published?.filesChanged).toBe(1);
    expect(git(repository, 'show', `${state.published?.branch}:greeting.txt`)).toBe('hello\n');
    const events = await eventsOf(engine, 'lost-work');
    expect(events.filter((event) => event.type === 'worktree.committed')).toHaveLength(1);
    const begun = events.filter((event) => event.type === 'conversation.started' && event.role === 'programmer');
    expect(begun).toHaveLength(2);
  });

  it('while a question waits is told to the model before it acts on what is gone', async () => {
    const engine = await engineWith();
    const question = { name: 'ask_user', args: { question: 'Which greeting?' } };
    // In one answer, so that the first is in no checkpoint when the sandbox goes.
    const calls = [...(bash('echo one >one').calls ?? []), question, ...(bash('echo two').calls ?? [])];
    const goal = model.on('Lose the sandbox', { work: [{ calls }, ...greet] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('lost-calls', spec);
    const asked = await engine.until('lost-calls', (now) => now.question !== undefined);
    await dispose(engine, 'lost-calls');
    const answer = { id: 'a', message: 'hello', answerTo: asked.question?.id ?? '' };
    engine.apply('lost-calls', { ...spec, inputs: [answer] });
    await engine.until('lost-calls', (now) => now.finished !== undefined);
    const results = model.results(goal);
    expect(results[1]).toBe('The user answered: hello');
    expect(results[2]).toContain('Not done: the sandbox was lost before. The sandbox was lost and made anew');
    expect(results[2]).toContain('changes made after it are gone');
  });

  it('while a question waits does what the model asked for where all its work is back, and tells it afterwards', async () => {
    const engine = await engineWith();
    const question = { name: 'ask_user', args: { question: 'Which greeting?' } };
    const goal = model.on('Lose nothing', {
      work: [{ calls: [question, ...(bash('echo two').calls ?? []), ...(bash('echo three').calls ?? [])] }, ...greet],
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('lost-nothing', spec);
    const asked = await engine.until('lost-nothing', (now) => now.question !== undefined);
    await dispose(engine, 'lost-nothing');
    const answer = { id: 'a', message: 'hello', answerTo: asked.question?.id ?? '' };
    engine.apply('lost-nothing', { ...spec, inputs: [answer] });
    await engine.until('lost-nothing', (now) => now.finished !== undefined);
    expect(model.results(goal).slice(0, 3)).toEqual([
      'The user answered: hello',
      expect.stringMatching(/^two\n/),
      expect.stringMatching(/^three\n/),
    ]);
    const told = model.requests(goal).findLast(({ tools }) => tools.includes('finish'))?.messages ?? [];
    const note = told.findIndex(({ role, text }) => role === 'user' && text.startsWith('The sandbox was lost and made anew'));
    expect(told.slice(note - 3, note).map(({ role }) => role)).toEqual(['tool', 'tool', 'tool']);
    expect(told[note]?.text).toMatch(/as the last step left it.*installed packages and running processes are gone\.$/);
  });

  it('while the model thinks is known at once, and a new one does what the model then asks for', async () => {
    const listeners = new Set<(message: string) => void>();
    const watched = (handle: SandboxHandle): SandboxHandle => ({
      identity: handle.identity,
      isolation: handle.isolation,
      root: handle.root,
      open: (signal) => handle.open(signal),
      put: (...args) => handle.put(...args),
      get: (...args) => handle.get(...args),
      stat: (...args) => handle.stat(...args),
      onLost: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    });
    const engine = await engineWith({
      replace: (real) => ({
        transport: (type) => {
          const transport = real.transport(type);
          return transport && through(transport, { provision: async (...args) => watched(await transport.provision(...args)) });
        },
      }),
    });
    const thinking = new Gate();
    const goal = model.on('Think while it goes', {
      work: async ({ turn }) => {
        if (turn === 0) return bash('echo hello >greeting.txt');
        if (turn === 1) await thinking.pass();
        return [bash('cat greeting.txt'), finish()][turn - 1] ?? {};
      },
    });
    engine.apply('thinks', { goal, repository: { url: repository } });
    await eventually('a checkpoint', async () =>
      (await eventsOf(engine, 'thinks')).some(({ type }) => type === 'checkpoint.saved'),
    );
    await dispose(engine, 'thinks');
    for (const tell of listeners) tell('the Pod was deleted');
    const lost = await engine.until('thinks', (now) => now.sandboxLost !== undefined);
    expect(lost).toMatchObject({ sandboxLost: 'the Pod was deleted', phase: 'Programming' });
    thinking.open();
    const state = await engine.until('thinks', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect(model.results(goal)[1]).toMatch(/^hello\n/);
    const events = await eventsOf(engine, 'thinks');
    expect(events.filter(({ type }) => type === 'sandbox.lost')).toHaveLength(1);
    expect(events.flatMap((event) => (event.type === 'tool.finished' ? [event.outcome] : []))).not.toContain('lost');
    expect(listeners.size).toBe(0);
  });

  it('obeys a new owner from its first look at a command that an earlier one began', async () => {
    const go = join(folder, 'go');
    const goal = model.on('Be taken over', { work: [bash(`while [ ! -e '${go}' ]; do sleep 0.05; done`), ...greet] });
    const first = await engineWith();
    first.apply('taken', { goal, repository: { url: repository } });
    const begun = (event: SessionEvent) => event.type === 'tool.started';
    await eventually('the command', async () => (await eventsOf(first, 'taken')).some(begun));
    await first.runner.stop('uid-taken', 'leave-commands', soon());

    // In the same process and over the same log, but a new claim.
    first.apply('taken', { goal, repository: { url: repository }, resume: 1 });
    const owner = { uid: 'uid-taken', name: 'taken', namespace: 'default' };
    const handle = await first.deps.transport('local')?.find(owner, {}, soon());
    if (!handle) throw new Error('there is no sandbox');
    await eventually('the old owner to be refused', async () => {
      try {
        await (await openSandbox(handle, { epoch: 1, signal: soon() })).close();
        return false;
      } catch (error) {
        return error instanceof SandboxFencedError;
      }
    });
    expect((await eventsOf(first, 'taken')).every((event) => event.epoch === 1)).toBe(true);
    writeFileSync(go, '');
    const state = await first.until('taken', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
  });
});

describe('a fault', () => {
  it('of the sandbox that does not pass pauses the session, which goes on when it is resumed', async () => {
    let provisions = 0;
    let broken = true;
    const engine = await engineWith({
      replace: (real) => ({
        firstRetryMs: 0.01,
        transport: (type) => {
          const transport = real.transport(type);
          const provision: SandboxTransport['provision'] = async (...args) => {
            provisions++;
            if (broken)
              throw new SandboxUnavailableError('RunnerFailed', 'the machine is out of processes', { permanent: false });
            return transport?.provision(...args) ?? Promise.reject(new Error('no transport'));
          };
          return transport && through(transport, { provision });
        },
      }),
    });
    const spec = { goal: model.on('Wait for a machine'), repository: { url: repository } };
    engine.apply('no-machine', spec);
    const paused = await engine.until('no-machine', (now) => now.pause !== undefined);
    expect(paused.pause).toMatchObject({ reason: 'SandboxUnavailable', message: expect.stringContaining('out of processes') });
    expect(provisions).toBe(MAX_TRIES + 1);
    broken = false;
    engine.apply('no-machine', { ...spec, resume: 1 });
    const state = await engine.until('no-machine', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
  });

  it('of the sandbox that tells when it passes is waited for until then, which a cancel ends at once', async () => {
    let provisions = 0;
    const retryAt = Date.now() + 300_000;
    const engine = await engineWith({
      replace: (real) => ({
        firstRetryMs: 0.01,
        transport: (type) => {
          const transport = real.transport(type);
          const provision: SandboxTransport['provision'] = async () => {
            provisions++;
            throw new SandboxUnavailableError('DaytonaRateLimited', 'too many requests', { permanent: false, retryAt });
          };
          return transport && through(transport, { provision });
        },
      }),
    });
    const spec = { goal: model.on('Wait to be asked'), repository: { url: repository } };
    engine.apply('limited', spec);
    const view = () => engine.runner.view('uid-limited');
    await eventually('the limit to be shown', () => view()?.waiting !== undefined);
    expect(view()).toMatchObject({
      waitsForSandbox: true,
      waiting: { reason: 'DaytonaRateLimited', message: 'too many requests' },
    });
    expect(Math.abs((view()?.waiting?.retryAt ?? 0) - retryAt)).toBeLessThan(2);
    engine.apply('limited', { ...spec, cancelled: true });
    await engine.until('limited', (now) => now.finished?.outcome === 'Cancelled');
    expect(provisions).toBe(1);
  });

  it('of the sandbox that may pass by itself is shown for as long as it is waited for', async () => {
    const obstacle = { reason: 'ImagePullBackOff', message: 'the image cannot be pulled' };
    const removed = Promise.withResolvers<void>();
    const engine = await engineWith({
      replace: (real) => ({
        transport: (type) => {
          const transport = real.transport(type);
          const provision: SandboxTransport['provision'] = async (owner, spec, signal, onNotice) => {
            onNotice?.(obstacle);
            await removed.promise;
            return transport?.provision(owner, spec, signal) ?? Promise.reject(new Error('no transport'));
          };
          return transport && through(transport, { provision });
        },
      }),
    });
    engine.apply('obstacle', { goal: model.on('Wait for an image'), repository: { url: repository } });
    const waiting = () => engine.runner.view('uid-obstacle')?.waiting;
    await eventually('the obstacle to be shown', () => waiting() !== undefined);
    expect(waiting()).toEqual(obstacle);
    removed.resolve();
    await engine.until('obstacle', (now) => now.finished !== undefined);
    expect(waiting()).toBeUndefined();
  });

  it('of the remote while the result is handed over is tried again and loses nothing', async () => {
    let failures = 2;
    const engine = await engineWith({
      replace: (real) => ({
        firstRetryMs: 1,
        publisher: Object.assign(Object.create(real.publisher), {
          publish: async (...args: Parameters<typeof real.publisher.publish>) => {
            if (failures-- > 0) throw new GitError('Unreachable', 'connection refused', { transient: true });
            return real.publisher.publish(...args);
          },
        }),
      }),
    });
    engine.apply('remote', { goal: model.on('Push to a shaky remote'), repository: { url: repository } });
    const state = await engine.until('remote', (now) => now.finished !== undefined);
    expect(state.published?.pushed).toBe(true);
    const events = await eventsOf(engine, 'remote');
    expect(events.filter((event) => event.type === 'publish.started')).toHaveLength(1);
  });

  it('of the platform with a single call is told to the model instead of being met again for ever', async () => {
    const broken = (handle: SandboxHandle): SandboxHandle => ({
      identity: handle.identity,
      isolation: handle.isolation,
      root: handle.root,
      open: (signal) => handle.open(signal),
      put: (...args) => handle.put(...args),
      stat: (...args) => handle.stat(...args),
      get: async (path, range) => {
        if (path.endsWith('/README.md')) throw new RangeError('length is out of range');
        return handle.get(path, range);
      },
    });
    const engine = await engineWith({
      replace: (real) => ({
        transport: (type) => {
          const transport = real.transport(type);
          return transport && through(transport, { provision: async (...args) => broken(await transport.provision(...args)) });
        },
      }),
    });
    const edit = { name: 'edit_file', args: { path: 'README.md', old_string: 'Sample', new_string: 'Example' } };
    const goal = model.on('Meet a defect', { work: [{ calls: [edit] }, ...greet] });
    engine.apply('defect', { goal, repository: { url: repository } });
    const state = await engine.until('defect', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect(model.results(goal)[0]).toContain('edit_file failed within the platform: length is out of range. Take another way.');
  });

  it('of a context that is smaller than was said is mended by summing up what was done', async () => {
    const engine = await engineWith();
    let summaries = 0;
    const goal = model.on('Outgrow the window', {
      work: (request) => {
        const sent = [...request.results.values()].reduce((sum, text) => sum + text.length, 0);
        if (sent > 25_000) {
          const error = { message: 'Your input exceeds the context window of this model.', type: 'invalid_request_error' };
          return { fault: { status: 400, body: { error: { ...error, param: 'input', code: 'context_length_exceeded' } } } };
        }
        const last = request.messages.at(-1);
        if (last?.role === 'user' && last.text.includes('hand-over for yourself')) {
          summaries++;
          return { text: 'Done: looked around.' };
        }
        const summarised = request.messages.some((one) => one.role === 'user' && one.text.includes('looked around'));
        if (!summarised) return bash(`seq ${request.turn} 2500`);
        return greet[request.messages.some((one) => one.role === 'tool' && one.text.includes('greeting.txt')) ? 1 : 0] ?? {};
      },
    });
    engine.apply('outgrow', { goal, repository: { url: repository } });
    const state = await engine.until('outgrow', (now) => now.finished !== undefined || now.pause !== undefined);
    expect(state.pause).toBeUndefined();
    expect(state.finished?.outcome).toBe('Completed');
    expect(summaries).toBe(1);
  });

  it('of the commit is told to the programmer, and in the end to the user', async () => {
    const engine = await engineWith();
    const goal = model.on('Break the store', { work: [bash('rm -rf ../.run/store.git && touch ../broken'), finish()] });
    engine.apply('broken', { goal, repository: { url: repository }, limits: { maxReviewRounds: 1 } });
    const state = await engine.until('broken', (now) => now.pause !== undefined || now.finished !== undefined);
    expect(state.pause?.reason).toBe('ReviewRoundsExhausted');
    expect(state.reviews.at(-1)?.findings[0]?.problem).toContain('the sandbox holds no repository');
    expect(existsSync(join(engine.folder, 'workspace', 'broken', 'broken'))).toBe(true);
  });
});
