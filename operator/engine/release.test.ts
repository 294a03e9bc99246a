import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, type EngineOptions, git, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { bash, Gate, greet, plan, ScriptedSessions, write } from '../../test/support/scripted-sessions.ts';
import { SessionScript } from '../../test/support/session-script.ts';
import { type SandboxHandle, type SandboxTransport, SandboxUnavailableError } from '../sandbox/transport.ts';
import { type BlobStore, BlobTooLargeError } from './blob.ts';
import { decide } from './decide.ts';
import type { SessionEvent } from './events.ts';
import { type ReleaseTimes, releaseAt } from './release.ts';

const HOUR_MS = 3_600_000;
const times: ReleaseTimes = { finishedMs: HOUR_MS / 4, waitingMs: 4 * HOUR_MS };

let folder: string;
let repository: string;
let server: ModelServer;
const model = new ScriptedSessions();
const engines: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-release-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n', '.gitignore': 'built\n' });
  server = await startModelServer((request) => model.answer(request));
});

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Directories of this machine under the name of what is elsewhere, and is given back. */
function elsewhere(local: SandboxTransport, changes: Partial<SandboxTransport> = {}): SandboxTransport {
  const named = (handle: SandboxHandle): SandboxHandle => ({
    identity: { ...handle.identity, type: 'pod' },
    isolation: handle.isolation,
    root: handle.root,
    open: (signal) => handle.open(signal),
    put: (...args) => handle.put(...args),
    get: (...args) => handle.get(...args),
    stat: (...args) => handle.stat(...args),
  });
  return {
    type: 'pod',
    provision: async (...args) => named(await local.provision(...args)),
    find: async (...args) => {
      const found = await local.find(...args);
      return found && named(found);
    },
    dispose: (...args) => local.dispose(...args),
    quiesce: (...args) => local.quiesce(...args),
    listOrphans: (...args) => local.listOrphans(...args),
    ...changes,
  };
}

type Changes = (local: SandboxTransport) => Partial<SandboxTransport>;
type Later = Engine & { later(ms: number): void };

async function engineWith(
  options: Partial<EngineOptions> & { changes?: Changes; keeps?: BlobStore['put'] } = {},
): Promise<Later> {
  let ahead = 0;
  const { changes, keeps, ...rest } = options;
  const engine = await startEngine({
    baseUrl: server.baseUrl,
    replace: (real) => {
      const local = real.transport('local');
      const pod = local && elsewhere(local, changes?.(local));
      return {
        transport: (type) => (type === 'pod' ? pod : undefined),
        defaultSandboxType: 'pod',
        releaseAfter: times,
        now: () => Date.now() + ahead,
        ...(keeps && {
          blobs: Object.assign(Object.create(real.blobs), { put: keeps, delete: real.blobs.delete.bind(real.blobs) }),
        }),
      };
    },
    ...rest,
  });
  engines.push(engine);
  return Object.assign(engine, {
    later: (ms: number) => {
      ahead += ms;
    },
  });
}

const eventsOf = (engine: Engine, name: string): Promise<SessionEvent[]> => engine.deps.log.read(`uid-${name}`, 0);
const typesOf = async (engine: Engine, name: string) =>
  (await eventsOf(engine, name)).map(({ type }) => type).filter((type) => /^(sandbox|checkpoint)\./.test(type));
const place = (engine: Engine, name: string) => join(engine.folder, 'workspace', name);
const atRest = (engine: Engine, name: string) =>
  eventually(`${name} to rest`, () => engine.runner.view(`uid-${name}`)?.running === false);

