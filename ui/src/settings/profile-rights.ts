/** What somebody may do to a profile that is there. */
import { useMay } from '../api/me.ts';
import type { Profile } from './profile.ts';

export type ProfileRights = { test: boolean; change: boolean; replaceKey: boolean; delete: boolean };

/** Nothing until it is known who looks. What is made from the environment can only be tried here. */
export function useRightsTo({ read_only: fixed }: Profile): ProfileRights {
  const { profiles, keys } = useMay();
  return {
    test: profiles.update,
    change: profiles.update && !fixed,
    replaceKey: keys.write && !fixed,
    delete: profiles.delete && !fixed,
  };
}
