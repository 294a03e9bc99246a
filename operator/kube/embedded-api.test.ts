import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type EmbeddedApi, startEmbeddedApi } from '../../local/api/server.ts';
import { kubeClientConformance, profile } from '../../test/conformance/kube-client.ts';
import { testApi } from '../../test/support/embedded-api.ts';
import { eventually } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { type AIProfile, RESOURCES } from '../api/resources.ts';
import { HttpKubeClient } from './http-client.ts';
import { Informer } from './informer.ts';

kubeClientConformance('the embedded API', () => testApi());

describe('client and informer on a server that forgets and is restarted', () => {
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
});
