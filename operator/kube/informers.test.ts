import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type TestApi, testApi } from '../../test/support/embedded-api.ts';
import { eventually } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { type AgentSession, API_VERSION, RESOURCES } from '../api/resources.ts';
import { HttpKubeClient } from './http-client.ts';
import { Informers } from './informers.ts';

let api: TestApi;
let client: HttpKubeClient;
let stop: AbortController;
beforeEach(async () => {
  api = await testApi();
  stop = new AbortController();
  const headers = async () => ({ authorization: `Bearer ${api.token}` });
  client = new HttpKubeClient({ baseUrl: api.url, ca: api.caPem, headers, signal: stop.signal });
});
afterEach(async () => {
  stop.abort();
  await api[Symbol.asyncDispose]();
});

it('hears of what happens in the namespaces that it is given, and of nothing else', async () => {
  for (const name of ['a', 'b', 'c']) {
    await client.create(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const made = (name: string, namespace: string) =>
    client.create<AgentSession>(RESOURCES.sessions, {
      apiVersion: API_VERSION,
      kind: 'AgentSession',
      metadata: { name, namespace },
      spec: { goal: 'Greet', repository: { url: 'https://example.com/r.git' } },
    });
  await made('one', 'a');
  await made('two', 'c');
  const informers = new Informers<AgentSession>({ client, resource: RESOURCES.sessions, logger: new KeepingLogger() }, [
    'a',
    'b',
  ]);
  const heard: string[] = [];
  const end = informers.onChange((key) => heard.push(key));
  const running = informers.run(stop.signal);
  await informers.synced;
  await eventually('the watches', () => informers.state.connected);
  await made('three', 'b');
  await made('four', 'c');
  await made('five', 'a');
  await eventually('the last', () => informers.get('a/five'));
  await eventually('the other', () => informers.get('b/three'));
  expect(heard.toSorted()).toEqual(['a/five', 'a/one', 'b/three']);
  expect(
    informers
      .list()
      .map(({ metadata }) => metadata.name)
      .toSorted(),
  ).toEqual(['five', 'one', 'three']);
  expect(informers.list('b').map(({ metadata }) => metadata.name)).toEqual(['three']);
  expect([informers.list('c'), informers.get('c/two')]).toEqual([[], undefined]);
  expect(informers.state).toMatchObject({ synced: true, objects: 3, lastError: undefined });
  end();
  stop.abort();
  await running;
});
