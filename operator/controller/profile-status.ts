/** What there is to say about an AIProfile without asking its provider. Pure. */
import { type NewCondition, replaceConditions } from '../api/conditions.ts';
import { type AIProfile, CREDENTIAL_LABEL, HOSTS_ANNOTATION } from '../api/resources.ts';
import type { AIProfileStatus } from '../api/types.gen.ts';
import { acceptProfile, ProfileError } from '../llm/profiles.ts';

/** What was found of the Secret that a profile names; never its content. */
export type SecretFinding =
  | { state: 'missing' }
  | { state: 'unlabelled' }
  /** `hosts`: the only ones that the credential may be sent to, when the Secret names any. */
  | { state: 'found'; key: 'present' | 'missing' | 'empty'; hosts: readonly string[] | undefined };

/** Key within the Secret when the profile does not name one. */
export const DEFAULT_SECRET_KEY = 'apiKey';

/** @param now ms since 1970. `secret` is undefined when the profile names none. */
export function projectProfileStatus(profile: AIProfile, secret: SecretFinding | undefined, now: number): AIProfileStatus {
  const generation = profile.metadata.generation ?? 0;
  const found = [accepted(profile), credentials(profile, secret)];
  const conditions = replaceConditions(profile.status?.conditions ?? [], [...found, ready(found)], now, generation);
  const { contextWindow } = profile.spec;
  return { observedGeneration: generation, conditions, ...(contextWindow !== undefined && { contextWindow }) };
}

function accepted({ metadata, spec }: AIProfile): NewCondition {
  const no = (reason: string, message: string): NewCondition => ({ type: 'Accepted', status: 'False', reason, message });
  try {
    acceptProfile(spec);
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    return no(error.reason === 'UnsupportedProvider' ? 'ProviderNotAvailable' : error.reason, error.message);
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
  const url = addressOf(spec);
  if (url && secret.hosts && !secret.hosts.includes(url.host) && !secret.hosts.includes(url.hostname)) {
    const message = `${name} is for ${secret.hosts.join(', ')} (annotation ${HOSTS_ANNOTATION}) and is not sent to ${url.host}.`;
    return no('CredentialNotForHost', message);
  }
  return { type, status: 'True', reason: 'SecretFound', message: `${name} has the key ${key}.` };
}

/** Where the key would be sent; undefined when that cannot be told. */
function addressOf(spec: AIProfile['spec']): URL | undefined {
  try {
    return new URL(acceptProfile(spec));
  } catch {
    return undefined;
  }
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
