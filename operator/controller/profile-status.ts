/** What there is to say about an AIProfile without asking its provider. Pure. */
import { type NewCondition, replaceConditions } from '../api/conditions.ts';
import { type AIProfile, CREDENTIAL_LABEL } from '../api/resources.ts';
import type { AIProfileSpec, AIProfileStatus } from '../api/types.gen.ts';

export type Provider = AIProfileSpec['provider'];

/** What was found of the Secret that a profile names; never its content. */
export type SecretFinding =
  | { state: 'missing' }
  | { state: 'unlabelled' }
  | { state: 'found'; key: 'present' | 'missing' | 'empty' };

/** Key within the Secret when the profile does not name one. */
export const DEFAULT_SECRET_KEY = 'apiKey';

/** @param now ms since 1970. `secret` is undefined when the profile names none. */
export function projectProfileStatus(
  profile: AIProfile,
  secret: SecretFinding | undefined,
  supported: ReadonlySet<Provider>,
  now: number,
): AIProfileStatus {
  const generation = profile.metadata.generation ?? 0;
  const found = [accepted(profile, supported), credentials(profile, secret)];
  const conditions = replaceConditions(profile.status?.conditions ?? [], [...found, ready(found)], now, generation);
  const { contextWindow } = profile.spec;
  return { observedGeneration: generation, conditions, ...(contextWindow !== undefined && { contextWindow }) };
}

function accepted({ metadata, spec }: AIProfile, supported: ReadonlySet<Provider>): NewCondition {
  const no = (reason: string, message: string): NewCondition => ({ type: 'Accepted', status: 'False', reason, message });
  if (!supported.has(spec.provider)) {
    return no('ProviderNotAvailable', `This build has no provider ${spec.provider}; it has ${[...supported].join(', ')}.`);
  }
  if (spec.baseUrl !== undefined && !URL.canParse(spec.baseUrl)) {
    return no('InvalidBaseUrl', `spec.baseUrl ${spec.baseUrl} is not a URL; write it like https://api.example.com/v1.`);
  }
  if (spec.fallbackRef?.name === metadata.name) {
    return no('InvalidFallback', 'spec.fallbackRef names the profile itself; name another one or leave it out.');
  }
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message: `Provider ${spec.provider} is available.` };
}

function credentials({ metadata, spec }: AIProfile, secret: SecretFinding | undefined): NewCondition {
  const type = 'CredentialsResolved';
  const no = (reason: string, message: string): NewCondition => ({ type, status: 'False', reason, message });
  const ref = spec.credentialSecretRef;
  if (!ref || !secret) return { type, status: 'True', reason: 'NotNeeded', message: 'The profile names no credential.' };
  const name = `Secret ${ref.name}`;
  const key = ref.key ?? DEFAULT_SECRET_KEY;
  if (secret.state === 'missing') return no('SecretNotFound', `${name} does not exist in namespace ${metadata.namespace}.`);
  if (secret.state === 'unlabelled') {
    const command = `kubectl label secret ${ref.name} -n ${metadata.namespace} ${CREDENTIAL_LABEL}=true`;
    return no('SecretNotLabelled', `${name} does not carry the label ${CREDENTIAL_LABEL}, so it is not read: ${command}`);
  }
  if (secret.key === 'missing') return no('SecretKeyNotFound', `${name} has no key ${key} (spec.credentialSecretRef.key).`);
  if (secret.key === 'empty') return no('SecretKeyEmpty', `The key ${key} of ${name} is empty.`);
  return { type, status: 'True', reason: 'SecretFound', message: `${name} has the key ${key}.` };
}

/** Nobody has asked the provider yet, so more than "not impossible" is not claimed. */
function ready(found: readonly NewCondition[]): NewCondition {
  const obstacle = found.find(({ status }) => status === 'False');
  if (obstacle) return { type: 'Ready', status: 'False', reason: obstacle.reason, message: obstacle.message };
  return {
    type: 'Ready',
    status: 'Unknown',
    reason: 'NotProbed',
    message: 'The model was not tried yet; the first session will.',
  };
}
