import { describe, expect, it } from '@jest/globals';
import { validateAIProfile } from '../api/validators.gen.js';
import { environmentObjects, profilesFromEnvironment } from './environment.ts';

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

  it('say plainly that Gemini is not there yet', () => {
    for (const modelName of ['gemini-3.5', 'gemini-2.5-pro']) {
      const { profiles, problems } = profilesFromEnvironment({ openaiApiKey: KEY, googleApiKey: 'AIza-x', modelName }, TODAY);
      expect(profiles).toEqual([]);
      expect(problems).toEqual([
        expect.stringContaining(`MODEL_NAME=${modelName} is a Gemini model, and this build has no Gemini provider yet`),
      ]);
    }
    expect(profilesFromEnvironment({ googleApiKey: 'AIza-x' }, TODAY).problems[0]).toMatch(/no Gemini provider yet/);
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

  it('become objects that the API accepts, with the key in a labelled Secret bound to its host', () => {
    for (const openaiBaseUrl of [undefined, 'http://127.0.0.1:8080/v1']) {
      const { profiles, secrets, problems } = environmentObjects(
        { openaiApiKey: KEY, openaiBaseUrl },
        { namespace: 'default', today: TODAY },
      );
      expect(problems).toEqual([]);
      expect(profiles.every((profile) => validateAIProfile(profile))).toBe(true);
      expect(JSON.stringify(profiles)).not.toContain(KEY);
      expect(secrets).toMatchObject([
        {
          kind: 'Secret',
          metadata: {
            name: profiles[0]?.spec.credentialSecretRef?.name,
            namespace: 'default',
            labels: { 'sweagent.dev/credential': 'model' },
            annotations: { 'sweagent.dev/hosts': openaiBaseUrl ? '127.0.0.1:8080' : 'api.openai.com' },
          },
          data: { apiKey: Buffer.from(KEY).toString('base64') },
        },
      ]);
    }
  });
});
