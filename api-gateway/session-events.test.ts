import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventBody } from '../operator/engine/events.ts';
import { EventSource } from '../test/support/event-source.ts';
import { eventually } from '../test/support/eventually.ts';
import { TestGateway } from '../test/support/gateway.ts';
import { ANSWERED } from '../test/support/session-events.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(() => gateway.close());

const line = (text: string): EventBody => ({ type: 'log.line', level: 'info', text });
const watch = (id: string, query = '', headers: Record<string, string> = {}) =>
  EventSource.open(`${gateway.url}/agent/sessions/${id}/events${query}`, headers);
/** How many streams are open; those of the test before may be about to close. */
const streams = async () => /^swe_agent_http_event_streams (\d+)$/m.exec((await gateway.get('/metrics')).text)?.[1];
const texts = (source: EventSource) => source.events.map(({ data }) => Object(data).text);

/** What the next stream takes from the log. */
function watched(): { count: number; signal: AbortSignal | undefined } {
  const taken: { count: number; signal: AbortSignal | undefined } = { count: 0, signal: undefined };
  const { log } = gateway;
  const subscribe = log.subscribe.bind(log);
  log.subscribe = async function* (uid, afterSeq, signal) {
    log.subscribe = subscribe;
    taken.signal = signal;
    for await (const event of subscribe(uid, afterSeq, signal)) {
      taken.count++;
      yield event;
    }
  };
  return taken;
}

describe('the event stream', () => {
  it('tells what is stored, then what happens, each once and in order', async () => {
    const id = await gateway.started();
    await gateway.happen(id, line('a'), line('b'));
    await using source = await watch(id);
    expect(source.status).toBe(200);
    expect(source.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await eventually('stored events', () => source.events.length === 2);
    await gateway.happen(id, line('c'));
    await gateway.happen(id, line('d'));
    await eventually('new events', () => source.events.length === 4);
    expect(texts(source)).toEqual(['a', 'b', 'c', 'd']);
    expect(source.events[2]).toMatchObject({
      id: '3',
      event: 'log.line',
      data: { seq: 3, type: 'log.line', time: expect.any(String) },
    });
  });

  it('waits for a session that nobody has begun', async () => {
    const id = await gateway.started();
    await using source = await watch(id);
    await gateway.happen(id, line('first'));
    await eventually('the first event', () => source.events.length === 1);
  });

  it('goes on after Last-Event-ID, or after the number in the address', async () => {
    const id = await gateway.started();
    await gateway.happen(id, line('a'), line('b'), line('c'));
    await using byHeader = await watch(id, '?after=0', { 'Last-Event-ID': '2' });
    await using byQuery = await watch(id, '?after=1');
    await eventually('events', () => byHeader.events.length === 1 && byQuery.events.length === 2);
    expect([texts(byHeader), texts(byQuery)]).toEqual([['c'], ['b', 'c']]);
  });

  it('says so when the reader knows more than the log, and begins anew', async () => {
    const id = await gateway.started();
    await gateway.happen(id, line('a'));
    await using source = await watch(id, '', { 'Last-Event-ID': '7' });
    await eventually('events', () => source.events.length === 2);
    expect(source.events).toMatchObject([{ event: 'log.reset', data: { lastSeq: 1 } }, { id: '1' }]);
  });

  it.each(['-1', 'x', '1.5', ''])('refuses to begin after %j', async (after) => {
    const answer = await gateway.get(`/agent/sessions/${await gateway.started()}/events?after=${after}`);
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field: 'after' }] });
  });

  it('leaves out what only the provider of the model can read', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ANSWERED);
    await using source = await watch(id);
    await eventually('the event', () => source.events.length === 1);
    expect(source.events[0]?.data).toMatchObject({ text: 'hello' });
    expect(JSON.stringify(source.events)).not.toContain('opaque');
  });

  it('stays open when the session has finished, and ends when it is deleted', async () => {
    const id = await gateway.started();
    const finished: EventBody = { type: 'session.finished', outcome: 'Completed', reason: 'Verified', message: 'm' };
    const [event] = await gateway.happen(id, finished);
    await using source = await watch(id);
    await eventually('the end', () => source.events.length === 1);
    const { uid } = (await gateway.object(id)).metadata;
    await gateway.happen(id, line('more'));
    await eventually('more', () => source.events.length === 2);
    await gateway.log.delete(uid ?? '');
    await source.ended;
    expect(source.events.map((one) => one.event)).toEqual([event?.type, 'log.line', 'session.deleted']);
  });

  it('takes from the log only what a slow reader can take, and all of it in the end', async () => {
    const id = await gateway.started();
    const taken = watched();
    await using slow = await watch(id);
    slow.pause();
    const big = line('x'.repeat(30_000));
    await gateway.happen(id, ...Array.from({ length: 1000 }, () => big));
    let before = -1;
    let same = 0;
    await eventually('the stream to wait', () => {
      same = taken.count === before ? same + 1 : 0;
      before = taken.count;
      return taken.count > 0 && same > 20;
    });
    expect(taken.count).toBeLessThan(900);
    slow.resume();
    await eventually('everything', () => slow.events.length === 1000);
    expect(slow.events.map((one) => Number(one.id))).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  });

  it('lets go of the log when the reader has gone', async () => {
    const id = await gateway.started();
    const taken = watched();
    const source = await watch(id);
    await eventually('the subscription', () => taken.signal !== undefined);
    await eventually('the stream to be counted', async () => (await streams()) === '1');
    await source[Symbol.asyncDispose]();
    await eventually('the end of the subscription', () => taken.signal?.aborted);
    await eventually('the stream to be gone', async () => (await streams()) === '0');
  });

  it('answers HEAD with its headers alone', async () => {
    const answer = await gateway.send(`/agent/sessions/${await gateway.started()}/events`, { method: 'HEAD' });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  });
});
