/** What the page asks of the server about profiles. */
import { queryOptions } from '@tanstack/react-query';
import { getJson, send } from '../api/http.ts';
import { type Profile, readProfile, readProfiles } from './profile.ts';

/** Below `['profiles']`, so that everything that shows profiles is told of a change at once. */
export const allProfilesQuery = queryOptions({
  queryKey: ['profiles', 'all'],
  queryFn: ({ signal }) => getJson('/agent/profiles', readProfiles, { signal }),
  staleTime: 10_000,
});

/** @throws Problem with `errors` when the server does not want it so */
export function createProfile(body: object): Promise<Profile> {
  return getJson('/agent/profiles', readProfile, { method: 'POST', body });
}

/** @param body what changes; null takes something away */
export function changeProfile(name: string, body: object): Promise<Profile> {
  return getJson(addressOf(name), readProfile, { method: 'PATCH', body });
}

export async function deleteProfile(name: string): Promise<void> {
  await send(addressOf(name), { method: 'DELETE' });
}

export async function replaceKey(name: string, key: string): Promise<void> {
  await send(`${addressOf(name)}/key`, { method: 'PUT', body: { key } });
}

/** Asks for a try of the model; what it finds out comes with the profile. */
export async function testProfile(name: string): Promise<void> {
  await send(`${addressOf(name)}/test`, { method: 'POST' });
}

function addressOf(name: string): string {
  return `/agent/profiles/${encodeURIComponent(name)}`;
}
