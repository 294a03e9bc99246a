/**
 * Which AIProfile a session uses: the one it names, else the one assigned to its author, else the namespace's default.
 * Pure: over the profiles as they are, with what the profile reconciler found out about them in their status.
 */
import type { AgentSession, AIProfile } from '../api/resources.ts';
import type { ConversationRole } from '../engine/event-parts.ts';

export type Resolution =
  | {
      ok: true;
      profile: AIProfile;
      /** Names of the profile and of the fallbacks that can be used, in the order in which they are tried. */
      chain: readonly string[];
      /** Why this one, in words that follow its name. */
      decidedBy: string;
    }
  | {
      ok: false;
      /** A condition reason. */
      reason: string;
      /** What is missing and what to do, for people. */
      message: string;
    };

export const ROLES = ['planner', 'programmer', 'reviewer'] as const satisfies readonly ConversationRole[];

/** The profile for one role of a session. `profiles` may hold those of other namespaces, which are not looked at. */
export function resolveProfile(session: AgentSession, profiles: readonly AIProfile[], role: ConversationRole): Resolution {
  const namespace = session.metadata.namespace ?? 'default';
  const here = profiles.filter((profile) => profile.metadata.namespace === namespace && !profile.metadata.deletionTimestamp);
  const { roleProfiles, profileRef, author } = session.spec;

  const named = roleProfiles?.[role];
  if (named !== undefined) return byName(here, named, `spec.roleProfiles.${role}`, namespace);
  if (profileRef) return byName(here, profileRef.name, 'spec.profileRef', namespace);

  const assigned = author === undefined ? [] : here.filter((profile) => profile.spec.users?.includes(author));
  const forAuthor = best(assigned);
  if (forAuthor) return usable(here, forAuthor, `assigned to ${author}`);
  const byDefault = best(here.filter((profile) => profile.spec.default));
  if (byDefault) return usable(here, byDefault, 'the default');

  const who = author === undefined ? '' : `is assigned to ${author} or `;
  return {
    ok: false,
    reason: 'NoProfile',
    message: `No AIProfile in namespace ${namespace} ${who}is the default. Create one with spec.default: true, or name one in spec.profileRef; the session starts by itself then.`,
  };
}

function byName(profiles: readonly AIProfile[], name: string, field: string, namespace: string): Resolution {
  const profile = profiles.find((one) => one.metadata.name === name);
  if (profile) return usable(profiles, profile, `named in ${field}`);
  return {
    ok: false,
    reason: 'ProfileNotFound',
    message: `AIProfile ${name} (${field}) does not exist in namespace ${namespace}. Create it; the session starts by itself then.`,
  };
}

function usable(profiles: readonly AIProfile[], profile: AIProfile, decidedBy: string): Resolution {
  const obstacle = obstacleOf(profile);
  if (obstacle) return { ok: false, ...obstacle };
  return { ok: true, profile, chain: chainOf(profiles, profile), decidedBy };
}

/** Why a profile cannot be used now, from the conditions that the profile reconciler wrote. */
function obstacleOf(profile: AIProfile): { reason: string; message: string } | undefined {
  const { name } = profile.metadata;
  for (const type of ['Accepted', 'CredentialsResolved']) {
    const condition = profile.status?.conditions?.find((one) => one.type === type);
    if (condition?.status === 'True') continue;
    if (condition?.status === 'False') {
      return { reason: condition.reason, message: `AIProfile ${name} cannot be used: ${condition.message}` };
    }
    return { reason: 'ProfileNotChecked', message: `AIProfile ${name} was not checked yet.` };
  }
  return undefined;
}

/** Follows fallbackRef; a fallback that cannot be used is passed over, a circle ends the way. */
function chainOf(profiles: readonly AIProfile[], first: AIProfile): string[] {
  const chain = [first.metadata.name];
  const seen = new Set(chain);
  for (let name = first.spec.fallbackRef?.name; name !== undefined && !seen.has(name); ) {
    seen.add(name);
    const next = profiles.find((profile) => profile.metadata.name === name);
    if (next && !obstacleOf(next)) chain.push(next.metadata.name);
    name = next?.spec.fallbackRef?.name;
  }
  return chain;
}

/** Of several that would do: one that can be used before one that cannot, then the newest, then by name. */
function best(profiles: readonly AIProfile[]): AIProfile | undefined {
  const rank = (profile: AIProfile) => (obstacleOf(profile) ? 1 : 0);
  const age = (profile: AIProfile) => Date.parse(profile.metadata.creationTimestamp ?? '') || 0;
  return profiles.toSorted((a, b) => rank(a) - rank(b) || age(b) - age(a) || (a.metadata.name < b.metadata.name ? -1 : 1))[0];
}

/** The profiles of all roles of a session, as far as a decision about it needs them. */
export type SessionProfiles = {
  ok: boolean;
  /** A condition reason. */
  reason: string;
  message: string;
  /** Changes whenever a session that waits for a model should look again. */
  fingerprint: string;
};

/** Resolves every role; what is missing for one is missing for the session. */
export function resolveSession(session: AgentSession, profiles: readonly AIProfile[]): SessionProfiles {
  const roles = ROLES.map((role) => ({ role, resolution: resolveProfile(session, profiles, role) }));
  for (const { resolution } of roles) {
    if (!resolution.ok) {
      return {
        ok: false,
        reason: resolution.reason,
        message: resolution.message,
        fingerprint: `${resolution.reason} ${resolution.message}`,
      };
    }
  }
  const lines = new Map<string, string[]>();
  const prints: string[] = [];
  for (const { role, resolution } of roles) {
    if (!resolution.ok) continue;
    const { profile, chain, decidedBy } = resolution;
    const line = `AIProfile ${profile.metadata.name} (${profile.spec.provider}, ${profile.spec.model}), ${decidedBy}`;
    lines.set(line, [...(lines.get(line) ?? []), role]);
    prints.push(`${role}:${chain.join('>')}@${profile.metadata.generation ?? 0}`);
  }
  const message =
    lines.size === 1
      ? `${[...lines.keys()][0]}.`
      : `${[...lines].map(([line, who]) => `${who.join(' and ')}: ${line}`).join('; ')}.`;
  return { ok: true, reason: 'Resolved', message, fingerprint: prints.join(' ') };
}
