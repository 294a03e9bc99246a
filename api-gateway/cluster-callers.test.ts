import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KubeError } from '../operator/kube/client.ts';
import { HttpKubeClient } from '../operator/kube/http-client.ts';
import { eventually, PATIENCE_MS } from '../test/support/eventually.ts';
import { TestGateway } from '../test/support/gateway.ts';
import { ScriptedKubeServer, type SeenRequest } from '../test/support/kube-server.ts';
import { type Caller, lease } from './http/caller.ts';
import { ClusterCallers } from './http/cluster-callers.ts';
import { Problem } from './http/problem.ts';

const BODY = { goal: 'g', repo_url: 'https://example.com/r.git' };
const SESSIONS = '/apis/sweagent.dev/v1alpha1/agentsessions';

/** Who has which token, and what each may. */
const USERS: Record<string, { name: string; log: boolean; metrics: boolean; create: boolean }> = {
  'token-of-ada': { name: 'ada@example.com', log: true, metrics: true, create: true },
  'token-of-bob': { name: 'system:serviceaccount:team:bob', log: false, metrics: false, create: false },
};

let kube: ScriptedKubeServer;
let gateway: TestGateway;
let stop: AbortController;
let now: number;
let users: typeof USERS;

beforeEach(async () => {
  users = structuredClone(USERS);
  now = Date.parse('2030-01-01T00:00:00Z');
  stop = new AbortController();
  kube = await ScriptedKubeServer.start();
  kube.script = judge;
  const client = new HttpKubeClient(
    { baseUrl: kube.url, headers: async () => ({}), signal: stop.signal },
    { tries: 1, requestTimeoutMs: PATIENCE_MS },
  );
  const withToken = (token: string) => client.withToken(token);
  const callers = new ClusterCallers({ withToken, namespace: 'default', now: () => now });
  gateway = await TestGateway.start({ scripted: kube, auth: { mode: 'kubernetes', callers }, now: () => now });
});
afterEach(async () => {
  await gateway.close();
  stop.abort();
  await kube[Symbol.asyncDispose]();
});

/** What an API server with authentication and RBAC says, before it does anything. */
function judge({ method, path, headers, body }: SeenRequest) {
  const user = users[headers.authorization?.replace('Bearer ', '') ?? ''];
  if (!user) return refusal(401, 'Unauthorized', 'Unauthorized');
  const status = (answer: object) => ({ code: 201, body: { ...(body as object), metadata: {}, status: answer } });
  if (path.endsWith('/selfsubjectreviews')) return status({ userInfo: { username: user.name, groups: [] } });
  if (path.endsWith('/selfsubjectaccessreviews')) {
    const { spec } = body as { spec: { resourceAttributes?: object; nonResourceAttributes?: object } };
    const allowed = spec.resourceAttributes ? user.log : user.metrics;
    return status({ allowed, ...(!allowed && { reason: 'no RBAC policy matched' }) });
  }
  if (method === 'POST' && !user.create)
    return refusal(403, 'Forbidden', `agentsessions.sweagent.dev is forbidden: User "${user.name}" cannot create resource`);
  return undefined;
}

function refusal(code: number, reason: string, message: string) {
  return { code, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message } };
}

const as = (name: 'ada' | 'bob' | 'eve') => ({ authorization: `Bearer token-of-${name}` });
const asked = (end: string) => kube.requests.filter(({ path }) => path.endsWith(end)).length;
const detail = (answer: { json(): unknown }) => (answer.json() as { detail: string }).detail;

