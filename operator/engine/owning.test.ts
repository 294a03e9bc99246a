import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually, patience } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { Gate, ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import type { AgentSession } from '../api/resources.ts';

let folder: string;
let repository: string;
let server: ModelServer;
const model = new ScriptedSessions();
let engines: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-owning-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n' });
  server = await startModelServer((request) => model.answer(request));
});

afterEach(async () => {
  const [first, ...others] = engines;
  engines = [];
  for (const other of others) await other.stop();
  await first?.[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Operators of one installation: they share the log. */
async function operators(): Promise<[Engine, Engine]> {
  const shared = { baseUrl: server.baseUrl, folder: mkdtempSync(join(tmpdir(), 'swe-operators-')), exclusive: false };
  const both: [Engine, Engine] = [
    await startEngine({ ...shared, holder: 'one' }),
    await startEngine({ ...shared, holder: 'another' }),
  ];
  engines = [...both];
  return both;
}

const uidOf = (name: string) => `uid-${name}`;
const viewOf = (engine: Engine, name: string) => engine.runner.view(uidOf(name));
const waits = (engine: Engine, name: string, reason: string) =>
  eventually(`${name} to wait for ${reason}`, () => viewOf(engine, name)?.waiting?.reason === reason);
const epochOf = async (engine: Engine, name: string) => (await engine.deps.log.head(uidOf(name))).epoch;
const noPlace = { reason: 'WaitingForSlot', message: 'one session runs already' };

describe('a session that another operator works on', () => {
  it('is not taken once that one brought it to a rest, and the status says so', async () => {
    const [first, second] = await operators();
    const working = new Gate();
    const goal = model.on('Be followed', { hold: working });
    const session = first.apply('followed', { goal, repository: { url: repository } });
    await working.reached();
    second.runner.ensure(session);
    await waits(second, 'followed', 'Claimed');
    // As the first will write it, and the second see it, within moments of the end.
    const told: AgentSession = { ...session, status: { observedGeneration: 1, log: { epoch: 1, lastSeq: 1_000 } } };
    second.runner.ensure(told);
    working.open();
    await first.until('followed', (now) => now.finished !== undefined);
    await eventually('the second to let go', () => viewOf(second, 'followed') === undefined);
    expect(await epochOf(first, 'followed')).toBe(1);
  });

  it('is taken to be told of when that one died before it could, and when the object has changed since', async () => {
    const [first, second] = await operators();
    for (const [name, status] of [
      ['silent', undefined],
      ['changed', { observedGeneration: 0, log: { epoch: 1, lastSeq: 1_000 } }],
    ] as const) {
      const working = new Gate();
      const goal = model.on(`Be left ${name}`, { hold: working });
      const session = first.apply(name, { goal, repository: { url: repository } });
      await working.reached();
      second.runner.ensure(session);
      await waits(second, name, 'Claimed');
      if (status) second.runner.ensure({ ...session, status });
      working.open();
      await eventually('the second to have it', async () => (await epochOf(first, name)) > 1);
    }
    await second.until('silent', (now) => now.finished !== undefined);
  });

  it('is taken when that one lets go in the middle of the work, but not before there is a place for it', async () => {
    const [first, second] = await operators();
    const working = new Gate();
    const goal = model.on('Be handed over', { hold: working });
    const session = first.apply('handed', { goal, repository: { url: repository } });
    await working.reached();
    second.runner.ensure(session, noPlace);
    await waits(second, 'handed', 'Claimed');
    await first.runner.stop(uidOf('handed'), 'leave-commands', patience());
    await waits(second, 'handed', 'WaitingForSlot');
    expect(viewOf(second, 'handed')).toMatchObject({ running: true, unclaimed: true, waiting: noPlace });
    expect(second.runner.running).toBe(0);
    expect(await epochOf(first, 'handed')).toBe(1);
    second.runner.ensure(session);
    working.open();
    const state = await second.until('handed', (now) => now.finished !== undefined);
    expect(state.epoch).toBe(2);
  });
});

describe('a session that waits for a place', () => {
  it('is left to another operator that has one', async () => {
    const [first, second] = await operators();
    const working = new Gate();
    const goal = model.on('Find a place', { hold: working });
    const session: AgentSession = second.apply('placed', { goal, repository: { url: repository } });
    await second.runner.stop(uidOf('placed'), 'leave-commands', patience());
    second.runner.ensure(session, noPlace);
    await waits(second, 'placed', 'WaitingForSlot');
    first.runner.ensure(session);
    await working.reached();
    // What the first writes into the status has the second look again.
    second.runner.ensure({ ...session }, noPlace);
    await waits(second, 'placed', 'Claimed');
    working.open();
    const state = await first.until('placed', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
  });
});
