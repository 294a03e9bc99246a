import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type EmbeddedApi, startEmbeddedApi } from '../../local/api/server.ts';
import { eventually, patience } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { type AIProfile, API_VERSION, type KubeObject, RESOURCES } from '../api/resources.ts';
import { EventRecorder } from './events.ts';
import { HttpKubeClient } from './http-client.ts';
import { Informer } from './informer.ts';
import { patchStatus } from './patch-status.ts';

const profile = (name: string, model = 'm'): AIProfile => ({
  apiVersion: API_VERSION,
  kind: 'AIProfile',
  metadata: { name, namespace: 'default' },
  spec: { provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:1/v1', model },
});

describe('client, informer and recorder on a server that validates', () => {
  let folder: string;
  let api: EmbeddedApi;
  let client: HttpKubeClient;
  let stop: AbortController;
  const running: Promise<void>[] = [];

  const start = () =>
    startEmbeddedApi({
      stateDir: join(folder, 'state'),
      crds: ['agentsession', 'aiprofile'].map((name) => join(import.meta.dirname, '../../crds', `${name}.yaml`)),
      user: 'ada',
      store: { history: 20 },
    });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-'));
    stop = new AbortController();
    api = await start();
    const { url, caPem, token } = api;
    const headers = async () => ({ authorization: `Bearer ${token}` });
    client = new HttpKubeClient({ baseUrl: url, ca: caPem, headers, signal: stop.signal }, { tries: 2 });
  });
  afterEach(async () => {
    stop.abort();
    await Promise.all(running.splice(0));
    await api.close();
    await rm(folder, { recursive: true });
  });

  function informer(): Informer<AIProfile> {
    const logger = new KeepingLogger();
    const made = new Informer<AIProfile>({
      client,
      resource: RESOURCES.profiles,
      logger,
      pageSize: 3,
      backoff: { baseMs: 5, maxMs: 50 },
    });
    running.push(made.run(stop.signal));
    return made;
  }

  it('speaks every verb, and tells apart what the server says no with', async () => {
    const made = await client.create(RESOURCES.profiles, profile('a'));
    await expect(client.create(RESOURCES.profiles, profile('a'))).rejects.toMatchObject({ code: 409, reason: 'AlreadyExists' });
    const bad = { ...profile('b'), spec: { provider: 'nobody' as never, model: '' } };
    await expect(client.create<KubeObject>(RESOURCES.profiles, bad)).rejects.toMatchObject({ code: 422, reason: 'Invalid' });
    const next = await client.replace(RESOURCES.profiles, { ...made, spec: { ...made.spec, model: 'n' } });
    expect(next.metadata.generation).toBe(2);
    await expect(client.replace(RESOURCES.profiles, made)).rejects.toMatchObject({ code: 409, reason: 'Conflict' });
    const test = (value: string) => [
      { op: 'test', path: '/spec/model', value },
      { op: 'replace', path: '/spec/model', value: 'o' },
    ];
    await expect(client.jsonPatch(RESOURCES.profiles, 'default', 'a', test('m'))).rejects.toMatchObject({ reason: 'Invalid' });
    expect((await client.jsonPatch<AIProfile>(RESOURCES.profiles, 'default', 'a', test('n'))).spec.model).toBe('o');
    await client.delete(RESOURCES.profiles, 'default', 'a', { preconditions: { uid: made.metadata.uid ?? '' } });
    await expect(client.get(RESOURCES.profiles, 'default', 'a')).rejects.toMatchObject({ code: 404, reason: 'NotFound' });
    await expect(client.withToken('wrong').list(RESOURCES.profiles)).rejects.toMatchObject({ code: 401, reason: 'Unauthorized' });
  });

  it('writes a status under the version that it was decided on, and removes fields', async () => {
    const made = await client.create(RESOURCES.profiles, profile('a'));
    const first = await patchStatus(client, RESOURCES.profiles, made, { observedGeneration: 1, contextWindow: 5 });
    expect(first.object.status).toEqual({ observedGeneration: 1, contextWindow: 5 });
    const second = await patchStatus(client, RESOURCES.profiles, first.object, { observedGeneration: 1 });
    expect(second.object.status).toEqual({ observedGeneration: 1 });
    expect(second.object.metadata.generation).toBe(1);
    expect((await patchStatus(client, RESOURCES.profiles, made, { observedGeneration: 9 })).outcome).toBe('conflict');
  });

  it('keeps its copy through a restart of the server, whatever happened meanwhile', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await client.create(RESOURCES.profiles, profile(name));
    const watched = informer();
    await watched.synced;
    expect(watched.list()).toHaveLength(5);
    await api.close();
    await eventually('the loss to be noticed', () => !watched.state.connected);
    api = await start();
    await client.delete(RESOURCES.profiles, 'default', 'a');
    await client.mergePatch(RESOURCES.profiles, 'default', 'b', { spec: { model: 'n' } });
    await client.create(RESOURCES.profiles, profile('f'));
    await eventually('the news', () => {
      const names = watched.list().map(({ metadata }) => metadata.name);
      return names.toSorted().join('') === 'bcdef' && watched.get('default/b')?.spec.model === 'n';
    });
    expect(watched.state).toMatchObject({ connected: true, lastError: undefined });
  });

  it('learns that the server has forgotten what it missed', async () => {
    await client.create(RESOURCES.profiles, profile('a'));
    const { resourceVersion } = await client.list(RESOURCES.profiles);
    const changes = Array.from({ length: 220 }, (_, i) => `m${i}`);
    await Promise.all(changes.map((model) => client.mergePatch(RESOURCES.profiles, 'default', 'a', { spec: { model } })));
    const watch = async () => {
      for await (const event of client.watch(RESOURCES.profiles, { resourceVersion }, stop.signal)) return event;
      return undefined;
    };
    await expect(watch()).rejects.toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('records events that the server takes, and their repetitions', async () => {
    const logger = new KeepingLogger();
    const made = await client.create(RESOURCES.profiles, profile('a'));
    const events = new EventRecorder({
      client,
      controller: 'sweagent.dev/operator',
      instance: 'test',
      logger,
      repeatIntervalMs: 0,
    });
    const note = { type: 'Warning', reason: 'SecretNotFound', action: 'Check', note: 'Secret k does not exist.' } as const;
    for (let i = 0; i < 3; i++) events.record(made, note);
    await events.stop(patience());
    expect(logger.lines).toEqual([]);
    type Line = KubeObject & { note: string; series?: { count: number } };
    const { items } = await client.list<Line>(RESOURCES.events, { namespace: 'default' });
    expect(items.map((item) => [item.note, item.series?.count])).toEqual([['Secret k does not exist.', 3]]);
  });
});
