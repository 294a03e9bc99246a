import { expect, it } from '@jest/globals';
import { testApi } from '../test/support/embedded-api.ts';
import { type AIProfile, RESOURCES } from './api/resources.ts';
import { applyEnvironmentProfiles } from './environment-profiles.ts';
import { HttpKubeClient } from './kube/http-client.ts';
import { loadSettings } from './settings.ts';

it('a default that a user chose stays the only one at every start, and the environment has its own back after that', async () => {
  await using api = await testApi();
  const headers = async () => ({ authorization: `Bearer ${api.token}` });
  const ended = new AbortController();
  const client = new HttpKubeClient({ baseUrl: api.url, ca: api.caPem, headers, signal: ended.signal });
  const settings = loadSettings({
    env: { OPENAI_API_KEY: 'sk-environment-profile-test' },
    cwd: api.stateDir,
    containerMarkers: [],
  });
  const defaults = async () => {
    await applyEnvironmentProfiles(client, 'default', settings);
    const { items } = await client.list<AIProfile>(RESOURCES.profiles, { namespace: 'default' });
    return items.filter(({ spec }) => spec.default).map(({ metadata }) => metadata.name);
  };
  const [environment] = await defaults();
  expect(environment).toBeDefined();
  await client.create<AIProfile>(RESOURCES.profiles, {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AIProfile',
    metadata: { namespace: 'default', name: 'mine' },
    spec: { provider: 'ollama', model: 'any', default: true },
  });
  expect(await defaults()).toEqual(['mine']);
  await client.delete(RESOURCES.profiles, 'default', 'mine');
  expect(await defaults()).toEqual([environment]);
  ended.abort();
});
