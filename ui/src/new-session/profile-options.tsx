/** AI profiles to choose from. */
import { type ProfileChoice, shownName } from '../api/profiles.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import { profileOf } from './profile-of.ts';

type OptionsProps = { profiles: readonly ProfileChoice[]; author: string | null; chosen: string };

/** Options of a Select: none in particular, and each by its name. */
export function ProfileOptions({ profiles, author, chosen }: OptionsProps) {
  const usual = profileOf(profiles, '', author);
  return (
    <>
      <option value="">{usual ? `${shownName(usual)} (${usual.default ? 'default' : 'yours'})` : 'None is set'}</option>
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
        <option value={chosen}>{visibleLine(chosen)} (not there)</option>
      ) : null}
      {profiles.map((profile) => (
        <option key={profile.name} value={profile.name}>
          {shownName(profile)} · {visibleLine(profile.model)}
          {profile.ready === false ? ' (not ready)' : ''}
        </option>
      ))}
    </>
  );
}
