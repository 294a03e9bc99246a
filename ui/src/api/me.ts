/** Who is looking, and what they may do. */
import { queryOptions, useQuery } from '@tanstack/react-query';
import { getJson, send } from './http.ts';
import { type Fields, fields, flag, maybe, oneOf, text, texts } from './read.ts';

export type Me = {
  author: string | null;
  auth: 'none' | 'token' | 'kubernetes';
  namespace: string | null;
  may: {
    sessions: { create: boolean; update: boolean; delete: boolean; read_log: boolean };
    profiles: { create: boolean; update: boolean; delete: boolean };
    keys: { write: boolean };
  };
  version: string | null;
  sandbox_types: string[];
  /** What to put before kubectl so that it reaches this server, null where the user's own kubeconfig does. */
  kubeconfig_hint: string | null;
  /** Whether repositories on the server's own disk can be named by their path. */
  local_repositories: boolean;
};

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => getJson('/agent/me', readMe, { signal }),
  staleTime: 5 * 60_000,
});

export function useMe() {
  return useQuery(meQuery);
}

/** Whether something may be offered; nothing is until it is known. */
export function useMay(): Me['may'] {
  return useMe().data?.may ?? mayOf({});
}

/** Proves who is looking, for as long as the cookie lasts. @throws Problem 401 for a wrong token */
export async function logIn(token: string, signal: AbortSignal): Promise<void> {
  await send('/login', { method: 'POST', body: { token }, signal });
}

export async function logOut(): Promise<void> {
  await send('/logout', { method: 'POST' });
}

export function readMe(value: unknown): Me {
  const given = fields(value);
  return {
    author: text(given.author),
    auth: oneOf(given.auth, ['none', 'token', 'kubernetes'], 'none'),
    namespace: text(given.namespace),
    may: maybe(given.may, mayOf) ?? mayOf({}),
    version: text(given.version),
    sandbox_types: texts(given.sandbox_types),
    kubeconfig_hint: text(given.kubeconfig_hint),
    local_repositories: flag(given.local_repositories),
  };
}

function mayOf(given: Fields): Me['may'] {
  const [sessions, profiles, keys] = [fields(given.sessions), fields(given.profiles), fields(given.keys)];
  return {
    sessions: {
      create: flag(sessions.create),
      update: flag(sessions.update),
      delete: flag(sessions.delete),
      read_log: flag(sessions.read_log),
    },
    profiles: { create: flag(profiles.create), update: flag(profiles.update), delete: flag(profiles.delete) },
    keys: { write: flag(keys.write) },
  };
}
