/** A profile in the list. */
import { Ellipsis, FlaskConical, Lock, Star } from 'lucide-react';
import { Link } from 'react-router';
import { shownName } from '../api/profiles.ts';
import { Badge } from '../design/badge.tsx';
import { Button, IconButton } from '../design/button.tsx';
import { Menu } from '../design/menu.tsx';
import { visibleLine } from '../timeline/visible-text.ts';
import { healthOf } from './health.ts';
import { HealthBadge } from './health-badge.tsx';
import { HealthNotes } from './health-notes.tsx';
import type { Profile } from './profile.ts';
import { ProfileFacts } from './profile-facts.tsx';
import { useRightsTo } from './profile-rights.ts';
import styles from './profile-row.module.css';
import { providerLabel } from './providers.ts';
import { useTrying } from './trying.ts';
import { useProfileActions } from './use-profile-actions.tsx';

export function ProfileRow({ profile }: { profile: Profile }) {
  const rights = useRightsTo(profile);
  const trying = useTrying(profile);
  const health = healthOf(profile, trying);
  const { test, replaceKey, items, dialogs } = useProfileActions(profile, { list: true });
  return (
    <li className={styles.row}>
      <div className={styles.head}>
        <div className={styles.names}>
          <div className={styles.title}>
            <h2>
              <Link to={`/settings/profiles/${encodeURIComponent(profile.name)}`}>{shownName(profile)}</Link>
            </h2>
            <ProfileMarks profile={profile} />
          </div>
          <p className={styles.model}>
            {providerLabel(profile.provider)} · <span className="mono">{visibleLine(profile.model)}</span>
          </p>
        </div>
        <div className={styles.side}>
          <span role="status">
            <HealthBadge health={health} />
          </span>
          {rights.test ? (
            <Button
              size="small"
              icon={<FlaskConical size={14} aria-hidden="true" />}
              busy={health.mark === 'trying'}
              onClick={test}
            >
              Test now
              <span className="visually-hidden">: {shownName(profile)}</span>
            </Button>
          ) : null}
          {items.length > 0 ? (
            <Menu
              trigger={
                <IconButton label={`Actions for ${shownName(profile)}`} size="small">
                  <Ellipsis size={16} aria-hidden="true" />
                </IconButton>
              }
            >
              {items}
            </Menu>
          ) : null}
        </div>
      </div>
      <HealthNotes profile={profile} health={health} onReplaceKey={replaceKey} onTest={test} editLink />
      <ProfileFacts profile={profile} />
      {dialogs}
    </li>
  );
}

/** What distinguishes a profile from the others. */
export function ProfileMarks({ profile }: { profile: Profile }) {
  return (
    <>
      {profile.default ? (
        <Badge tone="busy" icon={<Star size={12} aria-hidden="true" />}>
          Default
        </Badge>
      ) : null}
      {profile.read_only ? <Badge icon={<Lock size={12} aria-hidden="true" />}>From the environment</Badge> : null}
    </>
  );
}