describe('with the tokens of a cluster', () => {
  it('a session is made with the token of its caller, who is its author', async () => {
    const answer = await gateway.post('/agent/sessions', BODY, as('ada'));
    expect(answer.status).toBe(201);
    const [made] = kube.all(SESSIONS);
    expect(made).toMatchObject({ spec: { author: 'ada@example.com' } });
    const writes = kube.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/agentsessions'));
    expect(writes.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-of-ada']);
  });

  it.each<[string, Record<string, string>]>([
    ['no token', {}],
    ['a token that the cluster does not know', as('eve')],
    ['what cannot be a token', { authorization: 'Bearer a"b' }],
    ['another way to say who one is', { authorization: 'Basic dXNlcjpwYXNz' }],
  ])('with %s nothing is done', async (_, headers) => {
    for (const path of ['/agent/sessions', '/agent/sessions/some-id', '/agent/sessions/some-id/events', '/metrics']) {
      const answer = await gateway.get(path, headers);
      expect([path, answer.status, answer.headers['content-type']]).toEqual([path, 401, expect.stringContaining('problem+json')]);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="kubernetes"');
      expect(answer.text).not.toContain('token-of-eve');
    }
    expect(kube.requests.every(({ path }) => path.endsWith('/selfsubjectreviews'))).toBe(true);
  });

  it('what the cluster refuses is refused here in its words', async () => {
    const answer = await gateway.post('/agent/sessions', BODY, as('bob'));
    expect([answer.status, detail(answer)]).toEqual([
      403,
      'agentsessions.sweagent.dev is forbidden: User "system:serviceaccount:team:bob" cannot create resource',
    ]);
  });

  it('only who may get agentsessions/log reads what is in the log, and the refusal names the right', async () => {
    const id = await made();
    for (const part of ['', '/events', '/diff', '/bundle', `/blobs/sha256-${'0'.repeat(64)}`]) {
      const answer = await gateway.get(`/agent/sessions/${id}${part}`, as('bob'));
      expect([part, answer.status]).toEqual([part, 403]);
      expect(detail(answer)).toBe(
        `User "system:serviceaccount:team:bob" may not read the log of agentsessions.sweagent.dev "${id}" in the namespace "default": it needs get on agentsessions/log. no RBAC policy matched`,
      );
    }
    expect((await gateway.get('/agent/sessions', as('bob'))).status).toBe(200);
    expect((await gateway.get(`/agent/sessions/${id}`, as('ada'))).status).toBe(200);
    const spec = kube.requests.findLast(({ path }) => path.endsWith('/selfsubjectaccessreviews'))?.body;
    expect(spec).toMatchObject({
      spec: {
        resourceAttributes: {
          group: 'sweagent.dev',
          resource: 'agentsessions',
          subresource: 'log',
          verb: 'get',
          namespace: 'default',
          name: id,
        },
      },
    });
  });

  it('metrics are for those who may get /metrics', async () => {
    expect((await gateway.get('/metrics', as('bob'))).status).toBe(403);
    expect((await gateway.get('/metrics', as('ada'))).status).toBe(200);
  });

  it('answers count for a short while only', async () => {
    const id = await made();
    const path = `/agent/sessions/${id}`;
    for (let i = 0; i < 3; i++) expect((await gateway.get(path, as('ada'))).status).toBe(200);
    expect([asked('/selfsubjectreviews'), asked('/selfsubjectaccessreviews')]).toEqual([1, 1]);
    users = { 'token-of-ada': { name: 'ada@example.com', log: false, metrics: false, create: false } };
    now += 16_000;
    expect((await gateway.get(path, as('ada'))).status).toBe(403);
    users = {};
    now += 15_000;
    expect((await gateway.get(path, as('ada'))).status).toBe(401);
  });

  it('a token that ends while it is remembered is told of as such', async () => {
    const id = await made();
    expect((await gateway.get(`/agent/sessions/${id}`, as('ada'))).status).toBe(200);
    users = {};
    const answer = await gateway.get(`/agent/sessions/${id}`, as('ada'));
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer realm="kubernetes"']);
  });

  it('a browser logs in once, with a cookie that ends with its token', async () => {
    expect((await gateway.post('/login', { token: 'token-of-eve' })).status).toBe(401);
    expect((await gateway.post('/login', { token: 'no token' })).status).toBe(401);
    const login = await gateway.post('/login', { token: 'token-of-ada' });
    expect([login.status, login.headers['set-cookie']?.[0]]).toEqual([
      204,
      'swe_agent_session=token-of-ada; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict',
    ]);
    const cookie = 'a=b; swe_agent_session=token-of-ada';
    expect((await gateway.get('/agent/sessions', { cookie })).status).toBe(200);
    const claims = Buffer.from(JSON.stringify({ exp: now / 1000 + 600 })).toString('base64url');
    users[`head.${claims}.sign`] = { name: 'ada', log: true, metrics: true, create: true };
    const short = await gateway.post('/login', { token: `head.${claims}.sign` });
    expect(short.headers['set-cookie']?.[0]).toContain('; Max-Age=600;');
  });

  it('a login that was ended is not known any more, until the token is logged in with again', async () => {
    const cookie = 'swe_agent_session=token-of-ada';
    const status = async () => (await gateway.get('/agent/sessions', { cookie })).status;
    expect((await gateway.post('/logout', undefined, { cookie: 'swe_agent_session=token-of-eve' })).status).toBe(204);
    expect(await status()).toBe(200);
    expect((await gateway.post('/logout', undefined, { cookie })).status).toBe(204);
    expect(await status()).toBe(401);
    expect((await gateway.get('/agent/sessions', as('ada'))).status).toBe(200);
    expect((await gateway.post('/login', { token: 'token-of-ada' })).status).toBe(204);
    expect(await status()).toBe(200);
  });

  it('the API server is not asked about tokens without end', async () => {
    const guesses = async () => asked('/selfsubjectreviews');
    for (let guess = 0; guess < 20; guess++) await gateway.post('/login', { token: `guess-${guess}` });
    expect(await guesses()).toBe(5);
    const late = await gateway.post('/login', { token: 'token-of-ada' });
    expect([late.status, late.headers['retry-after']]).toEqual([429, '1']);
    now += 1_000;
    expect((await gateway.post('/login', { token: 'token-of-ada' })).status).toBe(204);
  });

  it('a try that came to no verdict does not count against who made it', async () => {
    await kube.stop();
    for (let tries = 0; tries < 10; tries++) expect((await gateway.post('/login', { token: 'token-of-ada' })).status).toBe(503);
    await kube.start();
    expect((await gateway.post('/login', { token: 'token-of-ada' })).status).toBe(204);
  });

  it('says 503, and no less, while the API server is away', async () => {
    await kube.stop();
    expect((await gateway.get('/agent/sessions', as('ada'))).status).toBe(503);
    await kube.start();
    expect((await gateway.get('/agent/sessions', as('ada'))).status).toBe(200);
  });
});

describe('a stream', () => {
  const caller = (demand: Caller['demand']): Caller => ({
    author: 'ada',
    rights: 'those-of-ada',
    kube: gateway.kube,
    demand,
    may: async () => true,
  });

  it('ends when its reader loses the right to it, and not when nobody can be asked', async () => {
    const answers = [new KubeError(500, 'InternalError', 'etcd is away'), new Problem(403, 'forbidden', 'not any more')];
    let asked = 0;
    const ask = async () => {
      const answer = answers[asked++];
      if (answer) throw answer;
    };
    using allowed = lease(caller(ask), { session: 's' }, stop.signal, 5);
    await eventually('the end', () => allowed.signal.aborted);
    expect(asked).toBe(2);
    expect(allowed.signal.reason).toBe(answers[1]);
  });

  it('ends when its reader may not even ask', async () => {
    const refusal = new KubeError(403, 'Forbidden', 'no reviews for ada');
    const ask = async () => {
      throw refusal;
    };
    using allowed = lease(caller(ask), { session: 's' }, stop.signal, 5);
    await eventually('the end', () => allowed.signal.aborted);
    expect(allowed.signal.reason).toBe(refusal);
  });

  it('ends with the gateway', () => {
    using allowed = lease(
      caller(async () => undefined),
      { session: 's' },
      stop.signal,
    );
    stop.abort();
    expect(allowed.signal.aborted).toBe(true);
  });
});

async function made(): Promise<string> {
  const answer = await gateway.post('/agent/sessions', BODY, as('ada'));
  return (answer.json() as { session_id: string }).session_id;
}
