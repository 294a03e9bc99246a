/** A profile as REST shows it. */
import type { AgentSession, AIProfile, Secret } from '../../operator/api/resources.ts';
import { ENVIRONMENT_LABEL } from '../../operator/llm/environment.ts';
import { partOf, profileSchema } from '../schema/crd.ts';
import { toRest } from '../schema/rest-names.ts';
import { keyView } from './profile-key.ts';
import { sessionsByProfile } from './profile-use.ts';

/** What belongs to a profile besides itself. */
export type Around = { secret: Secret | 'hidden' | undefined; sessions: readonly string[] };

export function profileView(profile: AIProfile, { secret, sessions }: Around) {
  const { metadata, spec, status } = profile;
  const schema = profileSchema();
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    display_name: spec.displayName ?? metadata.name,
    provider: spec.provider,
    model: spec.model,
    base_url: spec.baseUrl ?? null,
    api_version: spec.apiVersion ?? null,
    deployment: spec.deployment ?? null,
    default: spec.default ?? false,
    users: spec.users ?? [],
    fallback: spec.fallbackRef?.name ?? null,
    parameters: toRest(spec.parameters ?? {}, partOf(schema.spec, 'parameters')),
    pricing: spec.pricing ? toRest(spec.pricing, partOf(schema.spec, 'pricing')) : null,
    context_window: spec.contextWindow ?? null,
    key: keyView(profile, secret),
    ready: ready === undefined || ready.status === 'Unknown' ? null : ready.status === 'True',
    reason: ready?.reason ?? null,
    message: ready?.message ?? null,
    conditions: toRest(status?.conditions ?? [], partOf(schema.status, 'conditions')),
    tool_calling: status?.toolCalling === undefined ? null : status.toolCalling ? 'yes' : 'no',
    found_context_window: status?.contextWindow ?? null,
    probed_at: status?.lastProbeTime ?? null,
    read_only: isReadOnly(profile),
    sessions,
    created_at: metadata.creationTimestamp ?? null,
  };
}

/** All of these, each with what belongs to it. @param secrets by name, `hidden` when they may not be read */
export function profileViews(
  profiles: readonly AIProfile[],
  secrets: ReadonlyMap<string, Secret> | 'hidden',
  sessions: readonly AgentSession[],
) {
  const used = sessionsByProfile(sessions, profiles);
  return profiles.map((profile) => {
    const { name } = profile.metadata;
    const secret = secrets === 'hidden' ? secrets : secrets.get(profile.spec.credentialSecretRef?.name ?? '');
    return profileView(profile, { secret, sessions: used.get(name) ?? [] });
  });
}

/** Made from the environment, and made again with every start. */
export function isReadOnly({ metadata }: AIProfile): boolean {
  return metadata.labels?.[ENVIRONMENT_LABEL] !== undefined;
}
