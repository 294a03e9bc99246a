import { describe, expect, it } from '@jest/globals';
import { aProfile } from '../../test/support/objects.ts';
import type { Condition } from '../api/resources.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import { validateAIProfile } from '../api/validators.gen.js';
import type { ModelFinding } from './model-findings.ts';
import { projectProfileStatus, type SecretFinding } from './profile-status.ts';

const VERSION = 'v4';
const NOW = Date.parse('2030-01-01T00:00:00Z');
const key = { credentialSecretRef: { name: 'k', key: 'apiKey' } };
const found: SecretFinding = { state: 'found', key: 'present', hosts: undefined };

function look(spec: Partial<AIProfileSpec>, secret?: SecretFinding) {
  const profile = aProfile('p', spec, {}, { generation: 4 });
  const status = projectProfileStatus(profile, { secret, version: VERSION }, NOW);
  expect(validateAIProfile({ ...profile, status }) ? [] : validateAIProfile.errors).toEqual([]);
  expect(status.observedGeneration).toBe(4);
  const conditions = status.conditions ?? [];
  return {
    told: conditions.map(({ type, status: holds, reason }) => `${type}=${holds} ${reason}`),
    message: conditions.find(({ status: holds }) => holds === 'False')?.message,
  };
}

describe('the status of a profile', () => {
  it('accepts a profile whose provider and key are there, and does not claim that the model answers', () => {
    expect(look(key, found).told).toEqual([
      'Accepted=True Accepted',
      'CredentialsResolved=True SecretFound',
      'Ready=Unknown NotProbed',
    ]);
  });

  it('needs no key where the profile names none', () => {
    const { told } = look({ provider: 'openai-compatible', baseUrl: 'http://localhost:11434/v1' });
    expect(told).toEqual(['Accepted=True Accepted', 'CredentialsResolved=True NotNeeded', 'Ready=Unknown NotProbed']);
  });

  it('says plainly that this build lacks a provider that only a newer schema has', () => {
    const newer: Partial<AIProfileSpec> = JSON.parse('{"provider": "newer"}');
    const profile = aProfile('p', { ...key, ...newer }, {}, { generation: 4 });
    const { conditions = [] } = projectProfileStatus(profile, { secret: found, version: VERSION }, NOW);
    const told = conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
    expect(told[0]).toBe('Accepted=False ProviderNotAvailable');
    expect(told[2]).toBe('Ready=False ProviderNotAvailable');
    expect(conditions[0]?.message).toContain('this build has no provider newer; it has openai');
  });

  it.each<[string, Partial<AIProfileSpec>, SecretFinding, string, RegExp]>([
    ['the Secret is missing', key, { state: 'missing' }, 'SecretNotFound', /^Secret k does not exist in namespace ns\.$/],
    [
      'the Secret has no label',
      key,
      { state: 'unlabelled' },
      'SecretNotLabelled',
      /kubectl label secret k -n ns sweagent\.dev\/credential=model$/,
    ],
    ['the Secret is for git', key, { state: 'misused', message: 'It is for git.' }, 'SecretNotLabelled', /^It is for git\.$/],
    ['the key is missing', key, { ...found, key: 'missing' }, 'SecretKeyNotFound', /^Secret k has no key apiKey/],
    ['the key is empty', key, { ...found, key: 'empty' }, 'SecretKeyEmpty', /^The key apiKey of Secret k is empty/],
    [
      'the key is for another host',
      { ...key, baseUrl: 'https://evil.example/v1' },
      { ...found, hosts: ['api.openai.com'] },
      'CredentialNotForHost',
      /^Secret k is for api\.openai\.com .* is not sent to evil\.example\.$/,
    ],
  ])('says plainly that %s', (_, spec, secret, reason, message) => {
    const looked = look(spec, secret);
    expect(looked.told).toEqual(['Accepted=True Accepted', `CredentialsResolved=False ${reason}`, `Ready=False ${reason}`]);
    expect(looked.message).toMatch(message);
  });

  it('says how to let a key go to a host, where its Secret names none', () => {
    const looked = look({ ...key, baseUrl: 'https://models.example:8443/v1' }, found);
    expect(looked.message).toContain('kubectl annotate secret k -n ns sweagent.dev/hosts=models.example:8443');
  });

  it('lets a key go to a host that its Secret names, with or without the port', () => {
    const at = (scheme: string) => ({
      ...key,
      baseUrl: `${scheme}://models.local:8080/v1`,
      provider: 'openai-compatible' as const,
    });
    for (const host of ['models.local', 'models.local:8080']) {
      expect(look(at('https'), { ...found, hosts: ['other', host] }).told[1]).toBe('CredentialsResolved=True SecretFound');
      expect(look(at('http'), { ...found, hosts: ['other', host] }).told[1]).toBe(
        'CredentialsResolved=False CredentialNotForHost',
      );
      expect(look(at('http'), { ...found, hosts: [`http://${host}`] }).told[1]).toBe('CredentialsResolved=True SecretFound');
    }
  });

  it('refuses an address that is none and a fallback to itself', () => {
    expect(look({ ...key, baseUrl: 'https://host:99999/v1' }, found).told[0]).toBe('Accepted=False InvalidBaseUrl');
    expect(look({ ...key, fallbackRef: { name: 'p' } }, found).told[0]).toBe('Accepted=False InvalidFallback');
  });

  describe('whose model was called', () => {
    const at = Date.parse('2030-01-01T00:00:10.400Z');
    const answered = { answered: true, calledTool: true } as const;
    const refusal = { reason: 'InvalidKey', message: 'The key was refused.', passing: false } as const;
    const refused = { answered: false, refusal } as const;
    const condition = (status: 'True' | 'False' | 'Unknown', reason: string, second: number) => {
      const lastTransitionTime = `2030-01-01T00:00:${String(second).padStart(2, '0')}Z`;
      return { type: 'Ready', status, reason, message: 'm', lastTransitionTime, observedGeneration: 4 };
    };
    const readyAfter = (model: ModelFinding | undefined, before?: Condition, generation = 4) => {
      const profile = aProfile('p', key, before ? { conditions: [before] } : {}, { generation });
      const { conditions = [] } = projectProfileStatus(profile, { secret: found, version: VERSION, model }, NOW);
      const ready = conditions.find(({ type }) => type === 'Ready');
      return `${ready?.status} ${ready?.reason}`;
    };

    it('is ready when it answered and is not when it refused, whatever was known before', () => {
      for (const before of [
        undefined,
        condition('Unknown', 'NotProbed', 10),
        condition('True', 'Answered', 9),
        condition('False', 'QuotaExceeded', 9),
      ]) {
        expect(readyAfter({ at, current: true, result: answered }, before)).toBe('True Answered');
        expect(readyAfter({ at, current: true, result: refused }, before)).toBe('False InvalidKey');
      }
    });

    it('stays as it was while nobody calls, and is unknown again when the profile or its key changed', () => {
      const before = condition('False', 'InvalidKey', 10);
      expect(readyAfter(undefined, before)).toBe('False InvalidKey');
      expect(readyAfter(undefined, before, 5)).toBe('Unknown NotProbed');
      expect(readyAfter({ at, current: false, result: refused }, before)).toBe('Unknown NotProbed');
    });

    it('is what the operator says that called last, so that several of them do not take turns for ever', () => {
      const later = [condition('False', 'InvalidKey', 10), condition('False', 'InvalidKey', 11)];
      for (const before of later) expect(readyAfter({ at, current: true, result: answered }, before)).toBe('False InvalidKey');
      expect(readyAfter({ at, current: false, result: refused }, condition('True', 'Answered', 11))).toBe('True Answered');
    });
  });
});
