/** All profiles, live: told by the server as they change, or asked for again and again where it does not tell. */
import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { StreamMessage } from '../api/event-stream.ts';
import { profilesQuery } from '../api/profiles.ts';
import { useEventStream } from '../api/use-event-stream.ts';
import type { Profile } from './profile.ts';
import { allProfilesQuery } from './profile-requests.ts';
import { takeProfiles } from './profile-stream.ts';

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
