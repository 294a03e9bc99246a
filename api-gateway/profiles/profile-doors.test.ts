import { afterEach, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../operator/api/resources.ts';
import { KubeError } from '../../operator/kube/client.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import type { Logger } from '../../operator/logger.ts';
import { EventSource } from '../../test/support/event-source.ts';
import { eventually, PATIENCE_MS } from '../../test/support/eventually.ts';
import { NAMESPACE, TestGateway } from '../../test/support/gateway.ts';
import type { Answer } from '../../test/support/http-send.ts';
import { failure, ScriptedKubeServer, type SeenRequest } from '../../test/support/kube-server.ts';
import { ClusterCallers } from '../http/cluster-callers.ts';

const PROFILES = '/agent/profiles';
const KEY = 'sk-of-a-test-0123456789-wxyz';
const OPENAI = { display_name: 'My GPT-4', provider: 'openai', model: 'gpt-4-turbo', key: KEY };
const BASE64 = Buffer.from(KEY).toString('base64');

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

/** Keeps every line with all of its fields. */
class WholeLogger implements Logger {
  readonly lines: string[] = [];
  readonly #keep = (message: string, fields?: Record<string, unknown>) => this.lines.push(`${message} ${JSON.stringify(fields)}`);
  readonly debug = this.#keep;
  readonly info = this.#keep;
  readonly warn = this.#keep;
  readonly error = this.#keep;
}

describe('a key', () => {
  it('is in no answer, line or error, whatever goes wrong', async () => {
    const logger = new WholeLogger();
    await using gateway = await TestGateway.start({ logger });
    const answers: Answer[] = [];
    const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
      answers.push(await gateway.send(`${PROFILES}${path}`, { method, headers, body }));
    };
    const { create, replace, mergePatch } = gateway.kube;
    const echo = (code: number, reason: string) => () =>
      Promise.reject(
        new KubeError(code, reason, `${reason}: {"data":{"apiKey":"${BASE64}"}} ${KEY}`, [
          { field: 'data[apiKey]', message: `Invalid value: ${JSON.stringify(KEY)} ${BASE64}` },
        ]),
      );
    await send('POST', '', OPENAI);
    await send('GET', '');
    await send('GET', '/my-gpt-4');
    await send('PUT', '/my-gpt-4/key', { key: KEY });
    await send('PATCH', '/my-gpt-4', { key: KEY });
    await send('PATCH', '/my-gpt-4', { key: KEY, model: '', provider: KEY });
    await send('PUT', '/my-gpt-4/key', { key: `${KEY} ${KEY}` });
    await send('PUT', '/my-gpt-4/key', { key: [KEY] });
    await send('PUT', '/my-gpt-4/key', { key: KEY, keys: KEY });
    await send('PUT', '/my-gpt-4/key', `{"key": "${KEY}"`, { 'content-type': 'application/json' });
    await send('PUT', '/my-gpt-4/key', `{"key": "${KEY}"}`, { 'content-type': 'text/plain' });
    await send('POST', '/my-gpt-4/key', { key: KEY });
    await send('PUT', '/nobody/key', { key: KEY });
    await send('POST', '', { ...OPENAI, model: '', provider: KEY });
    await send('POST', '', { ...OPENAI, [KEY]: 1, name: KEY, base_url: KEY });
    await send('POST', '', { ...OPENAI, api_key: KEY });
    await send('POST', '', { ...OPENAI, base_url: `https://${KEY}@x.example` });
    for (const [code, reason] of [
      [422, 'Invalid'],
      [403, 'Forbidden'],
      [409, 'Conflict'],
      [500, 'InternalError'],
      [400, 'BadRequest'],
    ] as const) {
      gateway.kube.create = echo(code, reason);
      await send('POST', '', { ...OPENAI, name: 'other' });
      await send('PUT', '/my-gpt-4/key', { key: KEY });
      gateway.kube.create = create;
      gateway.kube.replace = echo(code, reason);
      await send('PUT', '/my-gpt-4/key', { key: KEY });
      gateway.kube.replace = replace;
      gateway.kube.mergePatch = echo(code, reason);
      await send('PATCH', '/my-gpt-4', { model: 'm', key: KEY });
      gateway.kube.mergePatch = mergePatch;
    }
    await using source = await EventSource.open(`${gateway.url}${PROFILES}?watch=true`);
    await eventually('the list', () => source.events.some(({ event }) => event === 'synced'));

    expect(answers.filter(({ status }) => status < 300).length).toBeGreaterThanOrEqual(5);
    expect(answers.filter(({ status }) => status >= 400).length).toBeGreaterThanOrEqual(20);
    expect(logger.lines.filter((line) => line.includes('a request failed')).length).toBeGreaterThan(0);
    for (const text of [...answers.map((one) => one.text), ...logger.lines, JSON.stringify(source.events)]) {
      expect(text).not.toMatch(/sk-of-a-test|0123456789|c2stb2Yt/);
    }
  });

  it('cannot be put, nor a profile made, by a page of another origin', async () => {
    await using gateway = await TestGateway.start();
    await gateway.post(PROFILES, OPENAI);
    const requests = [
      ['POST', '', OPENAI],
      ['PATCH', '/my-gpt-4', { default: true }],
      ['PUT', '/my-gpt-4/key', { key: 'another' }],
      ['POST', '/my-gpt-4/test', undefined],
      ['DELETE', '/my-gpt-4', undefined],
    ] as const;
    for (const foreign of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }, { host: 'evil.example' }]) {
      for (const [method, path, body] of requests) {
        const answer = await gateway.send(`${PROFILES}${path}`, { method, body, headers: foreign });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
      }
    }
    expect((await gateway.get(PROFILES)).json()).toMatchObject({ items: [{ key: { last_four: 'wxyz' }, default: false }] });
  });

  it('and all about profiles is behind the token', async () => {
    await using gateway = await TestGateway.start({ auth: { mode: 'token', token: 'a-long-token-of-this-test' } });
    for (const [method, path] of [
      ['GET', ''],
      ['POST', ''],
      ['GET', '?watch=true'],
      ['GET', '/a'],
      ['PATCH', '/a'],
      ['DELETE', '/a'],
      ['PUT', '/a/key'],
      ['POST', '/a/test'],
    ] as const) {
      const answer = await gateway.send(`${PROFILES}${path}`, { method });
      expect([method, path, answer.status, answer.headers['content-type']]).toEqual([
        method,
        path,
        401,
        'application/problem+json; charset=utf-8',
      ]);
    }
  });
});

