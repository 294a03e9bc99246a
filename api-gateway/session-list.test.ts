import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AgentSession, RESOURCES } from '../operator/api/resources.ts';
import { HttpKubeClient } from '../operator/kube/http-client.ts';
import { EventSource } from '../test/support/event-source.ts';
import { eventually, PATIENCE_MS } from '../test/support/eventually.ts';
import { NAMESPACE, TestGateway } from '../test/support/gateway.ts';
import { ScriptedKubeServer, type SeenRequest } from '../test/support/kube-server.ts';
import { ClusterCallers } from './http/cluster-callers.ts';

const SESSIONS = '/apis/sweagent.dev/v1alpha1/agentsessions';

const watch = (gateway: TestGateway, headers: Record<string, string> = {}, path = '/agent/sessions?watch=true') =>
  EventSource.open(`${gateway.url}${path}`, headers);
const told = (source: EventSource) =>
  source.events.map(({ event, data }) => (event === 'synced' || event === 'list.reset' ? event : `${event} ${Object(data).id}`));
const synced = (source: EventSource) => eventually('the list', () => told(source).includes('synced'));

describe('the live list', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start();
  });
  afterEach(() => gateway.close());

  it('tells of every session as lists show it, then of what changes', async () => {
    const id = await gateway.started({ profile: 'fast', limits: { max_steps: 7 } });
    await using source = await watch(gateway);
    expect([source.status, source.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await synced(source);
    const { items } = Object((await gateway.get('/agent/sessions')).json());
    expect(source.events).toMatchObject([
      { event: 'session', data: items[0] },
      { event: 'synced', data: {} },
    ]);
    expect(items[0]).toMatchObject({
      profile: 'fast',
      sandbox: null,
      plan_progress: null,
      limits: { max_steps: 7 },
      deleted_at: null,
      uid: (await gateway.object(id)).metadata.uid,
    });

    const steps = ['completed', 'skipped', 'in_progress', 'pending'] as const;
    await gateway.setStatus(id, {
      phase: 'Programming',
      sandbox: { type: 'pod', name: 'swe-1' },
      plan: { revision: 1, steps: steps.map((status, index) => ({ id: `${index}`, title: 't', status })) },
    });
    await eventually('the change', () => source.events.length === 3);
    expect(source.events[2]).toMatchObject({
      event: 'session',
      data: {
        id,
        status: 'RUNNING',
        plan_progress: { completed: 2, total: 4 },
        sandbox: { type: 'pod', name: 'swe-1', uid: null, image: null },
      },
    });
    const other = await gateway.started();
    await gateway.kube.delete(RESOURCES.sessions, NAMESPACE, other);
    await eventually('the deletion', () => told(source).includes(`session.deleted ${other}`));
    expect(source.events.at(-1)?.data).toEqual({ id: other });
  });

  it('says nothing of what lists do not show', async () => {
    const id = await gateway.started();
    await using source = await watch(gateway);
    await synced(source);
    await gateway.setStatus(id, { observedGeneration: 1, recentLogs: ['a'] });
    const other = await gateway.started();
    await eventually('the other', () => told(source).includes(`session ${other}`));
    expect(told(source)).toEqual([`session ${id}`, 'synced', `session ${other}`]);
  });

  it('of tasks has those that came through the tasks endpoints', async () => {
    await gateway.started();
    const made = await gateway.post('/agent/tasks', { goal: 'g', repo_url: 'https://example.com/r.git' });
    const id = made.headers.location?.split('/').at(-1);
    await using source = await watch(gateway, {}, '/agent/tasks?watch=true');
    await synced(source);
    expect(told(source)).toEqual([`session ${id}`, 'synced']);
  });

  it('goes on after the last event that a reader had, deletions included', async () => {
    const [one, two] = [await gateway.started(), await gateway.started()];
    const before = await watch(gateway);
    await synced(before);
    await gateway.setStatus(one, { phase: 'Planning' });
    await eventually('the change', () => before.events.length === 4);
    await before[Symbol.asyncDispose]();
    await gateway.kube.delete(RESOURCES.sessions, NAMESPACE, two);
    await gateway.setStatus(one, { phase: 'Programming' });
    await using after = await watch(gateway, { 'Last-Event-ID': before.events[3]?.id ?? '' });
    await eventually('what was missed', () => after.events.length === 2);
    expect(told(after)).toEqual([`session.deleted ${two}`, `session ${one}`]);
    expect(after.events[1]).toMatchObject({ data: { phase: 'Programming' } });
    await using nothingNew = await watch(gateway, { 'Last-Event-ID': after.events[1]?.id ?? '' });
    expect([nothingNew.status, nothingNew.events]).toEqual([200, []]);
  });

  it('begins anew, and says so, where it cannot go on', async () => {
    const id = await gateway.started();
    await using first = await watch(gateway);
    await synced(first);
    const unfinished = first.events[0]?.id ?? '';
    for (const token of ['0badcafe-17', '123', unfinished]) {
      await using source = await watch(gateway, { 'Last-Event-ID': token });
      await synced(source);
      expect([token, told(source)]).toEqual([token, ['list.reset', `session ${id}`, 'synced']]);
    }
    const answer = await gateway.get('/agent/sessions?watch=true', { 'Last-Event-ID': 'no token' });
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field: 'Last-Event-ID' }] });
  });

  it.each(['watch=maybe', 'watch=true&status=RUNNING', 'watch=true&limit=5'])('is not there with %s', async (query) => {
    const answer = await gateway.get(`/agent/sessions?${query}`);
    expect([answer.status, answer.headers['content-type']]).toEqual([422, 'application/problem+json; charset=utf-8']);
  });

  it('answers HEAD with its headers alone, and ends with the gateway', async () => {
    const head = await gateway.send('/agent/sessions?watch=true', { method: 'HEAD' });
    expect([head.status, head.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await using source = await watch(gateway);
    await synced(source);
    await gateway.close();
    await source.ended;
  });
});

