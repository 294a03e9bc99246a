import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, git, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually, patience as soon } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { bash, finish, plan, ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import type { EventOf, SessionEvent } from './events.ts';

let folder: string;
let repository: string;
let server: ModelServer;
let engine: Engine;
const model = new ScriptedSessions();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-checkpoints-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n', '.gitignore': 'built\n' });
  server = await startModelServer((request) => model.answer(request));
  engine = await startEngine({ baseUrl: server.baseUrl });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function eventsOf(name: string): Promise<SessionEvent[]> {
  return engine.deps.log.read(`uid-${name}`, 0);
}

async function checkpointsOf(name: string): Promise<EventOf<'checkpoint.saved'>[]> {
  return (await eventsOf(name)).filter((event) => event.type === 'checkpoint.saved');
}

/** The model thinks until so many checkpoints are saved. */
async function thinkUntil(name: string, count: number): Promise<void> {
  await eventually('a checkpoint', async () => (await checkpointsOf(name)).length >= count);
}

async function loseSandbox(name: string): Promise<void> {
  await engine.deps.transport('local')?.dispose({ uid: `uid-${name}`, name, namespace: 'default' }, soon());
}

describe('A sandbox that is lost', () => {
  it('between two steps comes back with all that was done, and the model is told what is not', async () => {
    const goal = model.on('Lose the sandbox between steps', {
      plan: [plan('Greet', [])],
      work: async ({ turn }) => {
        if (turn === 0) return bash('echo hello >greeting.txt; echo out >built; git add -A; git commit -qm mine');
        if (turn === 1) {
          await thinkUntil('between', 1);
          return bash('echo world >>greeting.txt; chmod +x greeting.txt');
        }
        if (turn === 2) {
          await thinkUntil('between', 2);
          await loseSandbox('between');
          return { calls: [{ name: 'read_file', args: { path: 'greeting.txt' } }] };
        }
        return turn === 3 ? bash('cat greeting.txt; ls built; git status --porcelain; git log --format=%s') : finish();
      },
    });
    engine.apply('between', { goal, repository: { url: repository } });
    const state = await engine.until('between', (now) => now.finished !== undefined);
    const [, , lost, look] = model.results(goal);
    expect(lost).toMatch(
      /from checkpoint [0-9a-f]{12}: the worktree is as the last step left it, but for files that git ignores/,
    );
    expect(lost).toMatch(/installed packages and running processes are gone/);
    expect(look).toContain('hello\nworld\n');
    expect(look).toMatch(/No such file or directory\n\?\? greeting\.txt\n/);
    expect(look).not.toMatch(/^mine$/m);
    expect(state.finished?.outcome).toBe('Completed');
    expect(git(repository, 'show', `${state.published?.branch}:greeting.txt`)).toBe('hello\nworld\n');
    const [first, second] = await checkpointsOf('between');
    expect(second).toMatchObject({ onto: first?.commit });
  });

  it('in the middle of a command loses what that changed, and says that it does', async () => {
    const goal = model.on('Lose the sandbox in a command', {
      plan: [plan('Greet', [])],
      work: async ({ turn }) => {
        if (turn === 0) return bash('echo hello >greeting.txt');
        if (turn === 1) {
          await thinkUntil('within', 1);
          return bash('echo half >greeting.txt; sleep 60');
        }
        return turn === 2 ? bash('cat greeting.txt') : finish();
      },
    });
    engine.apply('within', { goal, repository: { url: repository } });
    const running = async () => (await eventsOf('within')).filter((event) => event.type === 'tool.started').length === 2;
    await eventually('the command', running);
    await loseSandbox('within');
    const state = await engine.until('within', (now) => now.finished !== undefined);
    const [, lost, look] = model.results(goal);
    expect(lost).toMatch(/whether it came to an end is not known.*changes made after it are gone/s);
    expect(look).toContain('hello\n');
    expect(look).not.toContain('half');
    expect(state.finished?.outcome).toBe('Completed');
  });

  it('before the finished work was committed gives the work to the commit', async () => {
    const goal = model.on('Lose finished work', {
      plan: [plan('Greet', [])],
      work: async ({ turn }) => {
        if (turn === 0) return bash('echo hello >greeting.txt');
        await thinkUntil('finished', 1);
        await loseSandbox('finished');
        return finish();
      },
    });
    engine.apply('finished', { goal, repository: { url: repository } });
    const state = await engine.until('finished', (now) => now.finished !== undefined);
    expect(git(repository, 'show', `${state.published?.branch}:greeting.txt`)).toBe('hello\n');
    const events = await eventsOf('finished');
    expect(events.filter((event) => event.type === 'conversation.started' && event.role === 'programmer')).toHaveLength(1);
  });
});

describe('Checkpoints', () => {
  it('are saved after steps that may have changed something, with a bundle only when something did', async () => {
    const goal = model.on('Look and change', {
      plan: [plan('Greet', [])],
      work: async ({ turn }) => {
        if (turn === 0) return { calls: [{ name: 'read_file', args: { path: 'README.md' } }] };
        if (turn === 1) return bash('ls');
        if (turn === 2) {
          await thinkUntil('looking', 1);
          return bash('echo hello >greeting.txt');
        }
        await thinkUntil('looking', 2);
        return finish();
      },
    });
    engine.apply('looking', { goal, repository: { url: repository } });
    const state = await engine.until('looking', (now) => now.finished !== undefined);
    const [same, changed, committed] = await checkpointsOf('looking');
    expect(same).toEqual(expect.not.objectContaining({ bundle: expect.anything() }));
    expect(same?.commit).toBe(state.base?.commit);
    expect(changed?.bundle?.bytes).toBeGreaterThan(100);
    expect(changed?.tree).toBe(state.commit?.tree);
    expect(committed?.commit).toBe(state.commit?.commit);
  });
});
