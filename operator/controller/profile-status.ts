/** What there is to say about an AIProfile: of itself, of its Secret, and of what calls of its model found. Pure. */
import { cut, MAX_CONDITION_MESSAGE, type NewCondition, replaceConditions } from '../api/conditions.ts';
import { type AIProfile, type Condition, CREDENTIAL_LABEL, HOSTS_ANNOTATION } from '../api/resources.ts';
import type { AIProfileStatus } from '../api/types.gen.ts';
import { mayReceive, notSent } from '../llm/credential-binding.ts';
import { pricingOf } from '../llm/prices.ts';
import { acceptProfile, contextWindowOf, ProfileError } from '../llm/profiles.ts';
import type { ModelFinding } from './model-findings.ts';
import { choiceConditions } from './profile-choice.ts';
import { isProbing, type Probe } from './profile-probe-schedule.ts';
import type { FinishedProbe } from './profile-probes.ts';
import { MODEL_REFUSALS, type Refusal, withoutTools } from './profile-verdict.ts';

/** What was found of the Secret that a profile names; never its content. */
export type SecretFinding =
  | { state: 'missing' }
  | { state: 'unlabelled' }
  /** It is there for something else, as the message says. */
  | { state: 'misused'; message: string }
  /** `hosts`: the only ones that the credential may be sent to, when the Secret names any. */
  | { state: 'found'; key: 'present' | 'missing' | 'empty'; hosts: readonly string[] | undefined };

/** Key within the Secret when the profile does not name one. */
export const DEFAULT_SECRET_KEY = 'apiKey';

export type ProfileKnowledge = {
  /** Undefined when the profile names no Secret. */
  secret?: SecretFinding | undefined;
  /** What a call would depend on, as of versionOf. */
  version: string;
  /** What the last call found; undefined when this process made none. */
  model?: ModelFinding | undefined;
  /** A probe that this process begins with the writing of this status, or one of its own that ended. */
  probe?: { begins: Probe } | { ended: FinishedProbe } | undefined;
  /** All profiles of the namespace, this one included. */
  profiles?: readonly AIProfile[];
};

/** @param now ms since 1970 */
export function projectProfileStatus(profile: AIProfile, knowledge: ProfileKnowledge, now: number): AIProfileStatus {
  const { secret, model, profiles = [] } = knowledge;
  const generation = profile.metadata.generation ?? 0;
  const before = profile.status?.conditions ?? [];
  const found = [accepted(profile), credentials(profile, secret)];
  const known = earlierOf(profile, knowledge.version);
  const tools = toolCallingOf(model, knowledge.probe, known);
  const conditions = [...found, ready(profile, found, knowledge, known), ...choiceConditions(profile, profiles)];
  const window = contextWindow(profile, knowledge.probe, known);
  const { probe, lastProbeTime } = probeFields(profile, knowledge.probe);
  return {
    observedGeneration: generation,
    conditions: replaceConditions(before, conditions, now, generation),
    ...(window !== undefined && { contextWindow: window }),
    ...(tools !== undefined && { toolCalling: tools }),
    ...(lastProbeTime !== undefined && { lastProbeTime }),
    ...(probe && { probe }),
  };
}

/** What was found out earlier about the profile and Secret as they are now. */
type Earlier = { status: AIProfileStatus; ready: Condition | undefined };

function earlierOf({ metadata, status }: AIProfile, version: string): Earlier | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const same = status?.probe ? status.probe.of === version : ready?.observedGeneration === metadata.generation;
  return status && same ? { status, ready } : undefined;
}

function probeFields({ status }: AIProfile, probe: ProfileKnowledge['probe']): Pick<AIProfileStatus, 'probe' | 'lastProbeTime'> {
  if (!probe) return status ?? {};
  const { lastProbeTime } = status ?? {};
  if ('begins' in probe) return { probe: probe.begins, ...(lastProbeTime !== undefined && { lastProbeTime }) };
  const { claim, endedAt, outcome } = probe.ended;
  const failures = !outcome.answered && outcome.refusal.passing ? (claim.failures ?? 0) + 1 : 0;
  // Never before its beginning, which another clock may have told.
  const time = Math.max(endedAt, Date.parse(claim.startTime));
  return { probe: { ...claim, failures }, lastProbeTime: new Date(time).toISOString() };
}

function toolCallingOf(
  model: ModelFinding | undefined,
  probe: ProfileKnowledge['probe'],
  known: Earlier | undefined,
): boolean | undefined {
  if (probe && 'ended' in probe) {
    const { outcome } = probe.ended;
    if (outcome.answered && outcome.toolCalling !== undefined) return outcome.toolCalling;
    // Servers that know it of a model refuse the call that would show it.
    if (!outcome.answered && outcome.refusal.reason === 'NoToolCalling') return false;
  }
  if (model?.current && model.result.answered && model.result.calledTool) return true;
  return known?.status.toolCalling;
}

