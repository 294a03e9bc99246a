import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AIProfile, API_VERSION, PROBE_ANNOTATION, RESOURCES, type Secret } from '../../operator/api/resources.ts';
import type { AIProfileSpec, AIProfileStatus } from '../../operator/api/types.gen.ts';
import { KubeError } from '../../operator/kube/client.ts';
import { ENVIRONMENT_LABEL } from '../../operator/llm/environment.ts';
import { eventually } from '../../test/support/eventually.ts';
import { NAMESPACE, TestGateway } from '../../test/support/gateway.ts';

const PROFILES = '/agent/profiles';
const KEY = 'sk-of-a-test-0123456789-wxyz';
const OPENAI = { display_name: 'My GPT-4', provider: 'openai', model: 'gpt-4-turbo', key: KEY };

let gateway: TestGateway;
let now: number;
beforeEach(async () => {
  now = Date.parse('2030-01-01T00:00:00Z');
  gateway = await TestGateway.start({ now: () => now });
});
afterEach(() => gateway.close());

const create = (body: object) => gateway.post(PROFILES, body);
const show = async (name: string) => Object((await gateway.get(`${PROFILES}/${name}`)).json());
const patch = (name: string, body: object) => gateway.send(`${PROFILES}/${name}`, { method: 'PATCH', body });
const putKey = (name: string, key: unknown) => gateway.send(`${PROFILES}/${name}/key`, { method: 'PUT', body: { key } });
const profileObject = (name: string) => gateway.kube.get<AIProfile>(RESOURCES.profiles, NAMESPACE, name);
const secretObject = (name: string) => gateway.kube.get<Secret>(RESOURCES.secrets, NAMESPACE, name);
const secrets = async () =>
  (await gateway.kube.list<Secret>(RESOURCES.secrets, { namespace: NAMESPACE })).items.map(({ metadata }) => metadata.name);
const storedKey = (secret: Secret) => Buffer.from(secret.data?.apiKey ?? '', 'base64').toString();

/** What kubectl or the operator would make. */
function madeOtherwise(name: string, spec: AIProfileSpec, labels?: Record<string, string>): Promise<AIProfile> {
  const metadata = { name, namespace: NAMESPACE, ...(labels && { labels }) };
  return gateway.kube.create<AIProfile>(RESOURCES.profiles, { apiVersion: API_VERSION, kind: 'AIProfile', metadata, spec });
}

