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
  const forAuthor = bestOf(assigned);
  if (forAuthor) return usable(here, forAuthor, `assigned to ${author}`);
  const defaults = here.filter((profile) => profile.spec.default);
  const byDefault = bestOf(defaults);
  if (byDefault)
    return usable(here, byDefault, defaults.length === 1 ? 'the default' : `the newest of ${defaults.length} defaults`);

  const who = author === undefined ? '' : `is assigned to ${author} or `;
  const anonymous =
    author === undefined ? ' It names no author (spec.author), so none that is assigned to a user is looked for.' : '';
  return {
    ok: false,
    reason: 'NoProfile',
    message: `No AIProfile in namespace ${namespace} ${who}is the default. Create one with spec.default: true, or name one in spec.profileRef; the session starts by itself then.${anonymous}`,
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
  // What else calls found may have passed since then; a call will tell. A model without tools stays one.
  const ready = profile.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'False' && ready.reason === 'NoToolCalling')
    return { reason: ready.reason, message: `AIProfile ${name} cannot be used: ${ready.message}` };
  return undefined;
}

/** The most profiles that are tried one after the other. */
export const MAX_CHAIN = 8;

export type Fallbacks = {
  /** In the order in which they are tried. */
  names: readonly string[];
  /** How the way ends: well, at a profile that does not exist, where it has been before, or because it is too long. */
  end: { why: 'last' | 'long' } | { why: 'missing' | 'circle'; name: string };
};

/** Follows fallbackRef, whether the profiles on the way can be used or not. */
export function fallbacksOf(profiles: readonly AIProfile[], first: AIProfile): Fallbacks {
  const names: string[] = [];
  const seen = new Set([first.metadata.name]);
  for (let name = first.spec.fallbackRef?.name; name !== undefined; ) {
    if (seen.has(name)) return { names, end: { why: 'circle', name } };
    if (seen.size === MAX_CHAIN) return { names, end: { why: 'long' } };
    const next = profiles.find((profile) => profile.metadata.name === name && !profile.metadata.deletionTimestamp);
    if (!next) return { names, end: { why: 'missing', name } };
    seen.add(name);
    names.push(name);
    name = next.spec.fallbackRef?.name;
  }
  return { names, end: { why: 'last' } };
}

/** The profile and those of its fallbacks that can be used. */
function chainOf(profiles: readonly AIProfile[], first: AIProfile): string[] {
  const usableOnes = fallbacksOf(profiles, first).names.filter((name) =>
    profiles.some((profile) => profile.metadata.name === name && !obstacleOf(profile)),
  );
  return [first.metadata.name, ...usableOnes];
}

/** Of several that would do: one that can be used before one that cannot, then the newest, then by name. */
export function bestOf(profiles: readonly AIProfile[]): AIProfile | undefined {
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
