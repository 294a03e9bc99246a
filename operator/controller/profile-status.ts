/** What there is to say about an AIProfile: of itself, of its Secret, and of what sessions found when they called its model. Pure. */
import { cut, MAX_CONDITION_MESSAGE, type NewCondition, replaceConditions } from '../api/conditions.ts';
import { type AIProfile, type Condition, CREDENTIAL_LABEL, HOSTS_ANNOTATION } from '../api/resources.ts';
import type { AIProfileStatus } from '../api/types.gen.ts';
import { acceptProfile, ProfileError } from '../llm/profiles.ts';
import type { ModelFinding } from './model-findings.ts';

/** What was found of the Secret that a profile names; never its content. */
export type SecretFinding =
  | { state: 'missing' }
  | { state: 'unlabelled' }
  /** `hosts`: the only ones that the credential may be sent to, when the Secret names any. */
  | { state: 'found'; key: 'present' | 'missing' | 'empty'; hosts: readonly string[] | undefined };

/** Key within the Secret when the profile does not name one. */
export const DEFAULT_SECRET_KEY = 'apiKey';

export type ProfileKnowledge = {
  /** Undefined when the profile names no Secret. */
  secret?: SecretFinding | undefined;
  /** What the last call found; undefined when this process made none. */
  model?: ModelFinding | undefined;
};

/** @param now ms since 1970 */
export function projectProfileStatus(profile: AIProfile, { secret, model }: ProfileKnowledge, now: number): AIProfileStatus {
  const generation = profile.metadata.generation ?? 0;
  const before = profile.status?.conditions ?? [];
  const found = [accepted(profile), credentials(profile, secret)];
  const earlier = before.find(({ type, observedGeneration }) => type === 'Ready' && observedGeneration === generation);
  const conditions = replaceConditions(before, [...found, ready(found, model, earlier)], now, generation);
  const { contextWindow } = profile.spec;
  const toolCalling = calledTool(model) || (earlier && profile.status?.toolCalling);
  return {
    observedGeneration: generation,
    conditions,
    ...(contextWindow !== undefined && { contextWindow }),
    ...(toolCalling && { toolCalling }),
  };
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

/** Reasons of a Ready that is False because the provider refused a call. */
export const REFUSED: readonly string[] = ['ProviderAccess', 'ProviderQuota'];
/** Reasons of Ready that calls led to; what was said so is still known after a restart. */
const CALLED = ['Answered', ...REFUSED];

/**
 * Whether the model answers, as far as somebody called it. Of several operators the one that called last knows best, and
 * the others leave its word alone.
 */
function ready(found: readonly NewCondition[], model: ModelFinding | undefined, earlier: Condition | undefined): NewCondition {
  const type = 'Ready';
  const obstacle = found.find(({ status }) => status === 'False');
  if (obstacle) return { type, status: 'False', reason: obstacle.reason, message: obstacle.message };
  const next = model?.current ? afterCall(model.result) : notCalled;
  if (!earlier || !CALLED.includes(earlier.reason)) return { type, ...next };
  const known = { type, status: earlier.status, reason: earlier.reason, message: earlier.message };
  if (!model) return known;
  // Conditions know no fractions of a second.
  const second = Math.floor(model.at / 1000) * 1000;
  const since = Date.parse(earlier.lastTransitionTime);
  const newer = second > since || (second === since && (!model.current || next.status === earlier.status));
  return newer ? { type, ...next } : known;
}

const notCalled = {
  status: 'Unknown',
  reason: 'NotProbed',
  message: 'The model was not called yet; the first session will.',
} as const;

function afterCall(result: ModelFinding['result']): Omit<NewCondition, 'type'> {
  if (result.answered) return { status: 'True', reason: 'Answered', message: 'The model answers.' };
  const reason = result.because === 'access' ? 'ProviderAccess' : 'ProviderQuota';
  return { status: 'False', reason, message: cut(result.message, MAX_CONDITION_MESSAGE) };
}

function calledTool(model: ModelFinding | undefined): boolean {
  return model?.current === true && model.result.answered && model.result.calledTool;
}
