import { useQuery } from '@tanstack/react-query';
import { getJson } from '../api/http.ts';
import { fields, list, text } from '../api/read.ts';

const NONE: readonly string[] = [];

/** Addresses of repositories that the last sessions worked on, the latest first. */
export function useKnownRepositories(): readonly string[] {
  const known = useQuery({
    queryKey: ['known-repositories'],
    queryFn: ({ signal }) =>
      getJson(
        '/agent/sessions?limit=100',
        (value) => [...new Set(list(fields(value).items, (item) => text(fields(item).repo_url, '')))].filter((url) => url !== ''),
        { signal },
      ),
    staleTime: 60_000,
  });
  return known.data ?? NONE;
}