describe('a new profile', () => {
  it('is an object, with its key in a Secret that is its own', async () => {
    const answer = await create({ ...OPENAI, users: ['ada'], parameters: { reasoning_effort: 'low', max_output_tokens: 5_000 } });
    expect([answer.status, answer.headers.location]).toEqual([201, '/agent/profiles/my-gpt-4']);
    expect(answer.json()).toEqual({
      name: 'my-gpt-4',
      display_name: 'My GPT-4',
      provider: 'openai',
      model: 'gpt-4-turbo',
      base_url: null,
      api_version: null,
      deployment: null,
      default: false,
      users: ['ada'],
      fallback: null,
      parameters: { reasoning_effort: 'low', max_output_tokens: 5_000 },
      pricing: null,
      context_window: null,
      key: { set: true, last_four: 'wxyz', set_at: '2030-01-01T00:00:00.000Z', secret: 'my-gpt-4-key' },
      ready: null,
      reason: null,
      message: null,
      conditions: [],
      tool_calling: null,
      found_context_window: null,
      probed_at: null,
      read_only: false,
      sessions: [],
      created_at: expect.any(String),
    });
    const profile = await profileObject('my-gpt-4');
    expect(profile.spec).toEqual({
      displayName: 'My GPT-4',
      provider: 'openai',
      model: 'gpt-4-turbo',
      default: false,
      users: ['ada'],
      parameters: { reasoningEffort: 'low', maxOutputTokens: 5_000 },
      credentialSecretRef: { name: 'my-gpt-4-key', key: 'apiKey' },
    });
    const secret = await secretObject('my-gpt-4-key');
    expect(storedKey(secret)).toBe(KEY);
    expect(secret.metadata).toMatchObject({
      labels: { 'sweagent.dev/credential': 'model' },
      annotations: { 'sweagent.dev/hosts': 'api.openai.com' },
      ownerReferences: [{ kind: 'AIProfile', name: 'my-gpt-4', uid: profile.metadata.uid }],
    });
  });

  it.each([
    ['gemini', { display_name: 'Gemini', provider: 'gemini', model: 'gemini-1.5-pro', key: KEY }],
    ['claude', { display_name: 'Claude', provider: 'anthropic', model: 'claude', key: KEY }],
    [
      'azure-gpt',
      {
        display_name: 'Azure: GPT!',
        provider: 'azure',
        model: 'gpt-4o',
        base_url: 'https://name.openai.azure.com',
        api_version: '2024-10-21',
        deployment: 'd',
        key: KEY,
      },
    ],
    ['llama', { display_name: '  Llama ', provider: 'ollama', model: 'llama3.1', base_url: 'http://localhost:11434', key: '' }],
    ['local', { name: 'local', provider: 'openai-compatible', model: 'm', base_url: 'http://localhost:1/v1' }],
    ['ollama', { display_name: '模型', provider: 'ollama', model: 'qwen3' }],
  ])('is possible for %s', async (name, body) => {
    const answer = await create(body);
    const expected = 'key' in body && body.key ? { set: true, secret: `${name}-key` } : null;
    expect([answer.status, answer.json()]).toMatchObject([201, { name, provider: body.provider, key: expected }]);
  });

  it('shows nothing of a key that is short', async () => {
    expect((await create({ ...OPENAI, key: 'k-12345678-wxyz' })).json()).toMatchObject({ key: { set: true, last_four: null } });
    expect((await secretObject('my-gpt-4-key')).metadata.annotations).not.toHaveProperty('sweagent.dev/key-last-four');
  });

  it('takes the next name where it was given none, and is refused one that is taken', async () => {
    const names = [];
    for (let index = 0; index < 3; index++) names.push(Object((await create(OPENAI)).json()).name);
    expect(names).toEqual(['my-gpt-4', 'my-gpt-4-2', 'my-gpt-4-3']);
    const answer = await create({ ...OPENAI, name: 'my-gpt-4-2' });
    expect(answer.json()).toMatchObject({
      status: 409,
      detail: 'There is a profile my-gpt-4-2 already. Choose another name, or change that one.',
    });
    expect((await secrets()).sort()).toEqual(['my-gpt-4-2-key', 'my-gpt-4-3-key', 'my-gpt-4-key']);
  });

  it.each([
    [{ ...OPENAI, provider: 'opanai' }, 'provider', 'must be one of openai, azure'],
    [{ ...OPENAI, model: '' }, 'model', 'must not be empty'],
    [{ ...OPENAI, model: undefined }, 'model', 'is missing; it must be given'],
    [{ ...OPENAI, display_name: undefined }, 'display_name', 'is missing; it must be given'],
    [{ ...OPENAI, key: undefined }, 'key', 'this provider needs a key'],
    [{ ...OPENAI, key: 'two words' }, 'key', 'printable ASCII characters without spaces'],
    [{ ...OPENAI, key: 17 }, 'key', 'printable ASCII characters without spaces'],
    [{ ...OPENAI, provider: 'azure' }, 'base_url', "azure needs base_url, the resource's endpoint"],
    [{ ...OPENAI, provider: 'openai-compatible' }, 'base_url', 'openai-compatible needs base_url'],
    [{ ...OPENAI, deployment: 'd' }, 'api_version', 'api_version and deployment are only possible with provider azure'],
    [{ ...OPENAI, base_url: 'ftp://x.example' }, 'base_url', 'must begin with http:// or https://'],
    [{ ...OPENAI, base_url: 'https://u:hunter2@x.example' }, 'base_url', 'must begin with http:// or https://'],
    [{ ...OPENAI, context_window: 12 }, 'context_window', 'must be at least 4096, not 12'],
    [{ ...OPENAI, fallback: 7 }, 'fallback', 'must be a string, not 7'],
    [{ ...OPENAI, users: ['ada', ''] }, 'users[1]', 'must not be empty'],
    [{ ...OPENAI, parameters: { temprature: 1 } }, 'parameters.temprature', 'did you mean temperature?'],
    [{ ...OPENAI, pricing: { input_per_million: -1 } }, 'pricing.input_per_million', 'must be at least 0, not -1'],
    [{ ...OPENAI, name: 'No Name' }, 'name', 'lower-case letters'],
    [{ ...OPENAI, modell: 'm' }, 'modell', 'did you mean model?'],
    [{ ...OPENAI, credential_secret_ref: { name: 'x' } }, 'credential_secret_ref', 'is not a field here'],
  ])('%j is refused for %s', async (body, field, message) => {
    const answer = await create(body);
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field, message: expect.stringContaining(message) }] });
    expect(answer.text).not.toMatch(/hunter2|sk-of-a-test|two words/);
    expect((await gateway.get(PROFILES)).json()).toEqual({ items: [] });
    expect(await secrets()).toEqual([]);
  });

  it('is taken back when its key cannot be stored', async () => {
    const made = gateway.kube.create.bind(gateway.kube);
    gateway.kube.create = (resource, object, signal) => {
      if (resource.kind !== 'Secret') return made(resource, object, signal);
      return Promise.reject(new KubeError(403, 'Forbidden', 'secrets "my-gpt-4-key" is forbidden: exceeded quota'));
    };
    const answer = await create({ ...OPENAI, default: true });
    expect(answer.json()).toMatchObject({ status: 403, detail: expect.stringContaining('exceeded quota') });
    expect((await gateway.get(PROFILES)).json()).toEqual({ items: [] });
  });
});

