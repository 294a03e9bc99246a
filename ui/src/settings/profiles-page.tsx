/** Settings > AI Profiles: all of them, with how they are. */
import { Bot, Plus } from 'lucide-react';
import { useMay } from '../api/me.ts';
import { useTitle } from '../app/title.ts';
import { ButtonLink } from '../design/button.tsx';
import { EmptyState, ErrorState, Skeleton } from '../design/state.tsx';
import { ProfileRow } from './profile-row.tsx';
import styles from './profiles-page.module.css';
import { SettingsPage } from './settings-page.tsx';
import { useProfiles } from './use-profiles.ts';

export default function ProfilesPage() {
  useTitle('AI Profiles');
  const may = useMay();
  const { data: profiles, error, refetch } = useProfiles();
  const create = may.profiles.create ? (
    <ButtonLink to="/settings/profiles/new" variant="primary" icon={<Plus size={16} aria-hidden="true" />}>
      New profile
    </ButtonLink>
  ) : null;
  return (
    <SettingsPage
      title="AI Profiles"
      subtitle="The models that sessions work with, and the keys to reach them. A session uses the profile that it names, else the one assigned to its author, else the default."
      actions={profiles?.length === 0 ? null : create}
    >
      {profiles && profiles.length > 0 ? (
        <ul className={styles.list}>
          {profiles.map((profile) => (
            <ProfileRow key={profile.name} profile={profile} />
          ))}
        </ul>
      ) : profiles ? (
        <EmptyState title="No profile yet" icon={<Bot size={20} aria-hidden="true" />} actions={create ?? undefined}>
          {create
            ? 'Choose a provider and a model, and enter its key. Sessions that wait for a profile then start by themselves.'
            : 'Sessions wait until somebody who may do so creates one.'}
        </EmptyState>
      ) : error ? (
        <ErrorState title="The profiles cannot be shown" error={error} onRetry={() => void refetch()} />
      ) : (
        <LoadingProfiles />
      )}
    </SettingsPage>
  );
}

function LoadingProfiles() {
  return (
    <div className={styles.list} role="status">
      <span className="visually-hidden">Loading</span>
      {['first', 'second'].map((name) => (
        <div key={name} className={styles.loading}>
          <Skeleton width="11rem" height="1.1rem" />
          <Skeleton width="16rem" height="0.9rem" />
          <Skeleton width="min(40rem, 100%)" height="2rem" />
        </div>
      ))}
    </div>
  );
}
