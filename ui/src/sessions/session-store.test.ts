import { describe, expect, it } from '@jest/globals';
import { SessionList } from './session-store.ts';

const item = (id: string, goal = id) => ({ event: 'session', data: JSON.stringify({ id, goal }) });
const synced = { event: 'synced', data: '{}' };
const goals = (list: SessionList) => [...(list.sessions?.values() ?? [])].map((one) => one.goal);

describe('the list as the server tells of it', () => {
  it('is not shown before it is whole', () => {
    const list = new SessionList();
    expect(list.take([item('a')])).toBe(false);
    expect(list.sessions).toBeNull();
    expect(list.take([item('b'), synced])).toBe(true);
    expect(goals(list)).toEqual(['a', 'b']);
  });

  it('follows changes and deletions, and leaves what was handed out as it was', () => {
    const list = new SessionList();
    list.take([item('a'), item('b'), synced]);
    const before = list.sessions;
    expect(list.take([item('a', 'changed'), { event: 'session.deleted', data: '{"id":"b"}' }])).toBe(true);
    expect(goals(list)).toEqual(['changed']);
    expect(before?.size).toBe(2);
  });

  it('keeps showing the old list after a reset until the new one is whole', () => {
    const list = new SessionList();
    list.take([item('gone'), synced]);
    expect(list.take([{ event: 'list.reset', data: '{}' }, item('new')])).toBe(false);
    expect(goals(list)).toEqual(['gone']);
    expect(list.take([synced])).toBe(true);
    expect(goals(list)).toEqual(['new']);
  });

  it('takes no notice of what it does not know', () => {
    const list = new SessionList();
    list.take([synced]);
    expect(list.take([{ event: 'from.the.future', data: '{}' }])).toBe(false);
  });
});