describe('the sandbox of a session that rests', () => {
  it('is given back when the session has been finished for long, and a message goes on in a new one with the same files', async () => {
    const engine = await engineWith();
    const goal = model.on('Greet, and once more', {
      work: ({ turn, messages }) => {
        const again = messages.some((one) => one.role === 'user' && one.text.includes('and to the world'));
        const turns = again ? [bash('cat greeting.txt; echo world >>greeting.txt'), greet[1]] : greet;
        return turns[turn] ?? {};
      },
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('finished', spec);
    await engine.until('finished', (now) => now.finished !== undefined);
    await atRest(engine, 'finished');
    engine.later(times.finishedMs / 2);
    engine.apply('finished', spec);
    await atRest(engine, 'finished');
    expect(existsSync(place(engine, 'finished'))).toBe(true);
    engine.later(times.finishedMs / 2);
    engine.apply('finished', spec);
    const released = await engine.until('finished', (now) => now.sandboxReleased === 'done');
    expect(released).toMatchObject({ phase: 'Completed', sandboxHeld: undefined });
    expect(existsSync(place(engine, 'finished'))).toBe(false);
    expect(released.recentLogs.at(-1)).toMatch(/^Sandbox released: Given back, because the session rests/);
    await atRest(engine, 'finished');

    engine.apply('finished', { ...spec, inputs: [{ id: 'm', message: 'and to the world' }] });
    const again = await engine.until('finished', (now) => now.inputs.length > 0 && now.finished !== undefined);
    expect(again.finished?.outcome).toBe('Completed');
    expect(git(repository, 'show', `${again.published?.branch}:greeting.txt`)).toBe('hello\nworld\n');
    expect(again.sandboxReleased).toBeUndefined();
    const restored = (await eventsOf(engine, 'finished')).find((event) => event.type === 'sandbox.restored');
    expect(restored?.message).toMatch(/^The sandbox was given back while the session rested, and made anew from checkpoint/);
  });

  it('is given back later where the user is waited for, after what is in no checkpoint was saved, and the model is told', async () => {
    const engine = await engineWith();
    const question = { name: 'ask_user', args: { question: 'Which greeting?' } };
    const goal = model.on('Ask in the middle', {
      plan: [plan('Greet', [])],
      work: [
        { calls: [...(bash('echo hello >greeting.txt; echo out >built').calls ?? []), question] },
        bash('cat greeting.txt; ls'),
        ...greet,
      ],
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('asks', spec);
    const asked = await engine.until('asks', (now) => now.question !== undefined);
    await atRest(engine, 'asks');
    expect(asked.touched).toBe(true);
    engine.later(times.waitingMs);
    engine.apply('asks', spec);
    await engine.until('asks', (now) => now.sandboxReleased === 'done');
    await atRest(engine, 'asks');
    expect(await typesOf(engine, 'asks')).toEqual([
      'sandbox.requested',
      'sandbox.ready',
      'checkpoint.saved',
      'sandbox.releasing',
      'sandbox.released',
    ]);
    engine.apply('asks', { ...spec, inputs: [{ id: 'a', message: 'hello', answerTo: asked.question?.id ?? '' }] });
    await engine.until('asks', (now) => now.finished !== undefined);
    const results = model.results(goal);
    expect(results[1]).toBe('The user answered: hello');
    // What git ignores was told to be gone.
    expect(results[2]).toMatch(/^hello\nREADME\.md\ngreeting\.txt\n/);
    const told = model.requests(goal).flatMap(({ messages }) => messages.filter((one) => one.role === 'user'));
    expect(told.map(({ text }) => text).join('\n')).toMatch(/given back while the session rested.*files that git ignores/);
  });

  it('is kept when its work cannot be saved', async () => {
    const tooLarge = async () => {
      throw new BlobTooLargeError('1 MB is more than may be kept');
    };
    const engine = await engineWith({ keeps: tooLarge });
    const goal = model.on('Grow too large', {
      plan: [plan('Grow', [])],
      work: [
        {
          calls: [...(bash('echo much >large').calls ?? []), { name: 'ask_user', args: { question: 'Is that too large?' } }],
        },
      ],
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('large', spec);
    await engine.until('large', (now) => now.question !== undefined);
    await atRest(engine, 'large');
    engine.later(times.waitingMs);
    engine.apply('large', spec);
    const state = await engine.until('large', (now) => now.checkpointProblem !== undefined);
    await atRest(engine, 'large');
    expect(existsSync(join(place(engine, 'large'), 'repo', 'large'))).toBe(true);
    expect(releaseAt(state, times)).toBeUndefined();
    expect(await typesOf(engine, 'large')).not.toContain('sandbox.releasing');
  });

  it('is given back by the next owner when the one that began it could not, and is not tried to again at once', async () => {
    let tries = 0;
    const refusing: Changes = () => ({
      dispose: async () => {
        tries++;
        throw new SandboxUnavailableError('ClusterUnreachable', 'connection refused', { permanent: false });
      },
    });
    const engine = await engineWith({ changes: refusing });
    const spec = { goal: model.on('Be left half done'), repository: { url: repository } };
    engine.apply('half', spec);
    await engine.until('half', (now) => now.finished !== undefined);
    await atRest(engine, 'half');
    engine.later(times.finishedMs);
    engine.apply('half', spec);
    await engine.until('half', (now) => now.sandboxReleased === 'begun');
    await atRest(engine, 'half');
    expect(tries).toBe(1);
    expect(engine.runner.view('uid-half')?.state).toMatchObject({ phase: 'Completed', sandboxReleased: 'begun' });
    await engine.stop();
    engines.pop();

    const next = await engineWith({ folder: engine.folder });
    next.apply('half', spec);
    const state = await next.until('half', (now) => now.sandboxReleased === 'done');
    expect(state.phase).toBe('Completed');
    expect(existsSync(place(next, 'half'))).toBe(false);
  });

  it('is found again by a message that comes before it is gone, or made anew', async () => {
    const going = new Gate();
    const engine = await engineWith({
      changes: (local) => ({
        dispose: async (...args) => {
          await going.pass();
          return local.dispose(...args);
        },
      }),
    });
    const goal = model.on('Be wanted again', { work: [write('greeting.txt', 'hello\n'), ...greet] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('wanted', spec);
    await engine.until('wanted', (now) => now.finished !== undefined);
    await atRest(engine, 'wanted');
    engine.later(times.finishedMs);
    engine.apply('wanted', spec);
    await going.reached();
    engine.apply('wanted', { ...spec, inputs: [{ id: 'm', message: 'once more' }] });
    going.open();
    await engine.until('wanted', (now) => now.inputs.length > 0 && now.finished !== undefined);
    expect(await typesOf(engine, 'wanted')).toEqual(
      expect.arrayContaining(['sandbox.releasing', 'sandbox.released', 'sandbox.restored']),
    );
  });
});

describe('giving back', () => {
  const finished = () => {
    const script = new SessionScript().until('Completed').happen({ type: 'sandbox.requested', sandboxType: 'pod' });
    return script.wants({ release: times });
  };
  const due = ({ state }: SessionScript) => Date.parse(state.phaseSince) + times.finishedMs;

  it('is decided when the rest has been long enough, and not before', () => {
    const session = finished();
    const at = due(session);
    expect(releaseAt(session.state, times)).toBe(at);
    expect(decide(session.state, { ...session.intent, now: at - 1 })).toEqual({ do: 'idle' });
    expect(decide(session.state, { ...session.intent, now: at })).toEqual({ do: 'release' });
  });

  it('never happens to a sandbox on this machine, to one that was never asked for, or where the time is 0', () => {
    const session = finished();
    const never = (state: SessionScript['state'], after = times) => expect(releaseAt(state, after)).toBeUndefined();
    never({ ...session.state, sandboxHeld: 'local' });
    never({ ...session.state, sandboxHeld: undefined });
    never(session.state, { finishedMs: 0, waitingMs: 1 });
    never({ ...session.state, phase: 'Programming' });
  });

  it('stands back behind a message, and is over with what has begun of it whenever that was', () => {
    const session = finished().happen({ type: 'sandbox.releasing', message: 'm' });
    expect(decide(session.state, session.intent)).toEqual({ do: 'release' });
    session.says('once more');
    expect(session.next()).toEqual({ do: 'provision' });
    session.happen({ type: 'sandbox.requested', sandboxType: 'pod' });
    expect(session.state).toMatchObject({ sandboxReleased: 'restoring', sandboxHeld: 'pod' });
  });
});
