import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { RESOURCES } from '../../operator/api/resources.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import { EventSource } from '../../test/support/event-source.ts';
import { eventually, PATIENCE_MS } from '../../test/support/eventually.ts';
import { NAMESPACE, TestGateway } from '../../test/support/gateway.ts';
import { failure, ScriptedKubeServer, type SeenRequest } from '../../test/support/kube-server.ts';
import { ClusterCallers } from '../http/cluster-callers.ts';

const PROFILES = '/agent/profiles';
const LOCAL = { name: 'local', provider: 'ollama', model: 'm', default: true };
const READERS = 12;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function readers(gateway: TestGateway, headers: readonly Record<string, string>[]): Promise<EventSource[]> {
  const sources = await Promise.all(headers.map((one) => EventSource.open(`${gateway.url}${PROFILES}?watch=true`, one)));
  cleanUp.push(...sources.map((source) => () => source[Symbol.asyncDispose]()));
  for (const source of sources) await eventually('the list', () => source.events.some(({ event }) => event === 'synced'));
  return sources;
}

function lastOf({ events }: EventSource, name: string): Record<string, unknown> {
  return Object(events.findLast(({ event, data }) => event === 'profile' && Object(data).name === name)?.data);
}

describe('readers of the live list of profiles', () => {
  it('share what is asked of the API server, however many they are and whatever happens', async () => {
    const gateway = await TestGateway.start();
    cleanUp.push(() => gateway.close());
    await gateway.post(PROFILES, LOCAL);
    const calls = [jest.spyOn(gateway.kube, 'list').mock.calls, jest.spyOn(gateway.kube, 'watch').mock.calls];
    const sources = await readers(gateway, Array(READERS).fill({}));
    await gateway.kube.mergePatch(RESOURCES.profiles, NAMESPACE, 'local', { spec: { model: 'other' } });
    const id = await gateway.started();
    for (const source of sources) {
      await eventually('the change', () => lastOf(source, 'local').model === 'other');
      await eventually('the session', () => lastOf(source, 'local').sessions?.toString() === id);
    }
    await gateway.setStatus(id, { phase: 'Completed' });
    for (const source of sources) await eventually('its end', () => lastOf(source, 'local').sessions?.toString() === '');
    // Each kind is listed once and watched once.
    const kinds = ['agentsessions', 'aiprofiles', 'secrets'];
    expect(calls.map((made) => made.map(([{ plural }]) => plural).sort())).toEqual([kinds, kinds]);
  });

  it('go on where they were when they come back', async () => {
    const gateway = await TestGateway.start();
    cleanUp.push(() => gateway.close());
    await gateway.post(PROFILES, LOCAL);
    const [first] = await readers(gateway, [{}]);
    const id = first?.events.at(-1)?.id ?? '';
    await first?.[Symbol.asyncDispose]();
    await gateway.kube.mergePatch(RESOURCES.profiles, NAMESPACE, 'local', { spec: { model: 'other' } });
    const again = await EventSource.open(`${gateway.url}${PROFILES}?watch=true`, { 'Last-Event-ID': id });
    cleanUp.push(() => again[Symbol.asyncDispose]());
    await eventually('the change', () => again.events.length > 0);
    expect(again.events).toMatchObject([{ event: 'profile', data: { name: 'local', model: 'other' } }]);
  });

  it('share with none that has other rights, and see no key that they may not see', async () => {
    const stop = new AbortController();
    const server = await ScriptedKubeServer.start();
    cleanUp.push(
      async () => server[Symbol.asyncDispose](),
      async () => stop.abort(),
    );
    const meta = (name: string) => ({ name, namespace: NAMESPACE });
    server.put('/apis/sweagent.dev/v1alpha1/aiprofiles', {
      metadata: meta('p'),
      spec: { provider: 'openai', model: 'm', credentialSecretRef: { name: 's', key: 'apiKey' } },
    });
    const labels = { 'sweagent.dev/credential': 'model' };
    const secret = { metadata: { ...meta('s'), labels }, data: { apiKey: 'c2VjcmV0' } };
    server.put('/api/v1/secrets', secret);
    server.script = (request) => judge(request);
    const endpoint = { baseUrl: server.url, headers: async () => ({}), signal: stop.signal };
    const client = new HttpKubeClient(endpoint, { tries: 1, requestTimeoutMs: PATIENCE_MS });
    const callers = new ClusterCallers({ withToken: (token) => client.withToken(token), namespace: NAMESPACE, now: Date.now });
    const gateway = await TestGateway.start({ scripted: server, auth: { mode: 'kubernetes', callers } });
    cleanUp.push(() => gateway.close());

    const as = (name: string) => ({ authorization: `Bearer ${name}` });
    const [ada, , eve] = await readers(gateway, [as('ada'), as('ada'), as('eve')]);
    expect([ada, eve].map((one) => one && lastOf(one, 'p').key)).toMatchObject([{ set: true }, { set: false }]);
    const lists = server.requests.filter(({ method, path, query }) => method === 'GET' && /s$/.test(path) && !query.get('watch'));
    const count = (name: string, plural: string) =>
      lists.filter(({ path, headers }) => path.endsWith(`/${plural}`) && headers.authorization === `Bearer ${name}`).length;
    expect(['ada', 'eve'].map((name) => [count(name, 'aiprofiles'), count(name, 'secrets')])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});

/** Everybody may see profiles, and only ada what is around them. */
function judge({ path, headers, body }: SeenRequest) {
  const name = headers.authorization?.replace('Bearer ', '') ?? '';
  const status = (answer: object) => ({ code: 201, body: { ...Object(body), metadata: {}, status: answer } });
  if (path.endsWith('/selfsubjectreviews')) return status({ userInfo: { username: name } });
  if (path.endsWith('/selfsubjectaccessreviews')) return status({ allowed: true });
  if (name === 'ada' || path.includes('aiprofiles')) return undefined;
  return { code: 403, body: failure(403, 'Forbidden', `User "${name}" cannot do that`) };
}
