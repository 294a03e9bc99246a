import { afterEach, describe, expect, it } from '@jest/globals';
import { EventSource } from '../test/support/event-source.ts';
import { eventually } from '../test/support/eventually.ts';
import { TestGateway } from '../test/support/gateway.ts';
import type { StreamLimits } from './http/open-streams.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

/** A gateway where a proxy says who calls. */
async function started(streamLimits: StreamLimits) {
  const gateway = await TestGateway.start({
    streamLimits,
    proxyUser: { header: 'x-user', proxies: ['127.0.0.1'] },
  });
  cleanUp.push(() => gateway.close());
  const as = (name: string) => ({ 'x-user': name });
  const id = String(Object((await gateway.post('/agent/sessions', BODY, as('ada'))).json()).session_id);
  const paths = [
    '/agent/sessions?watch=true',
    '/agent/tasks?watch=true',
    `/agent/sessions/${id}/events`,
    '/agent/profiles?watch=true',
  ];
  const open = async (path: string, name: string) => {
    const source = await EventSource.open(`${gateway.url}${path}`, as(name));
    cleanUp.push(() => source[Symbol.asyncDispose]());
    return source;
  };
  const openNow = async () =>
    Number(/^swe_agent_http_event_streams (\d+)$/m.exec((await gateway.get('/metrics', as('ada'))).text)?.[1]);
  return { gateway, as, paths, open, openNow };
}

const BODY = { goal: 'Mend the sum', repo_url: 'https://example.com/r.git' };

describe('event streams', () => {
  it('are refused to who has too many, with what to do, until one is closed', async () => {
    const { gateway, as, paths, open, openNow } = await started({ perCaller: 4, inAll: 100 });
    const sources = await Promise.all(paths.map((path) => open(path, 'ada')));
    expect(sources.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    for (const path of paths) {
      const refused = await gateway.get(path, as('ada'));
      expect(refused.headers).toMatchObject({ 'content-type': expect.stringContaining('problem+json'), 'retry-after': '10' });
      expect(refused.json()).toMatchObject({
        status: 429,
        type: 'urn:swe-agent:problem:too-many-streams',
        detail: expect.stringMatching(/^4 event streams of ada are open.*Close some, or windows of the page, and try again\.$/),
      });
      expect((await open(path, 'bob')).status).toBe(200);
    }
    expect((await gateway.get('/agent/sessions', as('ada'))).status).toBe(200);
    await sources[0]?.[Symbol.asyncDispose]();
    await eventually('the place', async () => (await openNow()) === 7);
    expect((await open(paths[0] ?? '', 'ada')).status).toBe(200);
  });

  it('are refused to all when there are too many in all', async () => {
    const { gateway, as, paths, open, openNow } = await started({ perCaller: 2, inAll: 3 });
    const first = await open(paths[0] ?? '', 'ada');
    for (const name of ['ada', 'bob']) await open(paths[1] ?? '', name);
    const refused = await gateway.get(paths[3] ?? '', as('eve'));
    expect([refused.headers['retry-after'], refused.json()]).toMatchObject([
      '10',
      { status: 503, detail: expect.stringMatching(/^3 event streams are open.*read without a stream/) },
    ]);
    await first[Symbol.asyncDispose]();
    await eventually('the place', async () => (await openNow()) === 2);
    expect((await open(paths[3] ?? '', 'eve')).status).toBe(200);
  });

  it('that could not begin take no place', async () => {
    const { gateway, as, paths, open } = await started({ perCaller: 1, inAll: 1 });
    for (let times = 0; times < 3; times++) {
      expect((await gateway.get('/agent/sessions?watch=true&limit=1', as('ada'))).status).toBe(422);
      expect((await gateway.get('/agent/profiles?watch=true', { ...as('ada'), 'last-event-id': '?' })).status).toBe(422);
    }
    await eventually('the place', async () => {
      const source = await open(paths[0] ?? '', 'ada');
      return source.status === 200;
    });
  });
});