describe('a profile', () => {
  it('is changed field by field', async () => {
    await create({ ...OPENAI, users: ['ada'], parameters: { temperature: 1, top_p: 0.5 }, context_window: 9_000 });
    const answer = await patch('my-gpt-4', {
      model: 'gpt-4o',
      users: [],
      parameters: { temperature: null, api: 'chat' },
      context_window: null,
      fallback: 'other',
      pricing: { input_per_million: 1.5 },
    });
    expect([answer.status, answer.json()]).toMatchObject([
      200,
      {
        model: 'gpt-4o',
        users: [],
        parameters: { top_p: 0.5, api: 'chat' },
        context_window: null,
        fallback: 'other',
        pricing: { input_per_million: 1.5 },
      },
    ]);
    expect(Object((await patch('my-gpt-4', { fallback: null, pricing: null })).json())).toMatchObject({
      fallback: null,
      pricing: null,
    });
    const before = (await profileObject('my-gpt-4')).metadata.resourceVersion;
    expect((await patch('my-gpt-4', {})).status).toBe(200);
    expect((await profileObject('my-gpt-4')).metadata.resourceVersion).toBe(before);
  });

  it.each([
    [{ model: null }, 'model', 'is missing'],
    [{ name: 'other' }, 'name', 'cannot be changed'],
    [{ parameters: { temperature: 7 } }, 'parameters.temperature', 'must be at most 2, not 7'],
    [{ api_version: 'v1' }, 'api_version', 'only possible with provider azure'],
  ])('is not changed by %j', async (change, field, message) => {
    await create(OPENAI);
    const answer = await patch('my-gpt-4', change);
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field, message: expect.stringContaining(message) }] });
  });

  it('takes a key with a change that needs one', async () => {
    await create({ name: 'a', provider: 'ollama', model: 'm' });
    expect((await patch('a', { provider: 'openai' })).json()).toMatchObject({ status: 422, errors: [{ field: 'key' }] });
    const answer = await patch('a', { provider: 'openai', key: KEY });
    expect(answer.json()).toMatchObject({ provider: 'openai', key: { set: true, last_four: 'wxyz', secret: 'a-key' } });
    expect(storedKey(await secretObject('a-key'))).toBe(KEY);
  });

  it('gets another key in place of the old one', async () => {
    await create(OPENAI);
    now += 60_000;
    expect((await putKey('my-gpt-4', '  sk-another-key-of-this-test-abcd\n')).status).toBe(204);
    expect((await show('my-gpt-4')).key).toEqual({
      set: true,
      last_four: 'abcd',
      set_at: '2030-01-01T00:01:00.000Z',
      secret: 'my-gpt-4-key',
    });
    expect(storedKey(await secretObject('my-gpt-4-key'))).toBe('sk-another-key-of-this-test-abcd');
    await putKey('my-gpt-4', 'short');
    expect((await show('my-gpt-4')).key).toMatchObject({ set: true, last_four: null });
    for (const key of [undefined, null, '', '  ', {}]) {
      expect((await putKey('my-gpt-4', key)).json()).toMatchObject({ status: 422, errors: [{ field: 'key' }] });
    }
    expect((await putKey('nobody', KEY)).json()).toMatchObject({
      status: 404,
      detail: expect.stringContaining('no profile nobody'),
    });
  });

  it('binds its key to where it is served, and a new place needs the key again', async () => {
    await create(OPENAI);
    await patch('my-gpt-4', { base_url: 'https://elsewhere.example/v1' });
    const hosts = async () => (await secretObject('my-gpt-4-key')).metadata.annotations?.['sweagent.dev/hosts'];
    expect(await hosts()).toBe('api.openai.com');
    await putKey('my-gpt-4', KEY);
    expect(await hosts()).toBe('elsewhere.example');
  });

  /** A labelled Secret as kubectl makes it: with `hosts` or bound to nothing. */
  function keyOfOthers(name: string, hosts?: string): Promise<Secret> {
    const labels = { 'sweagent.dev/credential': 'model' };
    const metadata = { name, namespace: NAMESPACE, labels, ...(hosts && { annotations: { 'sweagent.dev/hosts': hosts } }) };
    const data = { apiKey: Buffer.from('of everybody').toString('base64') };
    return gateway.kube.create<Secret>(RESOURCES.secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data });
  }

  it.each([
    [undefined, 'https://a.example/v1', { base_url: 'https://elsewhere.example/v1' }],
    [undefined, undefined, { provider: 'gemini' }],
    ['a.example', 'https://a.example/v1', { base_url: 'http://a.example/v1' }],
    ['a.example', 'https://a.example/v1', { base_url: 'https://a.example:8443/v1' }],
    ['a.example,b.example', 'https://a.example/v1', { base_url: 'http://b.example' }],
  ])('does not take a key for %s from %s along with %j', async (hosts, baseUrl, change) => {
    await keyOfOthers('shared', hosts);
    const credentialSecretRef = { name: 'shared', key: 'apiKey' };
    await madeOtherwise('made', { provider: 'openai', model: 'm', credentialSecretRef, ...(baseUrl && { baseUrl }) });
    const before = await profileObject('made');
    expect((await patch('made', change)).json()).toMatchObject({ status: 422, errors: [{ field: 'key' }] });
    expect(await profileObject('made')).toEqual(before);
    expect((await patch('made', { ...change, key: KEY })).json()).toMatchObject({
      key: { last_four: 'wxyz', secret: 'made-key' },
    });
    expect((await secretObject('shared')).data).toEqual({ apiKey: Buffer.from('of everybody').toString('base64') });
  });

  it('goes with its key to another path, and to a host that the key is for', async () => {
    await keyOfOthers('unbound');
    await keyOfOthers('bound', 'a.example, b.example:8443');
    const spec: AIProfileSpec = { provider: 'openai', model: 'm', baseUrl: 'https://a.example/v1' };
    await madeOtherwise('one', { ...spec, credentialSecretRef: { name: 'unbound', key: 'apiKey' } });
    await madeOtherwise('two', { ...spec, credentialSecretRef: { name: 'bound', key: 'apiKey' } });
    expect((await patch('one', { base_url: 'https://a.example/v2' })).status).toBe(200);
    expect((await patch('two', { base_url: 'https://b.example:8443/v1' })).status).toBe(200);
  });

  it('never refers to a key of others at a place of its own', async () => {
    await keyOfOthers('made-key');
    await keyOfOthers('other-key');
    const pairs = new Set<string>();
    const seen = ({ spec }: AIProfile) => pairs.add(`${spec.baseUrl} ${spec.credentialSecretRef?.name}`);
    const { resourceVersion } = await gateway.kube.list(RESOURCES.profiles, { namespace: NAMESPACE });
    const watch = new AbortController();
    const watched = (async () => {
      const options = { namespace: NAMESPACE, resourceVersion };
      for await (const event of gateway.kube.watch<AIProfile>(RESOURCES.profiles, options, watch.signal))
        if (event.type !== 'BOOKMARK') seen(event.object);
    })().catch(() => undefined);
    const evil = { provider: 'openai-compatible', model: 'm', base_url: 'https://evil.example/v1' };
    const { key: made } = Object((await create({ ...evil, name: 'made', key: KEY })).json());
    expect(made.secret).toMatch(/^made-key-[0-9a-f]{8}$/);
    await create({ ...evil, name: 'other' });
    const { key: other } = Object((await patch('other', { key: KEY })).json());
    await eventually('both to be seen', () => pairs.has(`${evil.base_url} ${other.secret}`));
    watch.abort();
    await watched;
    expect([...pairs].filter((pair) => /(made|other)-key$/.test(pair))).toEqual([]);
    expect((await putKey('made', 'sk-another-key-of-this-test-abcd')).status).toBe(204);
    expect((await show('made')).key).toMatchObject({ last_four: 'abcd', secret: made.secret });
  });

  it('needs an address that is one, or its key would be bound to nothing', async () => {
    const answer = await create({ ...OPENAI, base_url: 'https://[::zz]/v1' });
    expect(answer.json()).toMatchObject({
      status: 422,
      errors: [{ field: 'base_url', message: expect.stringContaining('no address') }],
    });
    expect(await secrets()).toEqual([]);
  });

  it('leaves a Secret that others made as it is, and gets one of its own', async () => {
    const metadata = { name: 'shared', namespace: NAMESPACE, labels: { 'sweagent.dev/credential': 'model' } };
    const data = { token: Buffer.from('of everybody').toString('base64') };
    await gateway.kube.create<Secret>(RESOURCES.secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data });
    await gateway.kube.create<Secret>(RESOURCES.secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...metadata, name: 'made-key' },
      data,
    });
    const credentialSecretRef = { name: 'shared', key: 'token' };
    const { metadata: made } = await madeOtherwise('made', { provider: 'openai', model: 'm', credentialSecretRef });
    expect((await show('made')).key).toEqual({ set: true, last_four: null, set_at: null, secret: 'shared' });
    expect((await putKey('made', KEY)).status).toBe(204);
    const secret = `made-key-${made.uid?.slice(0, 8)}`;
    expect(await show('made')).toMatchObject({ key: { set: true, last_four: 'wxyz', secret } });
    for (const name of ['shared', 'made-key']) expect((await secretObject(name)).data).toEqual(data);
    expect((await profileObject('made')).spec.credentialSecretRef).toEqual({ name: secret, key: 'apiKey' });
  });

  it('says so when its Secret is missing, and takes a key again', async () => {
    await create(OPENAI);
    await gateway.kube.delete(RESOURCES.secrets, NAMESPACE, 'my-gpt-4-key');
    expect((await show('my-gpt-4')).key).toEqual({ set: false, last_four: null, set_at: null, secret: 'my-gpt-4-key' });
    await putKey('my-gpt-4', KEY);
    expect((await show('my-gpt-4')).key).toMatchObject({ set: true });
  });

  it('goes with its key, and says which sessions need it', async () => {
    await create({ ...OPENAI, default: true });
    const waiting = await gateway.started();
    const done = await gateway.started({ profile: 'my-gpt-4' });
    await gateway.setStatus(done, { phase: 'Completed' });
    const role = await gateway.started({ profile: 'other', role_profiles: { reviewer: 'my-gpt-4' } });
    await gateway.started({ profile: 'other' });
    const answer = await gateway.send(`${PROFILES}/my-gpt-4`, { method: 'DELETE' });
    expect([answer.status, answer.json()]).toEqual([
      200,
      { name: 'my-gpt-4', sessions: expect.arrayContaining([waiting, role]) },
    ]);
    expect(Object(answer.json()).sessions).toHaveLength(2);
    expect((await gateway.get(`${PROFILES}/my-gpt-4`)).status).toBe(404);
    await eventually('the Secret to go', async () => (await secrets()).length === 0);
    expect((await gateway.send(`${PROFILES}/my-gpt-4`, { method: 'DELETE' })).status).toBe(404);
  });

  it('that becomes the default takes the mark from the others', async () => {
    await create({ ...OPENAI, name: 'a', default: true });
    await create({ ...OPENAI, name: 'b', default: true });
    const marks = async () =>
      Object((await gateway.get(PROFILES)).json()).items.map((one: { name: string; default: boolean }) => [
        one.name,
        one.default,
      ]);
    expect(await marks()).toEqual([
      ['a', false],
      ['b', true],
    ]);
    await patch('a', { default: true });
    expect(await marks()).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('shows what the operator found out', async () => {
    await create(OPENAI);
    const ready = {
      type: 'Ready',
      lastTransitionTime: '2030-01-01T00:00:00Z',
      reason: 'Answered',
      message: 'The model answers.',
    };
    const status = (change: AIProfileStatus) =>
      gateway.kube.mergePatch(RESOURCES.profiles, NAMESPACE, 'my-gpt-4', { status: change }, 'status');
    await status({
      conditions: [{ ...ready, status: 'True' }],
      toolCalling: true,
      contextWindow: 128_000,
      lastProbeTime: '2030-01-01T00:00:01Z',
    });
    expect(await show('my-gpt-4')).toMatchObject({
      ready: true,
      reason: 'Answered',
      message: 'The model answers.',
      conditions: [{ type: 'Ready', status: 'True', last_transition_time: '2030-01-01T00:00:00Z' }],
      tool_calling: 'yes',
      found_context_window: 128_000,
      probed_at: '2030-01-01T00:00:01Z',
    });
    await status({ conditions: [{ ...ready, status: 'Unknown' }], toolCalling: false });
    expect(await show('my-gpt-4')).toMatchObject({ ready: null, tool_calling: 'no' });
    await status({ conditions: [{ ...ready, status: 'False' }] });
    expect(await show('my-gpt-4')).toMatchObject({ ready: false });
  });

  it('is tried when somebody asks for it', async () => {
    await create(OPENAI);
    expect((await gateway.post(`${PROFILES}/my-gpt-4/test`)).status).toBe(202);
    expect((await profileObject('my-gpt-4')).metadata.annotations).toEqual({ [PROBE_ANNOTATION]: '2030-01-01T00:00:00.000Z' });
    expect((await gateway.post(`${PROFILES}/nobody/test`)).status).toBe(404);
    expect((await gateway.get(`${PROFILES}/No_Name`)).status).toBe(400);
  });

  it('that comes from the environment is tried as any other, and not changed', async () => {
    const spec = { provider: 'openai', model: 'm', default: true, credentialSecretRef: { name: 'env-openai' } } as const;
    await madeOtherwise('env-openai', spec, { [ENVIRONMENT_LABEL]: 'true' });
    expect(await show('env-openai')).toMatchObject({ read_only: true });
    const refused = [
      await patch('env-openai', { model: 'other' }),
      await putKey('env-openai', KEY),
      await gateway.send(`${PROFILES}/env-openai`, { method: 'DELETE' }),
    ];
    for (const answer of refused) {
      expect(answer.json()).toMatchObject({ status: 409, type: 'urn:swe-agent:problem:read-only' });
      expect(answer.text).toContain('comes from the environment');
    }
    expect((await gateway.post(`${PROFILES}/env-openai/test`)).status).toBe(202);
    await create({ ...OPENAI, default: true });
    expect(await show('env-openai')).toMatchObject({ default: false, model: 'm' });
  });
});
