/** A session that ends says of every step of its plan how it ended. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { type ModelReply, type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { CHECK, finish, plan, ScriptedSessions, write } from '../../test/support/scripted-sessions.ts';
import type { PlanStep } from './event-parts.ts';
import { endingOf } from './open-steps.ts';
import { INITIAL_STATE } from './state.ts';

const STEPS = [
  { id: 'a', title: 'Say hello' },
  { id: 'b', title: 'Tell the readers' },
];

describe('a finished session', () => {
  let folder: string;
  let repository: string;
  let server: ModelServer;
  const model = new ScriptedSessions();
  const engines: Engine[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'swe-steps-'));
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

  const update = (...steps: { id: string; status: PlanStep['status'] }[]) => ({ name: 'update_plan', args: { steps } });
  const together = (...calls: NonNullable<ModelReply['calls']>): ModelReply => ({ calls });
  const finishing = { name: 'finish', args: { summary: 'Greets.' } };

  /** How the session's plan ends, how often the programmer was asked, and what it was told last. */
  async function ends(goal: string, steps: { id: string; title: string }[], ...work: ModelReply[]) {
    const engine = await startEngine({ baseUrl: server.baseUrl });
    engines.push(engine);
    model.on(goal, { plan: [plan('Greet', [CHECK], steps)], work });
    const name = goal.replaceAll(' ', '-').toLowerCase();
    engine.apply(name, { goal, repository: { url: repository } });
    const state = await engine.until(name, (now) => now.finished !== undefined);
    expect(state.phase).toBe('Completed');
    const asked = model.requests(goal).filter((request) => request.tools.includes('finish')).length;
    const marks = state.plan?.steps.map(({ id, status }) => `${id} ${status}`);
    return { marks, asked, results: model.results(goal), logs: state.recentLogs.join('\n') };
  }

  it('has no step that looks untouched, though its programmer never marked one', async () => {
    const { marks, asked, results, logs } = await ends('Never mark', STEPS, write('greeting.txt', 'hello\n'), finish(), finish());
    expect(marks).toEqual(['a completed', 'b completed']);
    expect(asked).toBe(3);
    expect(results.at(-1)).toContain('[a] Say hello; [b] Tell the readers');
    expect(logs).toContain('Steps a, b count as completed: the programmer ended the work twice without marking them.');
  });

  it('says what its programmer says of the steps once it was asked', async () => {
    const answer = together(update({ id: 'a', status: 'completed' }, { id: 'b', status: 'skipped' }), finishing);
    const { marks, asked, logs } = await ends('Mark when asked', STEPS, write('greeting.txt', 'hello\n'), finish(), answer);
    expect(marks).toEqual(['a completed', 'b skipped']);
    expect(asked).toBe(3);
    expect(logs).not.toContain('without marking');
  });

  it('costs no answer more when the steps are marked in the one that finishes', async () => {
    const answer = together(update({ id: 'a', status: 'completed' }, { id: 'b', status: 'completed' }), finishing);
    const { marks, asked } = await ends('Mark at the end', STEPS, write('greeting.txt', 'hello\n'), answer);
    expect(marks).toEqual(['a completed', 'b completed']);
    expect(asked).toBe(2);
  });

  it('costs no answer more when its plan has one step, which ends with the work', async () => {
    const { marks, asked, logs } = await ends('One step', STEPS.slice(0, 1), write('greeting.txt', 'hello\n'), finish());
    expect(marks).toEqual(['a completed']);
    expect(asked).toBe(2);
    expect(logs).not.toContain('without marking');
  });
});

describe('finishing', () => {
  const ending = (...statuses: PlanStep['status'][]) => {
    const steps = statuses.map((status, index) => ({ id: String(index + 1), title: `Step ${index + 1}`, status }));
    return endingOf({ ...INITIAL_STATE, plan: { revision: 1, title: 'Mend', steps, checks: [] } });
  };

  it.each<[string, PlanStep['status'][], string[]]>([
    ['nothing where all is marked', ['completed', 'skipped'], []],
    ['the one that was begun, the others being marked', ['completed', 'in_progress'], ['2']],
    ['the only one', ['pending'], ['1']],
  ])('completes %s', (_what, statuses, completed) => {
    expect(ending(...statuses)).toEqual({ completed, told: false });
  });

  it.each<[string, PlanStep['status'][]]>([
    ['a step that was never begun', ['completed', 'pending']],
    ['several that were begun', ['in_progress', 'in_progress']],
  ])('asks about %s', (_what, statuses) => {
    expect(ending(...statuses)).toMatchObject({ ask: expect.stringContaining('[2] Step 2') });
  });

  it('names a few of many steps', () => {
    const asked = ending(...Array.from({ length: 30 }, () => 'pending' as const));
    expect(asked).toMatchObject({ ask: expect.stringContaining('30 steps of the plan are not marked') });
    expect('ask' in asked && asked.ask.length).toBeLessThan(800);
  });
});