describe('the live list of profiles', () => {
  it('tells of profiles, their keys and the sessions that need them', async () => {
    await using gateway = await TestGateway.start();
    await gateway.post(PROFILES, { ...OPENAI, name: 'a' });
    await using source = await EventSource.open(`${gateway.url}${PROFILES}?watch=true`);
    const last = (name: string) =>
      source.events.findLast(({ event, data }) => event === 'profile' && Object(data).name === name)?.data;
    await eventually('the list', () => source.events.length === 2);
    expect(source.events).toMatchObject([
      { event: 'profile', data: (await gateway.get(`${PROFILES}/a`)).json() },
      { event: 'synced' },
    ]);

    await gateway.post(PROFILES, { ...OPENAI, name: 'b', default: true });
    await eventually('the other', () => Object(last('b')).default === true);
    await gateway.send(`${PROFILES}/a/key`, { method: 'PUT', body: { key: 'sk-another-key-of-this-test-abcd' } });
    await eventually('the key', () => Object(last('a')).key.last_four === 'abcd');
    await gateway.kube.delete(RESOURCES.secrets, NAMESPACE, 'a-key');
    await eventually('the loss of the key', () => Object(last('a')).key.set === false);
    const id = await gateway.started({ profile: 'b' });
    await gateway.kube.mergePatch(RESOURCES.profiles, NAMESPACE, 'b', { spec: { model: 'm' } });
    await eventually('the session', () => Object(last('b')).sessions[0] === id);
    await gateway.send(`${PROFILES}/a`, { method: 'DELETE' });
    await eventually('the end', () => source.events.some(({ event }) => event === 'profile.deleted'));
    expect(source.events.findLast(({ event }) => event === 'profile.deleted')?.data).toEqual({ id: 'a', name: 'a' });

    await using again = await EventSource.open(`${gateway.url}${PROFILES}?watch=true`, {
      'Last-Event-ID': source.events[0]?.id ?? '',
    });
    await eventually('all again', () => again.events.length === 3);
    expect(again.events.map(({ event }) => event)).toEqual(['list.reset', 'profile', 'synced']);
    await gateway.close();
    await again.ended;
  });
});

