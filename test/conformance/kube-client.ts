/** The operator's client, its status writer and its recorder of events on an API server, embedded or real. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AIProfile, API_VERSION, type KubeObject, RESOURCES } from '../../operator/api/resources.ts';
import { EventRecorder } from '../../operator/kube/events.ts';
import { HttpKubeClient } from '../../operator/kube/http-client.ts';
import { patchStatus } from '../../operator/kube/patch-status.ts';
import { patience } from '../support/eventually.ts';
import { KeepingLogger } from '../support/keeping-logger.ts';
import type { OpenApi } from './kube-api.ts';

export const profile = (name: string, model = 'm'): AIProfile => ({
  apiVersion: API_VERSION,
  kind: 'AIProfile',
  metadata: { name, namespace: 'default' },
  spec: { provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:1/v1', model },
});

export function kubeClientConformance(name: string, open: OpenApi): void {
  describe(`the client on ${name}`, () => {
    let api: Awaited<ReturnType<OpenApi>>;
    let client: HttpKubeClient;
    let stop: AbortController;

    beforeEach(async () => {
      stop = new AbortController();
      api = await open();
      const headers = async () => ({ authorization: `Bearer ${api.token}` });
      client = new HttpKubeClient({ baseUrl: api.url, ca: api.caPem, headers, signal: stop.signal }, { tries: 2 });
    });
    afterEach(async () => {
      stop.abort();
      await api[Symbol.asyncDispose]();
    });

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
      await expect(client.withToken('wrong').list(RESOURCES.profiles)).rejects.toMatchObject({
        code: 401,
        reason: 'Unauthorized',
      });
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
}