describe('over one watch', () => {
  let server: ScriptedKubeServer;
  let gateway: TestGateway;
  const put = (name: string, phase = 'Queued') => server.put(SESSIONS, sessionNamed(name, phase));
  const asked = (query: string) => server.requests.filter((one) => one.query.toString().includes(query)).length;
  beforeEach(async () => {
    server = await ScriptedKubeServer.start();
    gateway = await TestGateway.start({ scripted: server });
  });
  afterEach(async () => {
    await gateway.close();
    await server[Symbol.asyncDispose]();
  });

  it('many read, and thousands of sessions come in parts', async () => {
    for (let index = 0; index < 2_500; index++) put(`s-${index}`);
    const sources = await Promise.all(Array.from({ length: 4 }, () => watch(gateway)));
    for (const source of sources) {
      await synced(source);
      expect(source.events).toHaveLength(2_501);
    }
    expect([asked('watch=true'), asked('limit=')]).toEqual([1, 25]);
    put('s-7', 'Planning');
    for (const source of sources) {
      await eventually('the change', () => source.events.length === 2_502);
      await source[Symbol.asyncDispose]();
    }
  });

  it('whatever happens to the watch is nothing that a reader sees', async () => {
    for (const name of ['a', 'b', 'c']) put(name);
    await using source = await watch(gateway);
    await synced(source);
    server.muted = true;
    put('a', 'Planning');
    server.remove(SESSIONS, NAMESPACE, 'b');
    server.forgetHistory();
    server.muted = false;
    server.endWatches();
    await eventually('what was missed', () => source.events.length === 6);
    expect(told(source).slice(4).sort()).toEqual(['session a', 'session.deleted b']);
    server.breakConnections();
    put('c', 'Planning');
    await eventually('what was missed', () => source.events.length === 7);
  });

  it('says 503 while the API server is away, and is there when that is back', async () => {
    await server.stop();
    const answer = await gateway.get('/agent/sessions?watch=true');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
    await server.start();
    put('a');
    await using source = await watch(gateway);
    await synced(source);
    expect(told(source)).toEqual(['session a', 'synced']);
  });
});

