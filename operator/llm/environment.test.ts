import { describe, expect, it } from '@jest/globals';
import { validateAIProfile } from '../api/validators.gen.js';
import { environmentObjects, type ModelSettings, profilesFromEnvironment } from './environment.ts';

const TODAY = '2026-11-21';
const KEY = 'sk-real-0123456789';

describe('profiles from the environment', () => {
  it('are none when nothing is set', () => {
    expect(profilesFromEnvironment({}, TODAY)).toEqual({ profiles: [], problems: [] });
    expect(profilesFromEnvironment({ openaiApiKey: ' ', modelName: '' }, TODAY)).toEqual({ profiles: [], problems: [] });
  });

  it('use a good default model when only the key is set', () => {
    expect(profilesFromEnvironment({ openaiApiKey: KEY }, TODAY)).toEqual({
      profiles: [
        {
          name: 'env-openai',
          key: KEY,
          host: 'api.openai.com',
          spec: {
            displayName: 'gpt-6.2-sol (environment)',
            provider: 'openai',
            model: 'gpt-6.2-sol',
            default: true,
            credentialSecretRef: { name: 'env-openai', key: 'apiKey' },
          },
        },
      ],
      problems: [],
    });
  });

  it.each([
    ['ops-4.5', TODAY, 'gpt-4.1'],
    ['OPS-4.5', TODAY, 'gpt-4.1'],
    ['ops-4.5', '2027-01-13', 'gpt-4.1'],
    ['ops-4.5', '2027-01-14', 'gpt-6.2-sol'],
    ['gpt-5.4-mini', TODAY, 'gpt-5.4-mini'],
  ])('read MODEL_NAME=%s on %s as %s', (modelName, today, model) => {
    expect(profilesFromEnvironment({ openaiApiKey: KEY, modelName }, today).profiles[0]?.spec.model).toBe(model);
  });

  it.each<[string, ModelSettings, string[]]>([
    ['gemini-3.5', { googleApiKey: 'AIzaSy-x' }, ['env-gemini gemini-3.1-pro-preview *']],
    ['gemini-2.5-pro', { googleApiKey: 'AIzaSy-x' }, ['env-gemini gemini-2.5-pro *']],
    [
      'gemini-3.5',
      { googleApiKey: 'AIzaSy-x', openaiApiKey: KEY },
      ['env-openai gpt-6.2-sol', 'env-gemini gemini-3.1-pro-preview *'],
    ],
    ['ops-4.5', { googleApiKey: 'AIzaSy-x', openaiApiKey: KEY }, ['env-openai gpt-4.1 *', 'env-gemini gemini-3.1-pro-preview']],
    [
      '',
      { googleApiKey: 'AIzaSy-x', anthropicApiKey: 'sk-ant-x' },
      ['env-gemini gemini-3.1-pro-preview *', 'env-anthropic claude-sonnet-5-5'],
    ],
    [
      'claude-opus-5-5',
      { anthropicApiKey: 'sk-ant-x', openaiApiKey: KEY },
      ['env-openai gpt-6.2-sol', 'env-anthropic claude-opus-5-5 *'],
    ],
    ['', { azureApiKey: 'az-x', azureEndpoint: 'https://r.openai.azure.com', azureDeployment: 'd' }, ['env-azure d *']],
    [
      'gpt-6.2-sol',
      { azureApiKey: 'az-x', azureEndpoint: 'https://r.openai.azure.com', azureDeployment: 'd' },
      ['env-azure gpt-6.2-sol *'],
    ],
    ['gpt-6.2-sol', { azureApiKey: 'az-x', azureEndpoint: 'https://r.openai.azure.com' }, ['env-azure gpt-6.2-sol *']],
    ['qwen3', { ollamaHost: 'localhost' }, ['env-ollama qwen3 *']],
    ['qwen3:8b', { ollamaHost: 'localhost', openaiApiKey: KEY }, ['env-openai gpt-6.2-sol', 'env-ollama qwen3:8b *']],
    ['', { ollamaHost: '0.0.0.0', openaiApiKey: KEY }, ['env-openai gpt-6.2-sol *']],
  ])('choose by MODEL_NAME=%s among %j', (modelName, settings, expected) => {
    const { profiles, problems } = profilesFromEnvironment({ ...settings, modelName }, TODAY);
    expect(problems).toEqual([]);
    expect(profiles.map(({ name, spec }) => `${name} ${spec.model}${spec.default ? ' *' : ''}`)).toEqual(expected);
  });

  it('make no other provider the default when the key for the model is missing', () => {
    const { profiles, problems } = profilesFromEnvironment({ openaiApiKey: KEY, modelName: 'gemini-3.5' }, TODAY);
    expect(problems).toEqual(['MODEL_NAME=gemini-3.5 needs GOOGLE_API_KEY.']);
    expect(profiles.map(({ name, spec }) => [name, spec.default])).toEqual([['env-openai', false]]);
  });

  it('do not mind an example that was left beside a real key', () => {
    const settings = { openaiApiKey: KEY, googleApiKey: 'AIza-your-google-key' };
    expect(profilesFromEnvironment({ ...settings, modelName: 'ops-4.5' }, TODAY)).toMatchObject({
      profiles: [{ name: 'env-openai' }],
      problems: [],
    });
    expect(profilesFromEnvironment({ ...settings, modelName: 'gemini-3.5' }, TODAY).problems).toEqual([
      'GOOGLE_API_KEY still holds an example, not a key.',
    ]);
  });

  it.each([
    ['localhost', 'http://localhost:11434'],
    ['0.0.0.0:9999', 'http://127.0.0.1:9999'],
    ['http://gpu.example.com:11434/', 'http://gpu.example.com:11434'],
    ['https://ollama.example.com', 'https://ollama.example.com'],
  ])('read OLLAMA_HOST=%s as %s', (ollamaHost, baseUrl) => {
    const [profile] = profilesFromEnvironment({ ollamaHost, modelName: 'qwen3:8b' }, TODAY).profiles;
    expect(profile?.spec).toMatchObject({ provider: 'ollama', model: 'qwen3:8b', baseUrl, default: true });
    expect(profile?.key).toBeUndefined();
    expect(
      validateAIProfile({ apiVersion: 'sweagent.dev/v1alpha1', kind: 'AIProfile', metadata: { name: 'x' }, spec: profile?.spec }),
    ).toBe(true);
  });

  it('say what a profile of Ollama lacks', () => {
    expect(profilesFromEnvironment({ ollamaHost: 'localhost' }, TODAY).problems[0]).toMatch(
      /set MODEL_NAME to a model that is there/,
    );
    expect(profilesFromEnvironment({ ollamaHost: 'http://u:p@x' }, TODAY).problems[0]).toMatch(
      /OLLAMA_HOST=.* is not an address/,
    );
  });

  it('say what a profile of Azure lacks', () => {
    const azureApiKey = 'az-x';
    const azureEndpoint = 'https://r.openai.azure.com';
    const problemOf = (settings: ModelSettings) => profilesFromEnvironment(settings, TODAY).problems[0];
    expect(problemOf({ azureApiKey })).toMatch(/needs AZURE_OPENAI_ENDPOINT/);
    expect(problemOf({ azureEndpoint })).toMatch(/not AZURE_OPENAI_API_KEY/);
    expect(problemOf({ azureApiKey, azureEndpoint })).toMatch(/AZURE_OPENAI_DEPLOYMENT is not set/);
    expect(problemOf({ azureApiKey, azureEndpoint: 'r.openai.azure.com' })).toMatch(/is not an address/);
    expect(problemOf({ azureApiKey, azureEndpoint: 'https://u:pass@r.example' })).not.toContain('pass');
  });

  it('name what is missing or wrong', () => {
    expect(profilesFromEnvironment({ modelName: 'ops-4.5' }, TODAY).problems).toEqual([
      'MODEL_NAME=ops-4.5 needs OPENAI_API_KEY.',
    ]);
    expect(profilesFromEnvironment({ openaiApiKey: 'sk-your-openai-key', modelName: 'ops-4.5' }, TODAY).problems[0]).toMatch(
      /an example/,
    );
    expect(profilesFromEnvironment({ openaiApiKey: KEY, openaiBaseUrl: 'localhost' }, TODAY).problems[0]).toMatch(
      /OPENAI_BASE_URL=localhost/,
    );
    expect(profilesFromEnvironment({ openaiApiKey: KEY, openaiBaseUrl: 'ftp://x/v1' }, TODAY).problems[0]).toMatch(/http/);
  });

  it('are for a compatible server when OPENAI_BASE_URL points elsewhere, with or without a key', () => {
    const openaiBaseUrl = 'http://localhost:11434/v1';
    const [profile] = profilesFromEnvironment({ openaiBaseUrl, modelName: 'gemini-on-my-router' }, TODAY).profiles;
    expect(profile).toMatchObject({
      name: 'env-openai-compatible',
      host: 'localhost:11434',
      spec: { provider: 'openai-compatible', baseUrl: openaiBaseUrl, model: 'gemini-on-my-router' },
    });
    expect(profile?.spec.credentialSecretRef).toBeUndefined();
    expect(profilesFromEnvironment({ openaiApiKey: KEY, openaiBaseUrl }, TODAY).profiles[0]?.key).toBe(KEY);
    expect(
      profilesFromEnvironment({ openaiApiKey: KEY, openaiBaseUrl: 'https://api.openai.com/v1' }, TODAY).profiles[0]?.spec
        .provider,
    ).toBe('openai');
  });

  it('become objects that the API accepts, each with its key in a labelled Secret bound to its host', () => {
    const keys = { openaiApiKey: KEY, googleApiKey: 'AIzaSy-x', anthropicApiKey: 'sk-ant-x', azureApiKey: 'az-x' };
    const azure = { azureEndpoint: 'https://r.openai.azure.com', azureDeployment: 'd', azureApiVersion: '2024-10-21' };
    for (const openaiBaseUrl of [undefined, 'http://127.0.0.1:8080/v1']) {
      const { profiles, secrets, problems } = environmentObjects(
        { ...keys, ...azure, openaiBaseUrl },
        { namespace: 'default', today: TODAY },
      );
      expect(problems).toEqual([]);
      expect(profiles.filter((profile) => !validateAIProfile(profile))).toEqual([]);
      expect(profiles.map(({ spec }) => spec.default)).toEqual([true, false, false, false]);
      for (const key of Object.values(keys)) expect(JSON.stringify(profiles)).not.toContain(key);
      expect(profiles.map(({ spec }) => spec.credentialSecretRef?.name)).toEqual(secrets.map(({ metadata }) => metadata.name));
      expect(secrets.map(({ metadata }) => metadata.annotations?.['sweagent.dev/hosts'])).toEqual([
        openaiBaseUrl ? '127.0.0.1:8080' : 'api.openai.com',
        'generativelanguage.googleapis.com',
        'api.anthropic.com',
        'r.openai.azure.com',
      ]);
      expect(secrets.map(({ data }) => Buffer.from(data?.apiKey ?? '', 'base64').toString())).toEqual(Object.values(keys));
      expect(secrets[0]).toMatchObject({
        kind: 'Secret',
        metadata: { namespace: 'default', labels: { 'sweagent.dev/credential': 'model' } },
      });
    }
  });
});
