/** Which sessions a profile is needed by. Pure. */
import type { AgentSession, AIProfile, Condition } from '../../operator/api/resources.ts';
import { ROLES, resolveProfile } from '../../operator/controller/profile-resolution.ts';

/** Ids of the sessions by the names of the profiles that they use, in the order of the sessions. */
export function sessionsByProfile(
  sessions: readonly AgentSession[],
  profiles: readonly AIProfile[],
): ReadonlyMap<string, readonly string[]> {
  const whole = profiles.map(asUsable);
  const used = new Map<string, string[]>();
  for (const session of sessions) {
    const names = new Set(ROLES.map((role) => nameFor(session, role, profiles, whole)));
    for (const name of names) if (name !== undefined) used.set(name, [...(used.get(name) ?? []), session.metadata.name]);
  }
  return used;
}

/** A session that waits for its profile to be mended needs it as well. */
function nameFor(
  session: AgentSession,
  role: (typeof ROLES)[number],
  profiles: readonly AIProfile[],
  whole: readonly AIProfile[],
): string | undefined {
  const named = session.spec.roleProfiles?.[role] ?? session.spec.profileRef?.name;
  if (named !== undefined) return named;
  const found = resolveProfile(session, profiles, role);
  const resolved = found.ok ? found : resolveProfile(session, whole, role);
  return resolved.ok ? resolved.profile.metadata.name : undefined;
}

function asUsable(profile: AIProfile): AIProfile {
  const conditions = ['Accepted', 'CredentialsResolved', 'Ready'].map(
    (type): Condition => ({ type, status: 'True', lastTransitionTime: '1970-01-01T00:00:00Z', reason: 'Assumed', message: '' }),
  );
  return { ...profile, status: { ...profile.status, conditions } };
}
