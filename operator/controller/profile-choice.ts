/** What a profile's neighbours make of it: whether its fallbacks lead anywhere, and whether it is the default in fact. Pure. */
import type { NewCondition } from '../api/conditions.ts';
import type { AIProfile } from '../api/resources.ts';
import { bestOf, fallbacksOf, MAX_CHAIN } from './profile-resolution.ts';

/** FallbackResolved of a profile that names one, DefaultProfile of one that wants to be it. Neither keeps it from being used. */
export function choiceConditions(profile: AIProfile, profiles: readonly AIProfile[]): NewCondition[] {
  return [fallback(profile, profiles), byDefault(profile, profiles)].filter((condition) => condition !== undefined);
}

function fallback(profile: AIProfile, profiles: readonly AIProfile[]): NewCondition | undefined {
  if (!profile.spec.fallbackRef) return undefined;
  const type = 'FallbackResolved';
  const { names, end } = fallbacksOf(profiles, profile);
  const way = [profile.metadata.name, ...names].join(' → ');
  switch (end.why) {
    case 'last':
      return { type, status: 'True', reason: 'Resolved', message: `${way}.` };
    case 'missing':
      return {
        type,
        status: 'False',
        reason: 'FallbackNotFound',
        message: `${way} → ${end.name}, which does not exist: create it, or mend spec.fallbackRef.`,
      };
    case 'circle':
      return {
        type,
        status: 'False',
        reason: 'FallbackCircle',
        message: `${way} → ${end.name} is a circle. Each is tried once; take spec.fallbackRef from one of them.`,
      };
    case 'long':
      return {
        type,
        status: 'False',
        reason: 'FallbackTooLong',
        message: `${way}: of a longer chain the first ${MAX_CHAIN} are tried.`,
      };
    default:
      return end satisfies never;
  }
}

function byDefault({ metadata, spec }: AIProfile, profiles: readonly AIProfile[]): NewCondition | undefined {
  if (!spec.default) return undefined;
  const type = 'DefaultProfile';
  const all = profiles.filter((one) => one.spec.default && !one.metadata.deletionTimestamp);
  const used = bestOf(all)?.metadata.name ?? metadata.name;
  const others = all.map((one) => one.metadata.name).filter((name) => name !== metadata.name);
  if (used !== metadata.name) {
    const message = `AIProfile ${used} is marked as the default as well, and is the one in use. Set spec.default to false here or there.`;
    return { type, status: 'False', reason: 'OtherDefault', message };
  }
  const message =
    others.length === 0
      ? 'Sessions that name no profile and whose author has none use it.'
      : `It is the default in use, although ${others.toSorted().slice(0, 5).join(', ')} ${others.length === 1 ? 'is' : 'are'} marked as well: of those that can be used, the newest is taken.`;
  return { type, status: 'True', reason: others.length === 0 ? 'Default' : 'SeveralDefaults', message };
}
