import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventBody } from '../operator/engine/events.ts';
import { EventSource } from '../test/support/event-source.ts';
import { eventually } from '../test/support/eventually.ts';
import { TestGateway } from '../test/support/gateway.ts';
import { send } from '../test/support/http-send.ts';
import { ANSWERED } from '../test/support/session-events.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
});
afterAll(() => gateway.close());

const line = (text: string): EventBody => ({ type: 'log.line', level: 'info', text });
const lines = (count: number) => Array.from({ length: count }, (_, index) => line(`line ${index + 1}`));
const history = (id: string, query = '') => gateway.get(`/agent/sessions/${id}/events?format=json${query}`);
type History = { items: { seq: number; text?: string }[]; last_seq: number; next: number | null };
const read = (answer: { json(): unknown }) => answer.json() as History;

describe('the history of a session', () => {
  it('is what the stream tells, in one answer', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ...lines(300), ANSWERED);
    await using stream = await EventSource.open(`${gateway.url}/agent/sessions/${id}/events`);
    await eventually('the stream', () => stream.events.length === 301);
    const answer = await history(id);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
    expect(answer.json()).toEqual({ items: stream.events.map(({ data }) => data), last_seq: 301, next: null });
    expect(answer.text).not.toContain('opaque');
    expect((await gateway.get(`/agent/tasks/${id}/events?format=json`)).text).toBe(answer.text);
  });

  it('comes in pages, and the stream goes on where it ends', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ...lines(700));
    const seen: number[] = [];
    let after = 0;
    for (let pages = 1; ; pages++) {
      const { items, last_seq, next } = read(await history(id, `&limit=300&after=${after}`));
      seen.push(...items.map(({ seq }) => seq));
      expect(last_seq).toBe(700);
      if (next === null) {
        expect(pages).toBe(3);
        break;
      }
      expect(next).toBe(seen.length);
      after = next;
    }
    expect(seen).toEqual(Array.from({ length: 700 }, (_, index) => index + 1));
    expect(read(await history(id, '&limit=700'))).toMatchObject({ next: null });
    await gateway.happen(id, line('more'));
    await using stream = await EventSource.open(`${gateway.url}/agent/sessions/${id}/events?after=700`);
    await eventually('the stream', () => stream.events.length === 1);
    expect(stream.events[0]).toMatchObject({ id: '701' });
  });

  it('of a session that has none, or less than the reader knows, is empty', async () => {
    const id = await gateway.started();
    expect((await history(id)).json()).toEqual({ items: [], last_seq: 0, next: null });
    await gateway.happen(id, line('a'));
    expect((await history(id, '&after=1')).json()).toEqual({ items: [], last_seq: 1, next: null });
    expect((await history(id, '&after=9')).json()).toEqual({ items: [], last_seq: 1, next: null });
  });

  it('has nothing that came while it was read', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ...lines(200));
    const { log } = gateway;
    const head = log.head.bind(log);
    log.head = async (uid) => {
      log.head = head;
      const found = await head(uid);
      await gateway.happen(id, line('late'));
      return found;
    };
    const { items, last_seq, next } = read(await history(id));
    expect([items.length, last_seq, next]).toEqual([200, 200, null]);
  });

  it('is read in small pieces, so that others have their turn', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ...lines(1_000));
    const sizes: number[] = [];
    const { log } = gateway;
    const read = log.read.bind(log);
    log.read = async (uid, after, limit) => {
      const events = await read(uid, after, limit);
      sizes.push(events.length);
      return events;
    };
    const answer = await history(id).finally(() => {
      log.read = read;
    });
    expect(Object(answer.json()).items).toHaveLength(1_000);
    expect(sizes.length).toBe(8);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(128);
  });

  it('is compressed for who takes that, text beyond ASCII included', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ...lines(500), line('größer 🦊'));
    const [plain, zipped] = [
      await history(id),
      await send(`${gateway.url}/agent/sessions/${id}/events?format=json`, { headers: { 'accept-encoding': 'gzip, br' } }),
    ];
    expect([zipped.headers['content-encoding'], zipped.headers.vary]).toEqual(['gzip', 'Accept-Encoding']);
    expect(gunzipSync(zipped.bytes).toString()).toBe(plain.text);
    expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 5);
    expect(read(plain).items.at(-1)?.text).toBe('größer 🦊');
  });

  it.each(['format=xml', 'format=json&limit=0', 'format=json&limit=20001', 'format=json&after=x', 'format=json&status=a'])(
    'is not there with %s',
    async (query) => {
      const answer = await gateway.get(`/agent/sessions/${await gateway.started()}/events?${query}`);
      expect(answer.json()).toMatchObject({
        status: 422,
        errors: [{ field: expect.stringMatching(/format|limit|after|status/) }],
      });
    },
  );

  it('of no session is a 404, and while the log cannot be read a 503', async () => {
    expect((await history('none')).status).toBe(404);
    await using other = await TestGateway.start();
    const id = await other.started();
    await other.log.close();
    expect((await other.get(`/agent/sessions/${id}/events?format=json`)).status).toBe(503);
  });

  it('answers HEAD with its headers alone', async () => {
    const answer = await gateway.send(`/agent/sessions/${await gateway.started()}/events?format=json`, { method: 'HEAD' });
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, 'application/json; charset=utf-8', '']);
  });
});

describe('the lines of a log', () => {
  it('are as many as are wanted', async () => {
    const id = await gateway.started();
    await gateway.happen(id, ...lines(50));
    const logs = async (query: string) => Object((await gateway.get(`/agent/sessions/${id}${query}`)).json()).logs;
    expect(await logs('')).toHaveLength(51);
    expect(await logs('?logs=2')).toEqual(['line 49', 'line 50']);
    expect(await logs('?logs=0')).toEqual([]);
    expect(await logs('?logs=1000')).toEqual(await logs(''));
    expect((await gateway.get(`/agent/sessions/${id}?logs=all`)).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'logs' }],
    });
  });
});
