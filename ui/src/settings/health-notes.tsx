/** Why a profile is not ready, or what else is worth knowing of it, with what can be done about it. */
import { CircleAlert, Info, TriangleAlert } from 'lucide-react';
import { Button, ButtonLink } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { visible } from '../timeline/visible-text.ts';
import styles from './health.module.css';
import { type Health, warningsOf } from './health.ts';
import type { Profile } from './profile.ts';
import { useRightsTo } from './profile-rights.ts';
import { FACTS, providerId } from './providers.ts';

type NotesProps = {
  profile: Profile;
  health: Health;
  onReplaceKey: () => void;
  onTest: () => void;
  /** Leads to where the profile is edited, where that is elsewhere. */
  editLink?: boolean;
};

export function HealthNotes({ profile, health, onReplaceKey, onTest, editLink = false }: NotesProps) {
  const rights = useRightsTo(profile);
  const action =
    health.advice === 'key' && rights.replaceKey ? (
      <Button size="small" onClick={onReplaceKey}>
        {profile.key.set ? 'Replace key' : 'Enter key'}
      </Button>
    ) : health.advice === 'edit' && editLink && rights.change ? (
      <ButtonLink size="small" to={`/settings/profiles/${encodeURIComponent(profile.name)}`}>
        Edit
      </ButtonLink>
    ) : health.advice === 'again' && rights.test ? (
      <Button size="small" onClick={onTest}>
        Test again
      </Button>
    ) : null;
  const { detail, tone } = health;
  return (
    <>
      {detail === null || detail === '' ? null : (
        <div className={classes(styles.callout, tone === 'bad' ? styles.bad : styles.idle)}>
          {tone === 'bad' ? <CircleAlert size={15} aria-hidden="true" /> : <Info size={15} aria-hidden="true" />}
          <p>
            {visible(detail)}
            {profile.read_only && tone === 'bad' ? ` ${whereToMend(profile)}` : ''}
          </p>
          {action}
        </div>
      )}
      {warningsOf(profile).map((warning) => (
        <div key={warning} className={classes(styles.callout, styles.warn)}>
          <TriangleAlert size={15} aria-hidden="true" />
          <p>{visible(warning)}</p>
        </div>
      ))}
    </>
  );
}

function whereToMend({ provider }: Profile): string {
  return `Mend ${settingsOf(provider)} in the server’s environment and start it again.`;
}

/** The settings of the environment that such a profile comes from, as a phrase. */
export function settingsOf(provider: string): string {
  const id = providerId(provider);
  return [...(id ? FACTS[id].settings : []), 'MODEL_NAME'].join(', ').replace(/, ([^,]*)$/, ' and $1');
}
