import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, PATIENCE_MS } from '../../test/support/eventually.ts';
import { KeepingLogger } from '../../test/support/keeping-logger.ts';
import { ScriptedKubeServer } from '../../test/support/kube-server.ts';
import { type AIProfile, API_VERSION, RESOURCES } from '../api/resources.ts';
import { HttpKubeClient } from './http-client.ts';
import { Informer, type InformerOptions } from './informer.ts';

const PROFILES = '/apis/sweagent.dev/v1alpha1/aiprofiles';
const profile = (name: string, model = 'm'): AIProfile => ({
  apiVersion: API_VERSION,
  kind: 'AIProfile',
  metadata: { name, namespace: 'ns' },
  spec: { provider: 'openai', model },
});

describe('informer', () => {
  let server: ScriptedKubeServer;
  let stop: AbortController;
  let running: Promise<void>[];
  let logger: KeepingLogger;
  beforeEach(async () => {
    server = await ScriptedKubeServer.start();
    stop = new AbortController();
    running = [];
    logger = new KeepingLogger();
  });
  afterEach(async () => {
    stop.abort(new Error('test is over'));
    await Promise.all(running);
    await server.stop();
  });

  function start(options: Partial<InformerOptions> = {}, watchIdleMs = 10_000) {
    const client = new HttpKubeClient(
      { baseUrl: server.url, headers: async () => ({}), signal: stop.signal },
      { tries: 1, watchIdleMs, requestTimeoutMs: PATIENCE_MS },
    );
    const informer = new Informer<AIProfile>({
      client,
      resource: RESOURCES.profiles,
      logger,
      backoff: { baseMs: 5, maxMs: 20 },
      ...options,
    });
    const keys: string[] = [];
    informer.onChange((key) => keys.push(key));
    running.push(informer.run(stop.signal));
    const model = (name: string) => informer.get(`ns/${name}`)?.spec.model;
    return { informer, keys, model };
  }

  const connected = (informer: Informer<AIProfile>) =>
    eventually('an open watch', () => informer.state.connected && server.openWatches === 1);

  it('fills its cache page by page before it is synced, and names every object', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(PROFILES, profile(name));
    const { informer, keys } = start({ pageSize: 2 });
    expect(informer.state.synced).toBe(false);
    await informer.synced;
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(informer.list('elsewhere')).toEqual([]);
    expect(keys).toEqual(['ns/a', 'ns/b', 'ns/c', 'ns/d', 'ns/e']);
    expect(server.requests.filter(({ query }) => query.get('limit') === '2')).toHaveLength(3);
  });

  it('begins the list anew when it expires between two pages', async () => {
    for (const name of ['a', 'b', 'c']) server.put(PROFILES, profile(name));
    let pages = 0;
    server.script = ({ query }) => (query.has('limit') && ++pages === 2 ? { code: 410 } : undefined);
    const { informer } = start({ pageSize: 2 });
    await informer.synced;
    expect(informer.list()).toHaveLength(3);
    expect(pages).toBe(4);
  });

  it('follows what appears, changes and goes', async () => {
    const { informer, keys, model } = start();
    await connected(informer);
    server.put(PROFILES, profile('a'));
    await eventually('a', () => model('a') === 'm');
    server.put(PROFILES, profile('a', 'n'));
    await eventually('the change', () => model('a') === 'n');
    server.remove(PROFILES, 'ns', 'a');
    await eventually('the deletion', () => informer.list().length === 0);
    expect(keys).toEqual(['ns/a', 'ns/a', 'ns/a']);
  });

  it('watches on from the last version that it saw when the server ends a watch', async () => {
    const { informer, model } = start();
    await connected(informer);
    server.put(PROFILES, profile('a'));
    await eventually('a', () => model('a'));
    server.endWatches();
    server.put(PROFILES, profile('b'));
    await eventually('b', () => model('b'));
    expect(server.requests.filter(({ query }) => query.has('limit'))).toHaveLength(1);
  });

  it('moves on with bookmarks, so that a quiet kind does not expire', async () => {
    const signals: string[] = [];
    const { informer, model } = start({ onSignal: (signal) => signals.push(signal) });
    await connected(informer);
    server.forgetHistory();
    const version = String(server.version);
    server.sendToWatches({ type: 'BOOKMARK', object: { kind: 'AIProfile', metadata: { resourceVersion: version } } });
    await eventually('the bookmark', () => signals.includes('bookmark'));
    server.endWatches();
    server.put(PROFILES, profile('a'));
    await eventually('a', () => model('a'));
    expect(server.requests.filter(({ query }) => query.has('limit'))).toHaveLength(1);
    expect(server.requests.at(-1)?.query.get('resourceVersion')).toBe(version);
  });

  it('learns of changes and deletions that happened while the connection was broken', async () => {
    const { informer, keys, model } = start();
    for (const name of ['a', 'b', 'c']) server.put(PROFILES, profile(name));
    await connected(informer);
    await eventually('all', () => informer.list().length === 3);
    keys.length = 0;
    server.breakConnections();
    server.put(PROFILES, profile('a', 'n'));
    server.remove(PROFILES, 'ns', 'b');
    server.put(PROFILES, profile('d'));
    await eventually('the news', () => model('a') === 'n' && model('b') === undefined && model('d') === 'm');
    expect(new Set(keys)).toEqual(new Set(['ns/a', 'ns/b', 'ns/d']));
  });

  it('lists again after 410 and reports deletions and re-creations that it missed, and nothing that stayed', async () => {
    for (const name of ['stays', 'goes', 'again']) server.put(PROFILES, profile(name));
    const signals: string[] = [];
    const { informer, keys, model } = start({ onSignal: (signal) => signals.push(signal) });
    await connected(informer);
    const before = informer.get('ns/again')?.metadata.uid;
    await server.stop();
    await eventually('the loss to be noticed', () => !informer.state.connected);
    expect(informer.state.lastError).toMatch(/agentsessions|aiprofiles|connection/);
    keys.length = 0;
    server.remove(PROFILES, 'ns', 'goes');
    server.remove(PROFILES, 'ns', 'again');
    server.put(PROFILES, profile('again'));
    server.forgetHistory();
    await server.start();
    await connected(informer);
    expect(model('goes')).toBeUndefined();
    expect(informer.get('ns/again')?.metadata.uid).not.toBe(before);
    expect(keys.toSorted()).toEqual(['ns/again', 'ns/goes']);
    expect(signals).toContain('expired');
    expect(informer.state).toMatchObject({ connected: true, lastError: undefined });
  });

  it('goes on by itself however long the server is away', async () => {
    await server.stop();
    const { informer, model } = start();
    await eventually('several failures', () => informer.state.failures >= 5);
    expect(informer.state).toMatchObject({ connected: false, synced: false });
    await server.start();
    server.put(PROFILES, profile('a'));
    await informer.synced;
    await eventually('a', () => model('a'));
    expect(logger.lines.filter((line) => line.startsWith('warn:')).length).toBeGreaterThanOrEqual(5);
  });

  it('notices a watch that stays open but says nothing, and finds what it kept back', async () => {
    server.put(PROFILES, profile('goes'));
    const { informer, model } = start({}, 60);
    await connected(informer);
    server.muted = true;
    server.put(PROFILES, profile('a'));
    server.remove(PROFILES, 'ns', 'goes');
    await eventually('the silent changes', () => model('a') === 'm' && model('goes') === undefined);
    expect(logger.lines.some((line) => line.includes('silent'))).toBe(true);
  });

  it('does not ask without pause when the server ends every watch at once', async () => {
    let watches = 0;
    server.script = ({ query }) => {
      if (!query.has('watch')) return undefined;
      watches++;
      return { code: 200, body: '' };
    };
    const { informer } = start({ backoff: { baseMs: 10_000, maxMs: 10_000 } });
    await eventually('the failure', () => informer.state.failures === 1);
    expect(watches).toBe(1);
    expect(informer.state.lastError).toBe('the server ended the watch at once');
  });

  it('waits as long as the server asks', async () => {
    server.answerNext({ code: 429, headers: { 'retry-after': '30' } });
    const { informer } = start();
    await eventually('the failure', () => informer.state.failures === 1);
    expect(logger.lines.at(-1)).toContain('trying again in 30000 ms');
    expect(server.requests).toHaveLength(1);
  });

  it('lives on when a handler throws', async () => {
    const { informer, keys } = start();
    informer.onChange(() => {
      throw new Error('a bad handler');
    });
    await connected(informer);
    server.put(PROFILES, profile('a'));
    server.put(PROFILES, profile('b'));
    await eventually('both keys', () => keys.length === 2);
    expect(logger.lines.some((line) => line.includes('a bad handler'))).toBe(true);
  });

  it('has every key handled again when a resync is wished', async () => {
    server.put(PROFILES, profile('a'));
    const { informer, keys } = start({ resyncMs: 20 });
    await informer.synced;
    await eventually('two resyncs', () => keys.length >= 3);
    expect(new Set(keys)).toEqual(new Set(['ns/a']));
  });

  it('ends when it is stopped, also in the middle of a wait, and says so to who waits for the first sync', async () => {
    await server.stop();
    const { informer } = start({ backoff: { baseMs: 60_000, maxMs: 60_000 } });
    await eventually('the first failure', () => informer.state.failures === 1);
    stop.abort(new Error('enough'));
    await running[0];
    await expect(informer.synced).rejects.toThrow('enough');
    expect(informer.state.connected).toBe(false);
  });
});
