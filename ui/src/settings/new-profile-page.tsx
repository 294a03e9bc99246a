/** Makes a profile; the first thing that anybody sees who starts the system without one. */
import { Sparkles } from 'lucide-react';
import { useCallback, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useMay, useMe } from '../api/me.ts';
import { useTitle } from '../app/title.ts';
import { EmptyState, ErrorState, Skeleton } from '../design/state.tsx';
import { Commands } from './commands.tsx';
import type { Profile } from './profile.ts';
import styles from './profile-columns.module.css';
import { createCommand } from './profile-commands.ts';
import { ProfileForm } from './profile-form.tsx';
import { createProfile } from './profile-requests.ts';
import { bodyOf, NEW_PROFILE, type ProfileValues, valuesOf } from './profile-values.ts';
import { FACTS } from './providers.ts';
import { SettingsPage } from './settings-page.tsx';
import { usePutProfile } from './use-profile-actions.tsx';
import { useProfiles } from './use-profiles.ts';

export default function NewProfilePage() {
  const { data: profiles, error, refetch } = useProfiles();
  const me = useMe();
  const may = useMay();
  const [address] = useSearchParams();
  const first = profiles?.length === 0;
  useTitle(first ? 'Welcome' : 'New AI profile');
  const from = profiles?.find(({ name }) => name === address.get('from'));
  return (
    <SettingsPage title={first ? 'Welcome to SWE Agent' : 'New AI profile'} below>
      {me.data && !may.profiles.create ? (
        <EmptyState title="You may not create profiles">Somebody who may do so has to create one for you.</EmptyState>
      ) : profiles === undefined || me.isPending ? (
        error ? (
          <ErrorState title="The profiles cannot be read" error={error} onRetry={() => void refetch()} />
        ) : (
          <Loading />
        )
      ) : (
        <>
          {first ? <Welcome /> : null}
          <NewProfile
            key={from?.name}
            profiles={profiles}
            initial={
              from ? { ...valuesOf(from), name: '', display_name: `${from.display_name} (copy)`, default: false } : undefined
            }
          />
        </>
      )}
    </SettingsPage>
  );
}

function Welcome() {
  return (
    <div className={styles.welcome}>
      <Sparkles size={20} aria-hidden="true" />
      <p>
        Sessions plan, program and review with an AI model of your choice; a profile says which one and holds the key for it. Set
        up the first one here, and sessions that already wait for a profile start by themselves.
      </p>
    </div>
  );
}

function NewProfile({ initial, profiles }: { initial: ProfileValues | undefined; profiles: readonly Profile[] }) {
  const navigate = useNavigate();
  const put = usePutProfile();
  // Without any other, the first profile is what everybody means by «the» profile.
  const [begun] = useState(initial ?? { ...NEW_PROFILE, default: profiles.length === 0 });
  const [shown, setShown] = useState({ values: begun, withKey: false });
  const save = async (values: ProfileValues, key: string | undefined) => {
    const profile = await createProfile({ ...bodyOf(values), ...(key !== undefined && { key }) });
    put(profile);
    await navigate(`/settings/profiles/${encodeURIComponent(profile.name)}`, { state: { made: true } });
  };
  const onChange = useCallback((values: ProfileValues, withKey: boolean) => setShown({ values, withKey }), []);
  const keyed = shown.withKey || FACTS[shown.values.provider].key === 'needed';
  return (
    <div className={styles.columns}>
      <ProfileForm
        initial={begun}
        profiles={profiles}
        submit="Create profile"
        {...(profiles.length > 0 && { cancel: '/settings/profiles' })}
        onChange={onChange}
        onSubmit={save}
      />
      <div className={styles.aside}>
        <Commands
          commandsFor={(door) => [createCommand(shown.values, keyed, door)]}
          {...(keyed && { note: 'Set API_KEY in your shell first; it stays out of these lines.' })}
        />
      </div>
    </div>
  );
}

function Loading() {
  return (
    <div role="status">
      <span className="visually-hidden">Loading</span>
      <Skeleton width="min(46rem, 100%)" height="34rem" />
    </div>
  );
}