function contextWindow({ spec }: AIProfile, probe: ProfileKnowledge['probe'], known: Earlier | undefined): number | undefined {
  if (probe && 'ended' in probe && probe.ended.outcome.answered) return contextWindowOf(spec, probe.ended.outcome.contextWindow);
  return known?.status.contextWindow ?? contextWindowOf(spec);
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
  const message = `Provider ${spec.provider} is available.${pricingOf(spec) ? '' : ` ${unpriced(spec.model)}`}`;
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

/** What there is to say of a model whose price nobody knows. */
function unpriced(model: string): string {
  return `What ${model} costs is not known: set spec.pricing, or costs are not counted and spec.limits.maxCostUSD of sessions does not limit them.`;
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
    const command = `kubectl label secret ${ref.name} -n ${metadata.namespace} ${CREDENTIAL_LABEL}=model`;
    return no('SecretNotLabelled', `${name} does not carry the label ${CREDENTIAL_LABEL}, so it is not read: ${command}`);
  }
  if (secret.state === 'misused') return no('SecretNotLabelled', secret.message);
  if (secret.key === 'missing') return no('SecretKeyNotFound', `${name} has no key ${key} (spec.credentialSecretRef.key).`);
  if (secret.key === 'empty') return no('SecretKeyEmpty', `The key ${key} of ${name} is empty.`);
  const url = addressOf(spec);
  if (url && !mayReceive(url, secret.hosts, spec.provider)) {
    const where = { name: ref.name, namespace: metadata.namespace };
    return no('CredentialNotForHost', notSent(where, url, secret.hosts, HOSTS_ANNOTATION));
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

/** Reasons of Ready that calls led to; what was said so is still known after a restart. */
const CALLED: readonly string[] = ['Answered', ...MODEL_REFUSALS];
/** A model that answered is not given up for one or two tries that failed for a reason that may pass. */
const PATIENCE = 2;

/**
 * Whether the model answers, as far as somebody called it. Of several operators the one that called last knows best, and
 * the others leave its word alone.
 */
function ready(
  { spec }: AIProfile,
  found: readonly NewCondition[],
  { model, probe }: ProfileKnowledge,
  known: Earlier | undefined,
): NewCondition {
  const type = 'Ready';
  const obstacle = found.find(({ status }) => status === 'False');
  if (obstacle) return { type, status: 'False', reason: obstacle.reason, message: obstacle.message };
  const { status = {}, ready: earlier } = known ?? {};
  const said = earlier && CALLED.includes(earlier.reason) ? earlier : undefined;
  if (probe && 'ended' in probe) {
    const { outcome, claim } = probe.ended;
    const passing = !outcome.answered && outcome.refusal.passing;
    if (passing && said?.status === 'True' && (claim.failures ?? 0) < PATIENCE) return again(said);
    return { type, ...afterProbe(spec, outcome) };
  }
  const next = model?.current ? afterCall(spec, model.result, status) : undefined;
  if (!said) return { type, ...(next ?? ((probe ?? (known && isProbing(known.status))) ? beingTried : notTried)) };
  if (!model) return again(said);
  // Conditions know no fractions of a second.
  const second = Math.floor(model.at / 1000) * 1000;
  const since = Math.max(Date.parse(said.lastTransitionTime), Date.parse(status.lastProbeTime ?? '') || 0);
  const latest = second > since || (second === since && (!model.current || next?.status === said.status));
  if (!latest) return again(said);
  // The same again needs no other words.
  return next?.reason === said.reason && next.status === 'True' ? again(said) : { type, ...(next ?? notTried) };
}

function again({ type, status, reason, message }: Condition): NewCondition {
  return { type, status, reason, message };
}

const notTried = { status: 'Unknown', reason: 'NotProbed', message: 'The model was not called yet.' } as const;
const beingTried = { status: 'Unknown', reason: 'Probing', message: 'The model is being tried.' } as const;

type Said = Omit<NewCondition, 'type'>;

function afterProbe(spec: AIProfile['spec'], outcome: FinishedProbe['outcome']): Said {
  if (!outcome.answered) return refused(outcome.refusal);
  if (outcome.toolCalling === false) return refused(withoutTools(spec.model));
  const tools = outcome.toolCalling ? 'The model answers and calls tools.' : 'The model answers.';
  const { contextWindow: told } = outcome;
  const less = told !== undefined && spec.contextWindow !== undefined && told < spec.contextWindow;
  const warning = ` Its server says that it takes ${told} tokens, less than the ${spec.contextWindow} of spec.contextWindow.`;
  return { status: 'True', reason: 'Answered', message: less ? tools + warning : tools };
}

/** A session's call that needed no tool does not tell whether the model calls any. */
function afterCall(spec: AIProfile['spec'], result: ModelFinding['result'], { toolCalling }: AIProfileStatus): Said {
  if (!result.answered) return refused(result.refusal);
  if (toolCalling === false && !result.calledTool) return refused(withoutTools(spec.model));
  return { status: 'True', reason: 'Answered', message: 'The model answers.' };
}

function refused({ reason, message }: Refusal): Said {
  return { status: 'False', reason, message: cut(message, MAX_CONDITION_MESSAGE) };
}
