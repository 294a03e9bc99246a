/** One profile: how it is, what it is, and everything that can be done with it. */
import { Ellipsis, FlaskConical, KeyRound } from 'lucide-react';
import { useCallback, useMemo, useState } from 'react';
import { useLocation, useNavigate, useParams } from 'react-router';
import { useMay, useMe } from '../api/me.ts';
import { shownName } from '../api/profiles.ts';
import { useTitle } from '../app/title.ts';
import { Button, ButtonLink, IconButton } from '../design/button.tsx';
import { Menu } from '../design/menu.tsx';
import { EmptyState, ErrorState, Skeleton } from '../design/state.tsx';
import { notify } from '../design/toast.tsx';
import { visibleLine } from '../timeline/visible-text.ts';
import { Commands } from './commands.tsx';
import { healthOf } from './health.ts';
import { HealthBadge } from './health-badge.tsx';
import { HealthNotes, settingsOf } from './health-notes.tsx';
import type { Profile } from './profile.ts';
import styles from './profile-columns.module.css';
import { profileCommands } from './profile-commands.ts';
import { KeyFacts, ProfileFacts, providerNeedsKey } from './profile-facts.tsx';
import { ProfileForm } from './profile-form.tsx';
import { changeProfile } from './profile-requests.ts';
import { useRightsTo } from './profile-rights.ts';
import { ProfileMarks } from './profile-row.tsx';
import { changeOf, keyHost, leavesItsHost, type ProfileValues, valuesOf } from './profile-values.ts';
import { providerId, providerLabel } from './providers.ts';
import { SettingsPage } from './settings-page.tsx';
import { useTrying } from './trying.ts';
import { useProfileActions, usePutProfile } from './use-profile-actions.tsx';
import { useProfiles } from './use-profiles.ts';

export default function ProfilePage() {
  const { name } = useParams();
  const { data: profiles, error, refetch } = useProfiles();
  const profile = profiles?.find((one) => one.name === name);
  useTitle(profile ? shownName(profile) : 'AI profile');
  if (profile && profiles) return <OneProfile key={profile.name} profile={profile} profiles={profiles} />;
  return (
    <SettingsPage title="AI profile" below>
      {profiles ? (
        <EmptyState
          title="There is no such profile"
          actions={<ButtonLink to="/settings/profiles">All profiles</ButtonLink>}
        >{`${name ?? ''} does not exist, or not any more.`}</EmptyState>
      ) : error ? (
        <ErrorState title="The profile cannot be shown" error={error} onRetry={() => void refetch()} />
      ) : (
        <div role="status">
          <span className="visually-hidden">Loading</span>
          <Skeleton width="min(46rem, 100%)" height="34rem" />
        </div>
      )}
    </SettingsPage>
  );
}

function OneProfile({ profile, profiles }: { profile: Profile; profiles: readonly Profile[] }) {
  const rights = useRightsTo(profile);
  const author = useMe().data?.author ?? null;
  const navigate = useNavigate();
  const trying = useTrying(profile);
  const health = healthOf(profile, trying);
  const { test, replaceKey, items, dialogs } = useProfileActions(profile, {
    list: false,
    onDeleted: () => void navigate('/settings/profiles', { replace: true }),
  });
  const [change, setChange] = useState<ProfileChange>();
  const editable = rights.change && providerId(profile.provider) !== undefined;
  return (
    <SettingsPage
      below
      title={shownName(profile)}
      marks={<ProfileMarks profile={profile} />}
      subtitle={
        <>
          {providerLabel(profile.provider)} · <span className="mono">{visibleLine(profile.model)}</span>
        </>
      }
      actions={
        items.length > 0 ? (
          <Menu
            trigger={
              <IconButton label="More actions" variant="secondary">
                <Ellipsis size={16} aria-hidden="true" />
              </IconButton>
            }
          >
            {items}
          </Menu>
        ) : null
      }
    >
      <div className={styles.columns}>
        <div className={styles.main}>
          {editable ? (
            <Edit profile={profile} profiles={profiles} onReplaceKey={replaceKey} onChange={setChange} />
          ) : (
            <ReadOnly profile={profile} />
          )}
          <Commands
            folded
            commandsFor={(door) => profileCommands(subjectOf(profile, change), author, door, rights)}
            {...(editable && {
              note: 'Edit it has the changes that you make in the form. A key is taken from API_KEY in your shell.',
            })}
          />
        </div>
        <div className={`${styles.aside} ${styles.first}`}>
          <section className={styles.panel} aria-labelledby="health">
            <div className={styles.panelHead}>
              <h2 id="health">Health</h2>
              <span role="status">
                <HealthBadge health={health} />
              </span>
            </div>
            <HealthNotes profile={profile} health={health} onReplaceKey={replaceKey} onTest={test} />
            <ProfileFacts profile={profile} />
            {rights.test ? (
              <div>
                <Button icon={<FlaskConical size={15} aria-hidden="true" />} busy={health.mark === 'trying'} onClick={test}>
                  Test now
                </Button>
              </div>
            ) : null}
            <Next profile={profile} trying={health.mark === 'trying'} />
          </section>
        </div>
      </div>
      {dialogs}
    </SettingsPage>
  );
}

