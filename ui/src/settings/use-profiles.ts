/** All profiles, live: told by the server as they change, or asked for again and again where it does not tell. */
import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { StreamMessage } from '../api/event-stream.ts';
import { parseJson } from '../api/problem.ts';
import { profilesQuery } from '../api/profiles.ts';
import { fields, text } from '../api/read.ts';
import { useEventStream } from '../api/use-event-stream.ts';
import { inOrder, type Profile, readProfile } from './profile.ts';
import { allProfilesQuery } from './profile-requests.ts';

/** How often the server is asked where it does not tell, in milliseconds. */
const POLL = 3_000;
/** A list that has not come by then is kept back by something in between. */
const PATIENCE = 5_000;

export function useProfiles(): UseQueryResult<Profile[]> {
  const client = useQueryClient();
  const [told, setTold] = useState(true);
  /** What came since the list began anew, until it is whole. */
  const coming = useRef<Map<string, Profile> | null>(new Map());
  // One source at a time: an answer that was on its way could be older than what was told meanwhile.
  const query = useQuery({ ...allProfilesQuery, enabled: !told, refetchInterval: POLL });
  const onMessages = useCallback(
    (messages: StreamMessage[]) => {
      const known = client.getQueryData(allProfilesQuery.queryKey);
      const result = takeProfiles(messages, known, coming.current);
      coming.current = result.coming;
      if (result.profiles === known) return;
      client.setQueryData(allProfilesQuery.queryKey, result.profiles);
      client.invalidateQueries({ queryKey: profilesQuery.queryKey, exact: true }).catch(() => {});
    },
    [client],
  );
  useEventStream(told ? { url: '/agent/profiles?watch=true', onMessages, onRefused: () => setTold(false) } : null);
  useEffect(() => {
    if (!told) return;
    const timer = setTimeout(() => {
      if (coming.current) setTold(false);
    }, PATIENCE);
    return () => clearTimeout(timer);
  }, [told]);
  return query;
}

/** The list after the messages, and what has come of a list that is not whole yet. Pure. */
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
