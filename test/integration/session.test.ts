import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verified } from '../../operator/engine/evidence.ts';
import { makeSampleRepository } from '../../scripts/demo/sample-repository.ts';
import { demoModel } from '../../scripts/demo/scripted-model.ts';
import { type Engine, git, startEngine } from '../support/engine.ts';
import { type ModelServer, startModelServer } from '../support/model-server.ts';

let folder: string;
let server: ModelServer;
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-session-'));
  makeSampleRepository(join(folder, 'receipt'));
  const model = demoModel();
  model.release();
  server = await startModelServer((request) => model.answer(request));
  engine = await startEngine({ baseUrl: server.baseUrl });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a session', () => {
  it('goes from a goal and a repository to a reviewed, verified and pushed branch', async () => {
    const repository = join(folder, 'receipt');
    engine.apply('one', { goal: 'Make the tests pass', repository: { url: repository } });
    const state = await engine.until('one', (now) => now.finished !== undefined);
    expect(state.finished).toMatchObject({ outcome: 'Completed', reason: 'Verified' });
    expect(verified(state)).toBe(true);
    expect(state.published).toMatchObject({ pushed: true, filesChanged: 2 });
    expect(git(repository, 'log', '-1', '--format=%an <%ae> %s', state.published?.branch ?? '')).toBe(
      'swe-agent <bot@example.com> Take a discount off every piece of a line\n',
    );
  });
});
