/** How long a command ran is told by when it began and ended, whoever watched it. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually, patience } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { bash, greet, ScriptedSessions } from '../../test/support/scripted-sessions.ts';

const HOUR_MS = 3_600_000;

let folder: string;
let repository: string;
let server: ModelServer;
let engine: Engine;
/** How far the engine's clock is ahead of the sandbox's. */
let ahead = 0;
const model = new ScriptedSessions();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-command-time-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n' });
  server = await startModelServer((request) => model.answer(request));
  engine = await startEngine({ baseUrl: server.baseUrl, replace: () => ({ now: () => Date.now() + ahead }) });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The command's recorded time in ms, its owner having been away while it came to `reached`. */
async function timeOf(name: string, command: string, reached: string, back: () => void): Promise<number> {
  const spec = { goal: model.on(`Time ${name}`, { work: [bash(command), ...greet] }), repository: { url: repository } };
  engine.apply(name, spec);
  const events = () => engine.deps.log.read(`uid-${name}`, 0);
  await eventually('the command', async () => (await events()).some((event) => event.type === 'tool.started'));
  await engine.runner.stop(`uid-${name}`, 'leave-commands', patience());
  await eventually('the command to come so far', () => existsSync(reached));
  back();
  engine.apply(name, spec);
  await engine.until(name, (state) => state.finished !== undefined);
  const ended = (await events()).find((event) => event.type === 'tool.finished' && event.name === 'bash');
  return ended?.type === 'tool.finished' ? ended.durationMs : -1;
}

describe('the time of a command', () => {
  it('counts from its begin when an owner finds it running', async () => {
    const [middle, go] = [join(folder, 'middle'), join(folder, 'go')];
    const command = `sleep 1.2; : >'${middle}'; until [ -e '${go}' ]; do sleep 0.02; done`;
    const time = await timeOf('running', command, middle, () => writeFileSync(go, ''));
    expect(time).toBeGreaterThanOrEqual(1_150);
    expect(time).toBeLessThan(HOUR_MS);
  });

  it('counts to its end when it ended while nobody watched', async () => {
    const end = join(folder, 'end');
    const time = await timeOf('ended', `sleep 0.3; : >'${end}'`, end, () => {
      ahead = HOUR_MS;
    });
    expect(time).toBeGreaterThanOrEqual(250);
    expect(time).toBeLessThan(HOUR_MS);
  });
});
