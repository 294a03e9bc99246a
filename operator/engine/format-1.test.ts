/**
 * A log as it was written in FORMAT 1, by an operator of then: a plan that was approved, a takeover while a command ran, a
 * message, a failed check, a review that asked for changes, and the end. Beside it the state that it folded to then,
 * in the shape that a state has now.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { git, makeRepository, startEngine } from '../../test/support/engine.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import { anIntent } from '../../test/support/session-script.ts';
import { decide } from './decide.ts';
import { FORMAT, type SessionEvent } from './events.ts';
import { fold } from './fold.ts';
import { SqliteEventLog } from './sqlite-log.ts';
import { parseStoredEvent } from './stored-event.ts';

const file = (name: string) => readFileSync(join(import.meta.dirname, 'testdata', name), 'utf8');
const EVENTS: SessionEvent[] = file('format-1.jsonl')
  .trim()
  .split('\n')
  .map((line, index) => parseStoredEvent('uid-greet', index + 1, line));
const STATE: Record<string, unknown> = JSON.parse(file('format-1.state.json'));

/** As it is written down: what is undefined is not there, sets and maps are lists and objects. */
function written(state: object): unknown {
  const plain = (_key: string, value: unknown) =>
    value instanceof Set ? [...value] : value instanceof Map ? Object.fromEntries(value) : value;
  return JSON.parse(JSON.stringify(state, plain));
}

describe('a log of FORMAT 1', () => {
  it('is one, and folds to the same state as then', () => {
    expect(new Set(EVENTS.map(({ format }) => format))).toEqual(new Set([1]));
    expect(FORMAT).toBeGreaterThan(1);
    expect(written(fold(EVENTS))).toMatchObject(STATE);
  });

  it('leads to a next step wherever it ends, and to none at its end', () => {
    const intent = anIntent({
      goal: 'Greet the world',
      mode: 'review',
      approvedPlan: 1,
      now: Date.parse(EVENTS.at(-1)?.time ?? ''),
    });
    const message = { id: 'm1', message: 'Keep it short.', when: 'next-step' as const };
    const steps = EVENTS.map((_event, index) => {
      const state = fold(EVENTS.slice(0, index + 1));
      return decide(state, state.inputs.length > 0 ? { ...intent, inputs: [message] } : intent).do;
    });
    expect(steps.slice(0, -1)).not.toContain('idle');
    expect(steps.at(-1)).toBe('idle');
  });
});

describe('a session with a log of FORMAT 1', () => {
  let folder: string;
  let server: ModelServer;
  const model = new ScriptedSessions();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'swe-format-1-'));
    server = await startModelServer((request) => model.answer(request));
  });

  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('goes on where its plan waited for approval, in a new sandbox, and ends', async () => {
    mkdirSync(join(folder, 'repository'));
    mkdirSync(join(folder, 'engine'));
    const repository = makeRepository(join(folder, 'repository'), { 'README.md': '# Sample\n' });
    const waiting = EVENTS.findIndex((event) => event.type === 'phase.entered' && event.phase === 'WaitingForUser');
    const commit = git(repository, 'rev-parse', 'HEAD').trim();
    const kept = EVENTS.slice(0, waiting + 1).map((event) => (event.type === 'repository.cloned' ? { ...event, commit } : event));
    await store(join(folder, 'engine', 'events.db'), kept);

    await using engine = await startEngine({ baseUrl: server.baseUrl, folder: join(folder, 'engine') });
    const goal = model.on('Greet the world');
    engine.apply('greet', { goal, mode: 'review', approvedPlan: 1, repository: { url: repository } });
    const state = await engine.until('greet', (now) => now.finished !== undefined);
    expect(state.finished).toMatchObject({ outcome: 'Completed', reason: 'Verified' });
    expect(git(repository, 'show', `${state.published?.branch}:greeting.txt`)).toBe('hello\n');
    const stored = await engine.deps.log.read('uid-greet', 0);
    expect(stored.slice(0, kept.length)).toEqual(kept);
    expect(stored[kept.length]).toMatchObject({ format: FORMAT, epoch: 2 });
  });

  /** Writes events into a log with the format that they have. */
  async function store(path: string, events: readonly SessionEvent[]): Promise<void> {
    const log = new SqliteEventLog({ path, exclusive: true });
    const claim = await log.claim('uid-greet', 'then');
    await log.release(claim);
    await log.close();
    using database = new DatabaseSync(path);
    const insert = database.prepare('INSERT INTO events (uid, seq, event) VALUES (?, ?, ?)');
    for (const event of events) insert.run('uid-greet', event.seq, JSON.stringify(event));
  }
});
