import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ScriptedKubeServer } from '../../test/support/kube-server.ts';
import { type AIProfile, API_VERSION, RESOURCES } from '../api/resources.ts';
import { HttpKubeClient } from './http-client.ts';
import { patchStatus } from './patch-status.ts';

const PROFILES = '/apis/sweagent.dev/v1alpha1/aiprofiles';

describe('writing a status', () => {
  let server: ScriptedKubeServer;
  let stop: AbortController;
  let client: HttpKubeClient;
  let object: AIProfile;
  beforeEach(async () => {
    server = await ScriptedKubeServer.start();
    stop = new AbortController();
    client = new HttpKubeClient({ baseUrl: server.url, headers: async () => ({}), signal: stop.signal }, { tries: 1 });
    server.put(PROFILES, {
      apiVersion: API_VERSION,
      kind: 'AIProfile',
      metadata: { name: 'a', namespace: 'ns' },
      spec: { provider: 'openai', model: 'm' },
      status: { observedGeneration: 1, contextWindow: 5 },
    });
    object = await client.get<AIProfile>(RESOURCES.profiles, 'ns', 'a');
    server.requests.length = 0;
  });
  afterEach(async () => {
    stop.abort();
    await server.stop();
  });

  it('writes what changed, removes what went, and returns the new object', async () => {
    const { outcome, object: after } = await patchStatus(client, RESOURCES.profiles, object, { observedGeneration: 2 });
    expect(outcome).toBe('written');
    expect(after.status).toEqual({ observedGeneration: 2 });
    expect(after.metadata.resourceVersion).not.toBe(object.metadata.resourceVersion);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: 'PATCH',
      path: '/apis/sweagent.dev/v1alpha1/namespaces/ns/aiprofiles/a/status',
      body: {
        metadata: { resourceVersion: object.metadata.resourceVersion },
        status: { observedGeneration: 2, contextWindow: null },
      },
    });
  });

  it('asks the server nothing when nothing changed', async () => {
    const write = await patchStatus(client, RESOURCES.profiles, object, { contextWindow: 5, observedGeneration: 1 });
    expect(write).toEqual({ outcome: 'unchanged', object });
    expect(server.requests).toHaveLength(0);
  });

  it('reports a conflict when somebody wrote in between, and leaves what they wrote', async () => {
    await client.mergePatch(RESOURCES.profiles, 'ns', 'a', { spec: { model: 'theirs' } });
    const { outcome } = await patchStatus(client, RESOURCES.profiles, object, { observedGeneration: 2 });
    expect(outcome).toBe('conflict');
    expect(server.find(PROFILES, 'ns', 'a')).toMatchObject({ spec: { model: 'theirs' }, status: { observedGeneration: 1 } });
  });

  it('says that the object is gone, and throws any other refusal', async () => {
    server.answerNext({ code: 422 });
    await expect(patchStatus(client, RESOURCES.profiles, object, {})).rejects.toMatchObject({ code: 422 });
    server.remove(PROFILES, 'ns', 'a');
    expect((await patchStatus(client, RESOURCES.profiles, object, {})).outcome).toBe('gone');
  });
});
