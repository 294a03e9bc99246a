import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, type EngineOptions, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { bash, finish, Gate, greet, plan, ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import { type EventOf, type EventType, FORMAT, type SessionEvent } from './events.ts';
import { type EventLog, LogUnavailableError } from './log.ts';
import { SqliteEventLog } from './sqlite-log.ts';

let folder: string;
let repository: string;
let server: ModelServer;
const model = new ScriptedSessions();
const engines: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-task-'));
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

function stored(engine: Engine, name: string): Promise<SessionEvent[]> {
  return engine.deps.log.read(`uid-${name}`, 0);
}

async function of<T extends EventType>(engine: Engine, name: string, type: T): Promise<EventOf<T>[]> {
  const isOf = (event: SessionEvent): event is SessionEvent & EventOf<T> => event.type === type;
  return (await stored(engine, name)).filter(isOf);
}

function waitingOf(engine: Engine, name: string) {
  return engine.runner.view(`uid-${name}`)?.waiting;
}

/** The engine's log by a clock that is an hour ahead: its claims are good for as long, however slow this machine is. */
function logAhead(engine: Engine): SqliteEventLog {
  return new SqliteEventLog({ path: join(engine.folder, 'events.db'), now: () => Date.now() + 3_600_000 });
}

/** The log with some of its operations replaced. */
function instead(log: EventLog, changes: Partial<EventLog>): EventLog {
  return Object.assign(Object.create(log), {
    claim: log.claim.bind(log),
    renew: log.renew.bind(log),
    release: log.release.bind(log),
    untilFree: log.untilFree.bind(log),
    append: log.append.bind(log),
    read: log.read.bind(log),
    head: log.head.bind(log),
    subscribe: log.subscribe.bind(log),
    delete: log.delete.bind(log),
    sessions: log.sessions.bind(log),
    close: log.close.bind(log),
    ...changes,
  });
}

describe('a session', () => {
  it('that another operator holds waits, says so, and touches nothing', async () => {
    const engine = await engineWith();
    const log = logAhead(engine);
    await log.claim('uid-held', 'another');
    engine.apply('held', { goal: model.on('Wait for the other'), repository: { url: repository } });
    await eventually('the reason', () => waitingOf(engine, 'held')?.reason === 'Claimed');
    await log.close();
    await engine.stop();
    engines.pop();
    const again = await engineWith({ folder: engine.folder });
    expect(await stored(again, 'held')).toEqual([]);
  });

  it('that a process with the same name holds waits, too, and takes it up as soon as it is given back', async () => {
    const engine = await engineWith();
    const log = logAhead(engine);
    const claim = await log.claim('uid-same', engine.deps.holder);
    engine.apply('same', { goal: model.on('Wait for the double'), repository: { url: repository } });
    await eventually('the reason', () => waitingOf(engine, 'same')?.reason === 'Claimed');
    // Not fenced.
    await log.renew(claim);
    expect(await stored(engine, 'same')).toEqual([]);
    await log.release(claim);
    await log.close();
    const state = await engine.until('same', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
  });

  it('goes on by itself when the log could not be reached or written', async () => {
    let claims = 1;
    let appends = 3;
    const reasons = new Set<string>();
    const engine = await engineWith({
      wrapLog: (log) =>
        instead(log, {
          claim: async (...args) => {
            if (claims-- > 0) throw new LogUnavailableError('connection refused');
            return log.claim(...args);
          },
          append: async (...args) => {
            if (appends-- > 0) throw new LogUnavailableError('no space left on device');
            return log.append(...args);
          },
        }),
    });
    engine.runner.onChange(() => {
      const waiting = waitingOf(engine, 'no-log');
      if (waiting) reasons.add(`${waiting.reason}: ${waiting.message}`);
    });
    engine.apply('no-log', { goal: model.on('Outlive the log'), repository: { url: repository } });
    const state = await engine.until('no-log', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect([...reasons]).toEqual(['LogUnavailable: connection refused', 'LogUnavailable: no space left on device']);
    expect(waitingOf(engine, 'no-log')).toBeUndefined();
  });

  it('whose log is behind its mirror in the status reports that and does nothing', async () => {
    const engine = await engineWith();
    const spec = { goal: model.on('Lose the log'), repository: { url: repository } };
    const uid = 'uid-behind';
    engine.runner.ensure({
      apiVersion: 'sweagent.dev/v1alpha1',
      kind: 'AgentSession',
      metadata: { name: 'behind', namespace: 'default', uid, generation: 1 },
      spec,
      status: { log: { epoch: 7, lastSeq: 42 } },
    });
    const waiting = await eventually('the report', () => waitingOf(engine, 'behind'));
    expect(waiting).toMatchObject({ reason: 'LogDamaged', message: expect.stringContaining('42 events were written') });
    expect(await stored(engine, 'behind')).toEqual([]);
    expect((await engine.deps.log.head(uid)).epoch).toBe(8);
  });

  it('with events of a newer operator is not claimed', async () => {
    let claimed = 0;
    const engine = await engineWith({
      wrapLog: (log) =>
        instead(log, {
          head: async () => ({ epoch: 3, lastSeq: 1 }),
          read: async () => [
            { seq: 1, epoch: 3, time: '2026-01-01T00:00:00.000Z', format: FORMAT + 1, type: 'log.line', level: 'info', text: '' },
          ],
          claim: (...args) => {
            claimed++;
            return log.claim(...args);
          },
        }),
    });
    engine.apply('newer', { goal: model.on('Be newer'), repository: { url: repository } });
    const waiting = await eventually('the report', () => waitingOf(engine, 'newer'));
    expect(waiting).toMatchObject({ reason: 'LogDamaged', message: expect.stringContaining('use a newer one') });
    expect(claimed).toBe(0);
  });

  it('hears of every change of its object, also of those that come while its task ends', async () => {
    const engine = await engineWith();
    const spec = { goal: model.on('Change often', { plan: [plan('Greet', [])] }), repository: { url: repository } };
    engine.apply('often', spec);
    await engine.until('often', (now) => now.finished !== undefined);
    const inputs: { id: string; message: string }[] = [];
    for (let i = 0; i < 20; i++) {
      inputs.push({ id: `m${i}`, message: `more ${i}` });
      engine.apply('often', { ...spec, inputs: [...inputs] });
      // A different number of turns of the event loop each time: the task is found in each of its last steps.
      for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    engine.apply('often', { ...spec, inputs: [...inputs], suspend: true });
    const state = await engine.until('often', (now) => now.inputs.length === 20 && now.phase === 'Paused');
    expect(state.inputs.map((input) => input.id)).toEqual(inputs.map((input) => input.id));
  });
});

describe('an interruption', () => {
  const now = (message: string) => ({ id: message, message, when: 'now' as const });

  it('by a message ends the call to the model, which is then asked with the message', async () => {
    const engine = await engineWith();
    const gate = new Gate();
    let held = true;
    const goal = model.on('Listen while thinking', {
      work: async (request) => {
        if (held) {
          held = false;
          await Promise.race([gate.pass(), new Promise((resolve) => request.signal.addEventListener('abort', resolve))]);
        }
        return greet[Math.min(request.turn, 1)] ?? {};
      },
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('thinking', spec);
    await gate.reached();
    engine.apply('thinking', { ...spec, inputs: [now('Use tabs')] });
    await engine.until('thinking', (state) => state.finished !== undefined);
    const asked = model.requests(goal).filter((request) => request.tools.includes('finish'));
    expect(asked[0]?.gone).toBe(true);
    expect(asked[1]?.messages.at(-1)).toMatchObject({ role: 'user', text: expect.stringContaining('Use tabs') });
    expect(await of(engine, 'thinking', 'model.failed')).toMatchObject([{ class: 'interrupted' }]);
  });

  it('by a message ends the command, skips the calls after it and is read next', async () => {
    const engine = await engineWith();
    const marker = join(folder, 'skipped');
    const calls = [...(bash('echo begun; sleep 1000').calls ?? []), ...(bash(`touch '${marker}'`).calls ?? [])];
    const goal = model.on('Listen while working', { work: [{ calls }, ...greet] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('working', spec);
    await eventually('the command', async () => (await of(engine, 'working', 'tool.started')).length > 0);
    engine.apply('working', { ...spec, inputs: [now('Stop that')] });
    await engine.until('working', (state) => state.finished !== undefined);
    const [first, second] = model.results(goal);
    expect(first).toContain('because the user sent a message');
    expect(second).toContain('Not done, because the user sent a message');
    expect(existsSync(marker)).toBe(false);
  });

  it('by a message leaves checks alone, which tell the model nothing', async () => {
    const engine = await engineWith();
    const runs = join(folder, 'runs');
    const go = join(folder, 'check-may-end');
    const check = `[ -e greeting.txt ] || exit 1; echo run >> '${runs}'; while [ ! -e '${go}' ]; do sleep 0.05; done; grep -q hello greeting.txt`;
    const goal = model.on('Check slowly', { plan: [plan('Greet', [check])] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('checking', spec);
    await eventually('the check', () => existsSync(runs));
    engine.apply('checking', { ...spec, inputs: [now('Mind the tests')] });
    const received = async () => (await of(engine, 'checking', 'input.received')).length > 0;
    writeFileSync(go, '');
    await eventually('the message', received);
    await engine.until('checking', (state) => state.finished !== undefined);
    expect(readFileSync(runs, 'utf8')).toBe('run\n');
  });

  it('by suspending ends the command and goes on after it when the session is no longer suspended', async () => {
    const engine = await engineWith();
    const goal = model.on('Pause', { work: [bash('sleep 1000'), ...greet] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('paused', spec);
    await eventually('the command', async () => (await of(engine, 'paused', 'tool.started')).length > 0);
    engine.apply('paused', { ...spec, suspend: true });
    await engine.until('paused', (state) => state.pause?.reason === 'Suspended');
    engine.apply('paused', { ...spec, suspend: false });
    const state = await engine.until('paused', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect(model.results(goal)[0]).toContain('because the session was suspended');
  });

  it('by cancelling ends even a command that does not want to end', async () => {
    const engine = await engineWith();
    const goal = model.on('Cancel', { work: [bash("trap '' TERM; sleep 1000"), finish()] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('cancelled', spec);
    await eventually('the command', async () => (await of(engine, 'cancelled', 'tool.started')).length > 0);
    engine.apply('cancelled', { ...spec, cancelled: true });
    const state = await engine.until('cancelled', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Cancelled');
  });

  it('by a stop of the operator is recorded, and the next start goes on from there', async () => {
    const engine = await engineWith({ folder: join(folder, 'stopped') });
    const goal = model.on('Be stopped', { work: [bash('sleep 1000'), ...greet] });
    const spec = { goal, repository: { url: repository } };
    engine.apply('stopped', spec);
    await eventually('the command', async () => (await of(engine, 'stopped', 'tool.started')).length > 0);
    await engine.stop();
    engines.pop();
    const next = await engineWith({ folder: engine.folder });
    expect(await of(next, 'stopped', 'tool.finished')).toContainEqual(expect.objectContaining({ outcome: 'interrupted' }));
    next.apply('stopped', spec);
    const state = await next.until('stopped', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Completed');
    expect(model.results(goal)[0]).toContain('because the platform was stopped');
  });
});
