/** How answers of the server are kept and asked for again. */
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { meQuery } from './me.ts';
import { isTransient, Problem } from './problem.ts';

const RETRIES = 2;

export function newQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: (error, query) => noteLogin(client, error, query.queryKey[0] === 'me') }),
    mutationCache: new MutationCache({ onError: (error) => noteLogin(client, error, false) }),
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < RETRIES && isTransient(error),
        retryDelay: (failures) => 400 * 2 ** failures,
        // The browser's idea of being online is about its network, not about the server, which may be on this machine.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });
  return client;
}

/** A login that ended is noticed by whichever request meets it first; the layout then shows the login page. */
function noteLogin(client: QueryClient, error: Error, isMe: boolean): void {
  if (isMe || !(error instanceof Problem) || error.status !== 401) return;
  client.invalidateQueries({ queryKey: meQuery.queryKey }).catch(() => {});
}