/** What comes after a profile was made. */
function Next({ profile, trying }: { profile: Profile; trying: boolean }) {
  const { state } = useLocation();
  const may = useMay();
  const made = typeof state === 'object' && state !== null && 'made' in state;
  if (!made || profile.ready === false) return null;
  return (
    <div className={styles.next}>
      <p>
        {trying || profile.ready === null
          ? 'It is being tried. Sessions that wait for a profile start by themselves once it is ready.'
          : 'It is ready. Sessions that waited for it start by themselves.'}
      </p>
      {may.sessions.create ? (
        <ButtonLink to="/sessions/new" variant={profile.ready ? 'primary' : 'secondary'}>
          Start a session
        </ButtonLink>
      ) : null}
    </div>
  );
}

/** What people enter of a profile; what only the server finds out is no part of it. */
function entered(profile: Profile): string {
  return JSON.stringify(valuesOf(profile));
}

/** What the form has that the profile has not. */
type ProfileChange = { fields: Record<string, unknown>; movesTo: string | null };

/** Without a change, what one looks like. */
function subjectOf(profile: Profile, { fields, movesTo }: ProfileChange = { fields: {}, movesTo: null }) {
  const { name, model, key } = profile;
  const change = Object.keys(fields).length > 0 ? fields : { model };
  return { name, secret: key.secret, host: keyHost(valuesOf(profile)), change, movesTo };
}

type EditProps = {
  profile: Profile;
  profiles: readonly Profile[];
  onReplaceKey: () => void;
  onChange: (change: ProfileChange) => void;
};

function Edit({ profile, profiles, onReplaceKey, onChange: onEdit }: EditProps) {
  const put = usePutProfile();
  const rights = useRightsTo(profile);
  /** What the form began with: a change is told apart by it, whatever somebody else changed meanwhile. */
  const [base, setBase] = useState(profile);
  const [dirty, setDirty] = useState(false);
  const initial = useMemo(() => valuesOf(base), [base]);
  const moved = entered(profile) !== entered(base);
  // What was just saved is told here before the list of all profiles has it: only what is new in the list is taken over.
  const [seen, setSeen] = useState(profile);
  if (profile !== seen) {
    setSeen(profile);
    if (moved && !dirty) setBase(profile);
  }
  const onChange = useCallback(
    (values: ProfileValues, withKey: boolean) => {
      setDirty(withKey || JSON.stringify(values) !== JSON.stringify(initial));
      onEdit({ fields: changeOf(initial, values), movesTo: leavesItsHost(base, values) ? keyHost(values) : null });
    },
    [initial, base, onEdit],
  );
  const save = async (values: ProfileValues, key: string | undefined) => {
    const saved = await changeProfile(profile.name, { ...changeOf(initial, values), ...(key !== undefined && { key }) });
    put(saved);
    setBase(saved);
    setDirty(false);
    notify(`${shownName(saved)} is saved.`);
  };
  return (
    <ProfileForm
      key={entered(base)}
      initial={initial}
      profile={profile}
      {...(moved && dirty && { note: 'It was changed elsewhere meanwhile. Only what you change here is saved.' })}
      onChange={onChange}
      profiles={profiles}
      submit="Save changes"
      onSubmit={save}
      stored={
        <div className={styles.stored}>
          <p className={styles.label}>API Key</p>
          <div>
            <span>
              <KeyFacts profileKey={profile.key} needed={providerNeedsKey(profile.provider)} />
            </span>
            {rights.replaceKey ? (
              <Button size="small" icon={<KeyRound size={14} aria-hidden="true" />} onClick={onReplaceKey}>
                Replace key
              </Button>
            ) : null}
          </div>
        </div>
      }
    />
  );
}

function ReadOnly({ profile }: { profile: Profile }) {
  const rows: [string, string | null][] = [
    ['Name', shownName(profile)],
    ['Provider', providerLabel(profile.provider)],
    ['Model', profile.model],
    ['Base URL', profile.base_url],
    ['Deployment', profile.deployment],
    ['API version', profile.api_version],
    ['Fallback profile', profile.fallback],
  ];
  return (
    <section className={styles.panel}>
      <p>
        {profile.read_only
          ? `Made from ${settingsOf(profile.provider)} in the server’s environment. Change it there and start the server again; it goes when they go.`
          : 'You may look at this profile, but not change it.'}
      </p>
      <dl className={styles.fields}>
        {rows.map(([label, value]) =>
          value === null ? null : (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{visibleLine(value)}</dd>
            </div>
          ),
        )}
      </dl>
    </section>
  );
}