describe('with the tokens of a cluster, the live list', () => {
  type User = { name: string; watch: boolean };
  let server: ScriptedKubeServer;
  let gateway: TestGateway;
  let users: Record<string, User>;
  let stop: AbortController;

  beforeEach(async () => {
    users = { ada: { name: 'ada', watch: true }, bob: { name: 'bob', watch: false } };
    stop = new AbortController();
    server = await ScriptedKubeServer.start();
    server.script = judge;
    const client = new HttpKubeClient(
      { baseUrl: server.url, headers: async () => ({}), signal: stop.signal },
      { tries: 1, requestTimeoutMs: PATIENCE_MS },
    );
    const callers = new ClusterCallers({ withToken: (token) => client.withToken(token), namespace: NAMESPACE, now: Date.now });
    gateway = await TestGateway.start({ scripted: server, auth: { mode: 'kubernetes', callers } });
    server.put(SESSIONS, sessionNamed('a', 'Queued'));
  });
  afterEach(async () => {
    await gateway.close();
    stop.abort();
    await server[Symbol.asyncDispose]();
  });

  function judge({ path, headers, body }: SeenRequest) {
    const user = users[headers.authorization?.replace('Bearer ', '') ?? ''];
    if (!user)
      return { code: 401, body: { kind: 'Status', status: 'Failure', code: 401, reason: 'Unauthorized', message: 'no' } };
    const status = (answer: object) => ({ code: 201, body: { ...Object(body), metadata: {}, status: answer } });
    if (path.endsWith('/selfsubjectreviews')) return status({ userInfo: { username: user.name } });
    if (path.endsWith('/selfsubjectaccessreviews')) return status({ allowed: user.watch });
    return undefined;
  }

  it('is read with the rights of its reader', async () => {
    await using source = await watch(gateway, { authorization: 'Bearer ada' });
    await synced(source);
    await eventually('the watch', () => server.openWatches === 1);
    server.put(SESSIONS, sessionNamed('a', 'Planning'));
    server.remove(SESSIONS, NAMESPACE, 'a');
    await eventually('the changes', () => source.events.length === 4);
    expect(told(source)).toEqual(['session a', 'synced', 'session a', 'session.deleted a']);
    const reads = server.requests.filter(({ path }) => path.endsWith('/agentsessions'));
    expect(new Set(reads.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer ada']));
    await source[Symbol.asyncDispose]();
    await eventually('the end of the watch', () => server.openWatches === 0);

    await using again = await watch(gateway, { authorization: 'Bearer ada', 'Last-Event-ID': source.events[2]?.id ?? '' });
    await eventually('what came after', () => again.events.length === 1);
    expect(told(again)).toEqual(['session.deleted a']);
    server.forgetHistory();
    await using late = await watch(gateway, { authorization: 'Bearer ada', 'Last-Event-ID': source.events[2]?.id ?? '' });
    await synced(late);
    expect(told(late)).toEqual(['list.reset', 'synced']);
  });

  it('is refused to who may not watch, in words that say so', async () => {
    const answer = await gateway.get('/agent/sessions?watch=true', { authorization: 'Bearer bob' });
    expect(answer.json()).toMatchObject({
      status: 403,
      detail: 'User "bob" may not watch agentsessions.sweagent.dev in the namespace "default".',
    });
    expect((await gateway.get('/agent/sessions?watch=true', { authorization: 'Bearer eve' })).status).toBe(401);
  });

  it('ends when its reader is known no more', async () => {
    await using source = await watch(gateway, { authorization: 'Bearer ada' });
    await synced(source);
    await eventually('the watch', () => server.openWatches === 1);
    users = {};
    server.endWatches();
    await source.ended;
    expect(told(source)).toEqual(['session a', 'synced']);
  });
});

function sessionNamed(name: string, phase: string) {
  const session: AgentSession = {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name, namespace: NAMESPACE },
    spec: { goal: 'g', repository: { url: 'https://example.com/r.git' } },
  };
  return { ...session, status: { phase } };
}
