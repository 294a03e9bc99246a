/** Which models of a session nobody knows the price of: their calls do not count, so that a budget does not hold them. Pure. */
import { pricingOf } from '../../../operator/llm/prices.ts';
import type { ProfileChoice } from '../api/profiles.ts';
import type { Draft } from './draft.ts';
import { profileOf } from './profile-of.ts';

export type Unpriced = {
  /** Each once. */
  profiles: ProfileChoice[];
  /** Whether the session has no other model, so that a budget limits nothing. */
  whole: boolean;
};

/** @param author whose profile it is when the session names none */
export function unpricedOf(
  profiles: readonly ProfileChoice[],
  draft: Pick<Draft, 'profile' | 'planner' | 'programmer' | 'reviewer'>,
  author: string | null,
): Unpriced {
  const used = [draft.planner, draft.programmer, draft.reviewer].map((role) =>
    profileOf(profiles, role === '' ? draft.profile : role, author),
  );
  const known = used.filter((profile) => profile !== undefined);
  const unpriced = new Set(known.filter((profile) => pricingOf(profile) === undefined));
  return { profiles: [...unpriced], whole: known.length > 0 && known.every((profile) => unpriced.has(profile)) };
}
