/** AI profiles to choose from. */
import type { ProfileChoice } from '../api/profiles.ts';

type OptionsProps = { profiles: readonly ProfileChoice[]; author: string | null; chosen: string };

/** Options of a Select: none in particular, and each by its name. */
export function ProfileOptions({ profiles, author, chosen }: OptionsProps) {
  const usual = profileOf(profiles, '', author);
  return (
    <>
      <option value="">{usual ? `${usual.display_name} (${usual.default ? 'default' : 'yours'})` : 'None is set'}</option>
      <NamedProfiles profiles={profiles} chosen={chosen} />
    </>
  );
}

/** Options of a Select: each profile by its name. */
export function NamedProfiles({ profiles, chosen }: Omit<OptionsProps, 'author'>) {
  return (
    <>
      {/* The profile of an earlier session may be gone. */}
      {chosen !== '' && !profiles.some((one) => one.name === chosen) ? (
        <option value={chosen}>{chosen} (not there)</option>
      ) : null}
      {profiles.map((profile) => (
        <option key={profile.name} value={profile.name}>
          {profile.display_name} · {profile.model}
          {profile.ready === false ? ' (not ready)' : ''}
        </option>
      ))}
    </>
  );
}

/** The profile that a session would use: the one it names, else the author's, else the default. */
export function profileOf(profiles: readonly ProfileChoice[], name: string, author: string | null): ProfileChoice | undefined {
  if (name !== '') return profiles.find((one) => one.name === name);
  return profiles.find((one) => author !== null && one.users.includes(author)) ?? profiles.find((one) => one.default);
}
