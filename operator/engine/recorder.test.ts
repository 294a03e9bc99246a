import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventBody } from './events.ts';
import { fold } from './fold.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import { type EventLog, FencedError, LogUnavailableError } from './log.ts';
import { Recorder } from './recorder.ts';
import { SqliteEventLog } from './sqlite-log.ts';
import { INITIAL_STATE, type SessionState } from './state.ts';

const UID = 'uid-1';
const line = (text: string) => ({ type: 'log.line' as const, level: 'info' as const, text });

let folder: string;
let log: SqliteEventLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swe-recorder-'));
  log = new SqliteEventLog({ path: join(folder, 'events.db'), fsync: false });
});

afterEach(async () => {
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A recorder over the log, whose appends a test may stand in the way of. */
async function recorderOver(through: Pick<EventLog, 'append'> = log) {
  const claim = await log.claim(UID, 'me');
  const seen: SessionState[] = [];
  const unavailable: (string | undefined)[] = [];
  const recorder = new Recorder({
    log: { ...adapter(), append: (...args) => through.append(...args) },
    claim,
    state: fold(await log.read(UID, 0)),
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    now: Date.now,
    onStored: (_events, state) => seen.push(state),
    onUnavailable: (message) => unavailable.push(message),
  });
  return { recorder, claim, seen, unavailable };
}

function adapter(): EventLog {
  return {
    append: (...args) => log.append(...args),
    claim: (...args) => log.claim(...args),
    renew: (claim) => log.renew(claim),
    release: (claim) => log.release(claim),
    untilFree: (...args) => log.untilFree(...args),
    read: (...args) => log.read(...args),
    head: (uid) => log.head(uid),
    subscribe: (...args) => log.subscribe(...args),
    delete: (uid) => log.delete(uid),
    sessions: () => log.sessions(),
    close: () => log.close(),
  };
}

async function texts(): Promise<string[]> {
  return (await log.read(UID, 0)).map((event) => (event.type === 'log.line' ? event.text : event.type));
}

const never = new AbortController().signal;

describe('a recorder', () => {
  it('has the state with everything emitted at once, and shows others only what is on disk', async () => {
    const { recorder, seen } = await recorderOver();
    recorder.emit(line('one'), line('two'));
    expect(recorder.state.lastSeq).toBe(2);
    expect(seen).toEqual([]);
    await recorder.flush(never);
    expect(seen.map((state) => state.lastSeq)).toEqual([2]);
    expect(await texts()).toEqual(['one', 'two']);
  });

  it('stores what is emitted while an earlier write is under way, neither lost nor doubled', async () => {
    const { recorder, seen } = await recorderOver();
    recorder.emit(line('one'));
    const first = recorder.flush(never);
    await Promise.resolve();
    recorder.emit(line('two'));
    const second = recorder.flush(never);
    recorder.emit(line('three'));
    await Promise.all([first, second]);
    recorder.emit(line('four'));
    await recorder.flush(never);
    expect(await texts()).toEqual(['one', 'two', 'three', 'four']);
    expect(seen.at(-1)?.lastSeq).toBe(4);
  });

  it('waits while the log is unavailable, says so, and writes everything in order once it is back', async () => {
    let refusals = 2;
    const { recorder, unavailable } = await recorderOver({
      append: async (...args) => {
        if (refusals-- > 0) throw new LogUnavailableError('no space left on device');
        return log.append(...args);
      },
    });
    recorder.emit(line('one'));
    const flushed = recorder.flush(never);
    recorder.emit(line('two'));
    await flushed;
    await recorder.flush(never);
    expect(await texts()).toEqual(['one', 'two']);
    expect(unavailable).toEqual(['no space left on device', 'no space left on device', undefined]);
  });

  it('gives up waiting for the log when it is told to stop, and keeps what was not written', async () => {
    let refuse = true;
    const { recorder } = await recorderOver({
      append: async (...args) => {
        if (refuse) throw new LogUnavailableError('connection refused');
        return log.append(...args);
      },
    });
    recorder.emit(line('one'));
    const stop = new AbortController();
    const flushed = recorder.flush(stop.signal);
    stop.abort(new Error('stopping'));
    await expect(flushed).rejects.toThrow('stopping');
    refuse = false;
    await recorder.flush(never);
    expect(await texts()).toEqual(['one']);
  });

  it('writes nothing any more once another owner has the session', async () => {
    const { recorder, claim } = await recorderOver();
    recorder.emit(line('one'));
    await recorder.flush(never);
    await log.release(claim);
    await log.claim(UID, 'another');
    recorder.emit(line('two'));
    await expect(recorder.flush(never)).rejects.toThrow(FencedError);
    recorder.emit(line('three'));
    await expect(recorder.flush(never)).rejects.toThrow(FencedError);
    expect(await texts()).toEqual(['one']);
  });

  it('never stores an event that cannot have happened', async () => {
    const { recorder } = await recorderOver();
    recorder.emit(line('one'));
    expect(() => recorder.emit({ type: 'session.resumed', resumeCounter: 1 })).toThrow(ImpossibleLogError);
    await recorder.flush(never);
    expect(await texts()).toEqual(['one']);
    expect(recorder.state).toEqual(fold(await log.read(UID, 0), INITIAL_STATE));
  });

  it('folds in memory to the same state as a replay of what it stored', async () => {
    const { recorder } = await recorderOver();
    const bodies: EventBody[] = [
      { type: 'session.started', goal: 'g', mode: 'auto', repository: { url: '/r' } },
      { type: 'phase.entered', phase: 'Provisioning', reason: 'Started', message: '' },
    ];
    for (const body of bodies) recorder.emit(body);
    await recorder.flush(never);
    expect(fold(await log.read(UID, 0))).toEqual(recorder.state);
  });
});
