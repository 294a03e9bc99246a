import type { ProfileChoice } from '../api/profiles.ts';

/** The profile that a session would use: the one it names, else the author's, else the default. */
export function profileOf(profiles: readonly ProfileChoice[], name: string, author: string | null): ProfileChoice | undefined {
  if (name !== '') return profiles.find((one) => one.name === name);
  return profiles.find((one) => author !== null && one.users.includes(author)) ?? profiles.find((one) => one.default);
}
