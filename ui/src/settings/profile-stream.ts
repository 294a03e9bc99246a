/** What the server tells of profiles as they change, taken into a list. Pure. */
import type { StreamMessage } from '../api/event-stream.ts';
import { parseJson } from '../api/problem.ts';
import { fields, text } from '../api/read.ts';
import { inOrder, type Profile, readProfile } from './profile.ts';

/** The list after the messages, and what has come of a list that is not whole yet. */
export function takeProfiles(
  messages: readonly Pick<StreamMessage, 'event' | 'data'>[],
  known: Profile[] | undefined,
  before: ReadonlyMap<string, Profile> | null,
): { profiles: Profile[] | undefined; coming: Map<string, Profile> | null } {
  let coming = before && new Map(before);
  let shown: Map<string, Profile> | undefined;
  const whole = () => {
    shown ??= new Map(known?.map((one) => [one.name, one]));
    return shown;
  };
  for (const { event, data } of messages) {
    if (event === 'list.reset') coming = new Map();
    else if (event === 'synced' && coming) {
      shown = coming;
      coming = null;
    } else if (event === 'profile') {
      const profile = readProfile(parseJson(data));
      (coming ?? whole()).set(profile.name, profile);
    } else if (event === 'profile.deleted') {
      const given = fields(parseJson(data));
      (coming ?? whole()).delete(text(given.name) ?? text(given.id, ''));
    }
  }
  return { profiles: shown ? inOrder([...shown.values()]) : known, coming };
}
