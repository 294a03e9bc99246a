/** All providers side by side, one of them chosen. */

import styles from './provider-field.module.css';
import { FACTS, PROVIDERS, type ProviderId } from './providers.ts';

export function ProviderField({ value, onChange }: { value: ProviderId; onChange: (provider: ProviderId) => void }) {
  return (
    <fieldset className={styles.field}>
      <legend>Provider</legend>
      <div className={styles.choices}>
        {PROVIDERS.map((provider) => (
          <label key={provider} className={styles.choice}>
            <input
              type="radio"
              name="provider"
              value={provider}
              checked={provider === value}
              onChange={() => onChange(provider)}
            />
            <span className={styles.name}>{FACTS[provider].label}</span>
            <span className={styles.about}>{FACTS[provider].about}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