describe('with the tokens of a cluster', () => {
  type Rights = { write: boolean; see: boolean; keys: boolean };
  const USERS: Record<string, Rights> = {
    ada: { write: true, see: true, keys: true },
    bob: { write: true, see: false, keys: false },
    eve: { write: false, see: false, keys: false },
  };
  const as = (name: string) => ({ authorization: `Bearer ${name}` });

  async function started() {
    const stop = new AbortController();
    const server = await ScriptedKubeServer.start();
    cleanUp.push(
      async () => server[Symbol.asyncDispose](),
      async () => stop.abort(),
    );
    server.script = judge;
    const endpoint = { baseUrl: server.url, headers: async () => ({}), signal: stop.signal };
    const client = new HttpKubeClient(endpoint, { tries: 1, requestTimeoutMs: PATIENCE_MS });
    const callers = new ClusterCallers({ withToken: (token) => client.withToken(token), namespace: NAMESPACE, now: Date.now });
    const gateway = await TestGateway.start({ scripted: server, auth: { mode: 'kubernetes', callers } });
    cleanUp.push(() => gateway.close());
    return { server, gateway };
  }

  /** What an API server with RBAC says before it does anything. */
  function judge({ method, path, headers, body }: SeenRequest) {
    const name = headers.authorization?.replace('Bearer ', '') ?? '';
    const user = USERS[name];
    const no = (resource: string) => ({
      code: 403,
      body: failure(403, 'Forbidden', `${resource} is forbidden: User "${name}" cannot do that`),
    });
    if (!user) return { code: 401, body: failure(401, 'Unauthorized', 'Unauthorized') };
    const status = (answer: object) => ({ code: 201, body: { ...Object(body), metadata: {}, status: answer } });
    if (path.endsWith('/selfsubjectreviews')) return status({ userInfo: { username: name } });
    if (path.endsWith('/selfsubjectaccessreviews')) {
      const { resource, verb } = Object(body).spec.resourceAttributes;
      return status({ allowed: resource === 'secrets' ? (verb === 'get' ? user.see : user.keys) : user.write });
    }
    if (path.includes('/secrets')) return (method === 'GET' ? user.see : user.keys) ? undefined : no('secrets');
    return method === 'GET' || user.write ? undefined : no('aiprofiles.sweagent.dev');
  }

  it('profiles and keys are written with the rights of the caller', async () => {
    const { server, gateway } = await started();
    const answer = await gateway.post(PROFILES, OPENAI, as('ada'));
    expect([answer.status, answer.json()]).toMatchObject([201, { key: { set: true, last_four: 'wxyz' } }]);
    const writes = server.requests.filter(({ method, path }) => method === 'POST' && !path.includes('selfsubject'));
    expect(writes.map(({ path, headers }) => [path.split('/').at(-1), headers.authorization])).toEqual([
      ['aiprofiles', 'Bearer ada'],
      ['secrets', 'Bearer ada'],
    ]);
  });

  it('who may not write Secrets makes no profile that has a key, and none is left', async () => {
    const { server, gateway } = await started();
    const answer = await gateway.post(PROFILES, OPENAI, as('bob'));
    expect(answer.json()).toMatchObject({
      status: 403,
      detail: 'User "bob" may not create secrets in the namespace "default".',
    });
    expect(server.all('/apis/sweagent.dev/v1alpha1/aiprofiles')).toEqual([]);
    const keyless = await gateway.post(PROFILES, { name: 'local', provider: 'ollama', model: 'm' }, as('bob'));
    expect(keyless.status).toBe(201);
    const key = await gateway.send(`${PROFILES}/local/key`, { method: 'PUT', body: { key: KEY }, headers: as('bob') });
    expect(key.json()).toMatchObject({ status: 403, detail: 'secrets is forbidden: User "bob" cannot do that' });
  });

  it('who may not see Secrets sees of a key what the profile says of it', async () => {
    const { server, gateway } = await started();
    await gateway.post(PROFILES, OPENAI, as('ada'));
    const seen = async () => Object((await gateway.get(`${PROFILES}/my-gpt-4`, as('eve'))).json()).key;
    expect(await seen()).toEqual({ set: false, last_four: null, set_at: null, secret: 'my-gpt-4-key' });
    const collection = '/apis/sweagent.dev/v1alpha1/aiprofiles';
    const profile = server.find(collection, NAMESPACE, 'my-gpt-4');
    server.put(collection, {
      ...profile,
      metadata: { name: 'my-gpt-4', namespace: NAMESPACE },
      status: {
        conditions: [
          { type: 'CredentialsResolved', status: 'True', lastTransitionTime: '2030-01-01T00:00:00Z', reason: 'R', message: 'm' },
        ],
      },
    });
    expect(await seen()).toEqual({ set: true, last_four: null, set_at: null, secret: 'my-gpt-4-key' });
    expect(Object((await gateway.get(PROFILES, as('eve'))).json()).items).toHaveLength(1);
  });

  it('what may not be done is refused in the words of the cluster', async () => {
    const { gateway } = await started();
    await gateway.post(PROFILES, OPENAI, as('ada'));
    for (const [method, path, body] of [
      ['PATCH', '', { model: 'm' }],
      ['DELETE', '', undefined],
      ['POST', '/test', undefined],
    ] as const) {
      const answer = await gateway.send(`${PROFILES}/my-gpt-4${path}`, { method, body, headers: as('eve') });
      expect([answer.status, Object(answer.json()).detail]).toEqual([
        403,
        'aiprofiles.sweagent.dev is forbidden: User "eve" cannot do that',
      ]);
    }
    const stream = await gateway.get(`${PROFILES}?watch=true`, as('eve'));
    expect(stream.json()).toMatchObject({
      status: 403,
      detail: 'User "eve" may not watch aiprofiles.sweagent.dev in the namespace "default".',
    });
  });
});
