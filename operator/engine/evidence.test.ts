import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { approve, bash, greet, plan, ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import { verified } from './evidence.ts';

let folder: string;
let repository: string;
let server: ModelServer;
let engine: Engine;
const model = new ScriptedSessions();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-evidence-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n' });
  server = await startModelServer((request) => model.answer(request));
  engine = await startEngine({ baseUrl: server.baseUrl });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function finished(name: string, goal: string) {
  engine.apply(name, { goal, repository: { url: repository } });
  return engine.until(name, (state) => state.finished !== undefined);
}

describe('evidence', () => {
  it('is of the committed tree, whatever earlier checks and the reviewer wrote', async () => {
    const changing = "grep -q '^hello$' greeting.txt && echo changed > greeting.txt && touch new.txt";
    const goal = model.on('Check twice', {
      plan: [plan('Greet', [changing, "test ! -e new.txt && grep -q '^hello$' greeting.txt && echo x > greeting.txt"])],
      review: [bash('cat greeting.txt; ls'), bash('echo worse > greeting.txt'), approve()],
    });
    const state = await finished('twice', goal);
    expect(state.evidence.map((one) => one.exitCode)).toEqual([0, 0]);
    expect(model.results(goal, 'review')[0]).toMatch(/^hello\nREADME.md\ngreeting.txt\n/);
    expect(verified(state)).toBe(true);
  });

  it('is not taken from a check whose exit code says nothing: the planner is told to name another', async () => {
    const goal = model.on('Hide the outcome', {
      plan: [plan('Greet', ['false | tail -3']), plan('Greet', ['grep -q hello greeting.txt'])],
      work: greet,
    });
    const state = await finished('hidden', goal);
    expect(model.results(goal, 'plan')[0]).toContain('the exit code of the check `false | tail -3` says nothing');
    expect(state.evidence.map((one) => one.command)).toEqual(['grep -q hello greeting.txt']);
  });

  it('without checks leaves the result unverified', async () => {
    const state = await finished('none', model.on('No checks', { plan: [plan('Greet', [])] }));
    expect(state.finished).toMatchObject({ outcome: 'Completed', reason: 'Unverified' });
  });
});
