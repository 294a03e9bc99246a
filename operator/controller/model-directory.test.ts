import { describe, expect, it } from '@jest/globals';
import { aProfile, aSession, condition } from '../../test/support/objects.ts';
import { type AIProfile, CREDENTIAL_LABEL, type Secret } from '../api/resources.ts';
import { ModelProviders } from '../llm/profiles.ts';
import { ProfileModels } from './model-directory.ts';
import { ModelFindings } from './model-findings.ts';

/** The models that are made ready to be called ahead of the first call. */
async function warmed(...profiles: AIProfile[]): Promise<string[]> {
  const models: string[] = [];
  const providers = new ModelProviders();
  const make = providers.providerFor.bind(providers);
  providers.providerFor = (spec, ...rest) => ({
    ...make(spec, ...rest),
    warm: async () => {
      models.push(spec.model);
    },
  });
  const caches = {
    profiles: { list: () => profiles, get: () => undefined },
    secrets: { get: () => undefined },
  };
  await new ProfileModels(caches, providers, new ModelFindings(Date.now)).warm();
  providers.close();
  return models;
}

const keyless = { provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:1/v1' } as const;
const is = (status: 'True' | 'False' | 'Unknown', reason: string) => ({ conditions: [condition('Ready', status, reason)] });

describe('what model calls need is loaded ahead', () => {
  it('for profiles that are known to answer, once for each kind of provider', async () => {
    expect(
      await warmed(
        aProfile('new', { ...keyless, model: 'new' }, is('Unknown', 'NotProbed')),
        aProfile('refused', { ...keyless, model: 'refused' }, is('False', 'InvalidKey')),
        aProfile('a', { ...keyless, model: 'a' }, is('True', 'Answered')),
        aProfile('b', { ...keyless, model: 'b' }, is('True', 'Answered')),
        aProfile('c', { provider: 'ollama', model: 'c' }, is('True', 'Answered')),
      ),
    ).toEqual(['a', 'c']);
  });

  it('for none when none answers, and without trouble where a Secret went away', async () => {
    expect(await warmed()).toEqual([]);
    const gone = { provider: 'openai', model: 'gone', credentialSecretRef: { name: 'gone' } } as const;
    expect(await warmed(aProfile('gone', gone, is('True', 'Answered')))).toEqual([]);
  });
});

describe('a call of a model', () => {
  it('takes no key that is for git', async () => {
    const profile = aProfile('p', { provider: 'openai', model: 'm', credentialSecretRef: { name: 's', key: 'token' } });
    const bound = (label: string) => {
      const secret = aSecret(label);
      const caches = { profiles: { list: () => [profile], get: () => profile }, secrets: { get: () => secret } };
      const providers = new ModelProviders();
      const models = new ProfileModels(caches, providers, new ModelFindings(Date.now));
      return models.bind(aSession(), 'p').finally(() => providers.close());
    };
    for (const label of ['git', '', 'true'])
      await expect(bound(label)).rejects.toMatchObject({
        reason: 'SecretNotLabelled',
        message: expect.stringMatching(/^AIProfile p: Secret s .* is not used as the key of a model\./),
      });
    await expect(bound('model')).resolves.toMatchObject({ profile: 'p', model: 'm' });
  });
});

function aSecret(label: string): Secret {
  const data = { token: Buffer.from('sk-test-0123456789abcdef').toString('base64') };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', labels: { [CREDENTIAL_LABEL]: label } }, data };
}
