import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'selfsigned';
import { eventually, PATIENCE_MS } from '../../test/support/eventually.ts';
import { holdTimers, turns } from '../../test/support/held-timers.ts';
import { failure, ScriptedKubeServer } from '../../test/support/kube-server.ts';
import { type AIProfile, API_VERSION, RESOURCES } from '../api/resources.ts';
import { KubeError, type WatchEvent } from './client.ts';
import { HttpKubeClient, type HttpKubeClientOptions } from './http-client.ts';
import { type KubeEndpoint, KubeUnreachableError } from './http-transport.ts';

const PROFILES = '/apis/sweagent.dev/v1alpha1/aiprofiles';
const profile = (name: string, model = 'm'): AIProfile => ({
  apiVersion: API_VERSION,
  kind: 'AIProfile',
  metadata: { name, namespace: 'ns' },
  spec: { provider: 'openai', model },
});

describe('HttpKubeClient', () => {
  let server: ScriptedKubeServer;
  let stop: AbortController;
  beforeEach(async () => {
    server = await ScriptedKubeServer.start();
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await server.stop();
  });

  function client(options: HttpKubeClientOptions = {}, endpoint: Partial<KubeEndpoint> = {}): HttpKubeClient {
    return new HttpKubeClient(
      {
        baseUrl: server.url,
        headers: async () => ({ authorization: 'Bearer own' }),
        signal: stop.signal,
        ...endpoint,
      },
      { retryBackoff: { baseMs: 1, maxMs: 5 }, ...options },
    );
  }

  it('creates, reads, replaces, patches and deletes objects at the paths of their kind', async () => {
    const kube = client();
    const made = await kube.create(RESOURCES.profiles, profile('a'));
    expect(made.metadata.uid).toBeDefined();
    expect((await kube.get<AIProfile>(RESOURCES.profiles, 'ns', 'a')).spec.model).toBe('m');
    await kube.replace(RESOURCES.profiles, { ...made, spec: { provider: 'openai', model: 'n' } });
    await kube.mergePatch(RESOURCES.profiles, 'ns', 'a', { spec: { model: 'o' } }, 'status');
    expect((await kube.get<AIProfile>(RESOURCES.profiles, 'ns', 'a')).spec.model).toBe('o');
    await kube.delete(RESOURCES.profiles, 'ns', 'a', { preconditions: { uid: made.metadata.uid ?? '' } });
    await expect(kube.get(RESOURCES.profiles, 'ns', 'a')).rejects.toMatchObject({
      name: 'KubeError',
      code: 404,
      reason: 'NotFound',
    });
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `POST /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles`,
      `GET /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a`,
      `PUT /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a`,
      `PATCH /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a/status`,
      `GET /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a`,
      `DELETE /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a`,
      `GET /apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a`,
    ]);
    expect(server.requests[3]?.headers['content-type']).toBe('application/merge-patch+json');
    expect(server.requests[5]?.body).toMatchObject({ kind: 'DeleteOptions', preconditions: { uid: made.metadata.uid } });
  });

  it('lists in pages, and names the kind of items that do not name it themselves', async () => {
    for (const name of ['a', 'b', 'c']) server.put('/api/v1/secrets', { metadata: { name, namespace: 'ns' } });
    const kube = client();
    const first = await kube.list(RESOURCES.secrets, { namespace: 'ns', limit: 2, labelSelector: 'x=y' });
    expect(first.items.map(({ kind, apiVersion, metadata }) => [kind, apiVersion, metadata.name])).toEqual([
      ['Secret', 'v1', 'a'],
      ['Secret', 'v1', 'b'],
    ]);
    const second = await kube.list(RESOURCES.secrets, { namespace: 'ns', limit: 2, continue: first.continue ?? '' });
    expect(second.items.map(({ metadata }) => metadata.name)).toEqual(['c']);
    expect(second.continue).toBeUndefined();
    expect(server.requests[0]?.path).toBe('/api/v1/namespaces/ns/secrets');
    expect(server.requests[0]?.query.get('labelSelector')).toBe('x=y');
  });

  it('tells what the server said no with, field by field', async () => {
    const causes = [{ field: 'spec.goal', reason: 'FieldValueRequired', message: 'Required value' }];
    server.answerNext({ code: 422, body: failure(422, 'Invalid', 'AIProfile "a" is invalid', { causes }) });
    await expect(client().create(RESOURCES.profiles, profile('a'))).rejects.toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: 'AIProfile "a" is invalid',
      causes,
    });
  });

  it('makes an error of an answer that no API server wrote', async () => {
    server.answerNext({ code: 502, body: '<html>Bad Gateway' });
    await expect(client().get(RESOURCES.profiles, 'ns', 'a')).rejects.toThrow(/HTTP 502 <html>Bad Gateway/);
    server.answerNext({ code: 200, body: '<html>A portal' });
    await expect(client().create(RESOURCES.profiles, profile('a'))).rejects.toThrow(/not JSON, is this a Kubernetes API/);
    server.answerNext({ code: 200, body: { hello: 'world' } });
    await expect(client().create(RESOURCES.profiles, profile('a'))).rejects.toThrow(/not what a Kubernetes API gives/);
  });

  it('refuses to build a path from a missing name or namespace', async () => {
    await expect(client().get(RESOURCES.profiles, 'ns', '')).rejects.toThrow('named by namespace and name, not "ns/"');
    await expect(client().delete(RESOURCES.profiles, undefined, 'a')).rejects.toThrow('not "/a"');
    expect(server.requests).toHaveLength(0);
  });

  it('keeps connections and acts with another token over them when asked', async () => {
    server.put(PROFILES, profile('a'));
    const kube = client();
    await kube.get(RESOURCES.profiles, 'ns', 'a');
    await kube.withToken('caller').get(RESOURCES.profiles, 'ns', 'a');
    await kube.get(RESOURCES.profiles, 'ns', 'a');
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer own', 'Bearer caller', 'Bearer own']);
    expect(server.connections).toBe(1);
  });

  it('trusts the certificate authority that it was given and no other', async () => {
    const pems = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    });
    await using secure = await ScriptedKubeServer.start({ key: pems.private, cert: pems.cert });
    secure.put(PROFILES, profile('a'));
    const trusting = client({}, { baseUrl: secure.url, ca: pems.cert });
    expect((await trusting.get(RESOURCES.profiles, 'ns', 'a')).metadata.name).toBe('a');
    await expect(client({ tries: 1 }, { baseUrl: secure.url }).get(RESOURCES.profiles, 'ns', 'a')).rejects.toThrow(
      KubeUnreachableError,
    );
  });

  describe('tries again', () => {
    it('a read that was refused with 429 or 503, as long as the server asks, but not for ever', async () => {
      server.put(PROFILES, profile('a'));
      server.answerNext({ code: 429, headers: { 'retry-after': '0' } }, { code: 503 });
      await expect(client().get(RESOURCES.profiles, 'ns', 'a')).resolves.toBeDefined();
      expect(server.requests).toHaveLength(3);
      server.answerNext(...Array.from({ length: 10 }, () => ({ code: 503 })));
      await expect(client({ tries: 3 }).get(RESOURCES.profiles, 'ns', 'a')).rejects.toMatchObject({ code: 503 });
      expect(server.requests).toHaveLength(6);
    });

    it('a read whose connection broke', async () => {
      server.put(PROFILES, profile('a'));
      let broken = 0;
      server.script = () => {
        if (broken++ > 0) return undefined;
        server.breakConnections();
        return 'never';
      };
      await expect(client().get(RESOURCES.profiles, 'ns', 'a')).resolves.toBeDefined();
      expect(server.requests).toHaveLength(2);
    });

    it('a write only when the server surely did nothing with it', async () => {
      server.answerNext({ code: 429, headers: { 'retry-after': '0' } });
      await expect(client().create(RESOURCES.profiles, profile('a'))).resolves.toBeDefined();
      expect(server.requests).toHaveLength(2);
      server.answerNext({ code: 503 });
      await expect(client().create(RESOURCES.profiles, profile('b'))).rejects.toMatchObject({ code: 503 });
      expect(server.requests).toHaveLength(3);
      server.script = () => {
        server.breakConnections();
        return 'never';
      };
      await expect(client().create(RESOURCES.profiles, profile('c'))).rejects.toMatchObject({ kind: 'connection', sent: true });
      expect(server.requests).toHaveLength(4);
    });

    it('a write that does the same twice as once, when the connection broke', async () => {
      server.put(PROFILES, profile('a'));
      const kube = client();
      const lost = async (write: () => Promise<unknown>) => {
        await kube.get(RESOURCES.profiles, 'ns', 'a');
        let broken = 0;
        server.script = () => {
          if (broken++ > 0) return undefined;
          server.breakConnections();
          return 'never';
        };
        await write();
        server.script = undefined;
        return broken;
      };
      expect(await lost(() => kube.mergePatch(RESOURCES.profiles, 'ns', 'a', { spec: { model: 'n' } }))).toBe(2);
      await expect(lost(() => kube.create(RESOURCES.profiles, profile('b')))).rejects.toMatchObject({ kind: 'connection' });
      await expect(lost(() => kube.jsonPatch(RESOURCES.profiles, 'ns', 'a', []))).rejects.toMatchObject({ kind: 'connection' });
    });

    it('a write that found nobody listening, until somebody does', async () => {
      await server.stop();
      let attempts = 0;
      const headers = async () => {
        attempts++;
        return {};
      };
      const kube = client({ tries: 100_000, retryBackoff: { baseMs: 5, maxMs: 20 } }, { headers });
      const made = kube.create(RESOURCES.profiles, profile('a'));
      await eventually('a second attempt', () => attempts >= 2);
      await server.start();
      expect((await made).metadata.name).toBe('a');
      expect(server.requests).toHaveLength(1);
    });

    it('not when the server names a time beyond the deadline', async () => {
      server.answerNext({ code: 429, headers: { 'retry-after': '3600' } });
      const refused = client({ requestTimeoutMs: PATIENCE_MS }).get(RESOURCES.profiles, 'ns', 'a');
      await expect(refused).rejects.toMatchObject({ code: 429, retryAfterSeconds: 3600 });
    });
  });

  it('gives up at its deadline, whether the server says nothing or stops within the answer', async () => {
    server.script = () => 'never';
    const late = client({ requestTimeoutMs: 60 }).get(RESOURCES.profiles, 'ns', 'a');
    await expect(late).rejects.toMatchObject({ name: 'KubeUnreachableError', kind: 'deadline' });
    // Not asked again; a deadline so short may even pass before the request arrives.
    expect(server.requests.length).toBeLessThanOrEqual(1);
    server.script = () => ({ code: 200, body: '{"kind": "AIPro', unfinished: true });
    const stuck = client({ requestTimeoutMs: 60 }).get(RESOURCES.profiles, 'ns', 'a');
    await expect(stuck).rejects.toMatchObject({ name: 'KubeUnreachableError', kind: 'deadline' });
  });

  it('ends at once with the reason of the signal that aborts', async () => {
    server.script = () => 'never';
    const caller = new AbortController();
    const asked = client().get(RESOURCES.profiles, 'ns', 'a', caller.signal);
    const rejected = expect(asked).rejects.toThrow('enough');
    await eventually('the request', () => server.requests.length === 1);
    caller.abort(new Error('enough'));
    await rejected;
    const another = client().get(RESOURCES.profiles, 'ns', 'a');
    const ended = expect(another).rejects.toThrow('shutdown');
    await eventually('the request', () => server.requests.length === 2);
    stop.abort(new Error('shutdown'));
    await ended;
  });

  describe('watch', () => {
    function follow(kube: HttpKubeClient, resourceVersion: string, signal = stop.signal) {
      const events: WatchEvent<AIProfile>[] = [];
      let opened = 0;
      const onOpen = () => {
        opened++;
      };
      const ended = (async () => {
        for await (const event of kube.watch<AIProfile>(RESOURCES.profiles, { resourceVersion, onOpen }, signal))
          events.push(event);
      })();
      ended.catch(() => undefined);
      return { events, ended, opened: () => opened };
    }

    it('gives changes, deletions and bookmarks, and ends when the server ends it', async () => {
      const { resourceVersion } = await client().list(RESOURCES.profiles);
      const watch = follow(client(), resourceVersion);
      await eventually('the watch', () => watch.opened() === 1);
      const made = server.put(PROFILES, profile('ä', 'ü'.repeat(50_000)));
      server.put(PROFILES, profile('ä', 'n'));
      server.remove(PROFILES, 'ns', 'ä');
      server.sendToWatches({ type: 'BOOKMARK', object: { kind: 'AIProfile', metadata: { resourceVersion: '999' } } });
      await eventually('four events', () => watch.events.length === 4);
      server.endWatches();
      await watch.ended;
      expect(watch.events[0]).toEqual({ type: 'ADDED', object: made });
      expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);
      expect(watch.events[3]).toEqual({ type: 'BOOKMARK', resourceVersion: '999' });
      const query = server.requests.at(-1)?.query;
      expect(query?.get('allowWatchBookmarks')).toBe('true');
      expect(Number(query?.get('timeoutSeconds'))).toBeGreaterThan(0);
    });

    it('says Expired alike for an answer and for an event within the stream', async () => {
      server.forgetHistory();
      await expect(follow(client(), '1').ended).rejects.toMatchObject({ name: 'KubeError', code: 410 });
      const { resourceVersion } = await client().list(RESOURCES.profiles);
      const watch = follow(client(), resourceVersion);
      await eventually('the watch', () => watch.opened() === 1);
      server.sendToWatches({ type: 'ERROR', object: failure(410, 'Expired', 'too old') });
      await expect(watch.ended).rejects.toThrow(KubeError);
      await expect(watch.ended).rejects.toMatchObject({ code: 410, message: 'too old' });
      await eventually('the connection to be closed', () => server.openWatches === 0);
    });

    it('ends a watch that says nothing for too long', async () => {
      const watch = follow(client({ watchIdleMs: 40 }), '100');
      await expect(watch.ended).rejects.toMatchObject({ name: 'KubeUnreachableError', kind: 'idle' });
      expect(watch.opened()).toBe(1);
      await eventually('the connection to be closed', () => server.openWatches === 0);
    });

    it('does not count the time that its reader takes as silence', async () => {
      const kube = client({ watchIdleMs: 50 });
      const seen: string[] = [];
      {
        using timers = holdTimers();
        const ended = (async () => {
          for await (const event of kube.watch<AIProfile>(RESOURCES.profiles, { resourceVersion: '100' }, stop.signal)) {
            if (event.type !== 'BOOKMARK') seen.push(event.object.metadata.name);
            if (seen.length === 1) timers.pass(100);
            if (seen.length === 2) return;
          }
        })();
        await turns(() => server.openWatches === 1);
        server.put(PROFILES, profile('a'));
        server.put(PROFILES, profile('b'));
        await ended;
      }
      expect(seen).toEqual(['a', 'b']);
      await eventually('the connection to be closed', () => server.openWatches === 0);
    });

    it('closes its connection when the signal aborts', async () => {
      const caller = new AbortController();
      const watch = follow(client(), '100', caller.signal);
      await eventually('the watch', () => server.openWatches === 1);
      caller.abort(new Error('enough'));
      await expect(watch.ended).rejects.toThrow('enough');
      await eventually('the connection to be closed', () => server.openWatches === 0);
    });
  });
});
