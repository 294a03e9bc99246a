import { describe, expect, it } from '@jest/globals';
import type { SessionEvent } from '../timeline/model.ts';
import { readHistory, SessionLog } from './session-log.ts';

const line = (seq: number): SessionEvent => ({
  seq,
  epoch: 1,
  format: 3,
  time: '2026-01-01T00:00:00.000Z',
  type: 'log.line',
  level: 'info',
  text: `Line ${seq}`,
});
const message = (event: SessionEvent) => ({ id: String(event.seq), event: event.type, data: JSON.stringify(event) });
const seqs = (log: SessionLog) => log.picture().events.map(({ seq }) => seq);

describe('SessionLog', () => {
  it('goes on from the history with the stream, with no event lost or doubled', () => {
    const log = new SessionLog();
    log.add([line(1), line(2)]);
    log.take([message(line(2)), message(line(3))]);
    expect(seqs(log)).toEqual([1, 2, 3]);
    expect(log.picture().timeline.lastSeq).toBe(3);
  });

  it('tells of a change once for all that came in one piece', () => {
    const log = new SessionLog();
    let told = 0;
    const end = log.subscribe(() => told++);
    log.take([message(line(1)), message(line(2))]);
    log.take([message(line(2))]);
    expect(told).toBe(1);
    end();
    log.take([message(line(3))]);
    expect(told).toBe(1);
  });

  it('begins anew when the log has lost what was read before', () => {
    const log = new SessionLog();
    log.add([line(1), line(2), line(3)]);
    log.take([{ id: '0', event: 'log.reset', data: '{"lastSeq":1}' }, message(line(1))]);
    expect(seqs(log)).toEqual([1]);
    expect(log.picture().timeline.lastSeq).toBe(1);
  });

  it('knows when the session was deleted', () => {
    const log = new SessionLog();
    log.add([line(1)]);
    log.take([{ id: '1', event: 'session.deleted', data: '{}' }]);
    expect(log.picture()).toMatchObject({ deleted: true, timeline: { lastSeq: 1 } });
  });

  it('leaves out what is no event', () => {
    const log = new SessionLog();
    log.take([
      { id: '1', event: 'log.line', data: 'no json' },
      { id: '1', event: 'log.line', data: '{"seq":"1"}' },
      message(line(1)),
    ]);
    expect(seqs(log)).toEqual([1]);
  });
});

describe('readHistory', () => {
  it('reads a piece, and where the next begins', () => {
    expect(readHistory({ items: [line(1)], last_seq: 9, next: 1 })).toEqual({ events: [line(1)], next: 1 });
    expect(readHistory({ items: [], last_seq: 0, next: null })).toEqual({ events: [], next: undefined });
  });

  it.each([undefined, null, [], {}, { items: 'x' }, 'text'])('sees that %j is none', (value) => {
    expect(readHistory(value)).toBeUndefined();
  });
});
