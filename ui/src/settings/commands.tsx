/** The same from a terminal, to be copied. */
import { SquareTerminal } from 'lucide-react';
import { useState } from 'react';
import { useMe } from '../api/me.ts';
import { CopyButton } from '../design/copy-button.tsx';
import type { Door } from '../session/commands.ts';
import styles from './commands.module.css';
import type { ProfileCommand } from './profile-commands.ts';

const DOORS = ['curl', 'kubectl'] as const;

/** @param commandsFor the lines for the door that is known */
export function Commands({ commandsFor, note }: { commandsFor: (door: Door) => readonly ProfileCommand[]; note?: string }) {
  const me = useMe().data;
  const [shown, setShown] = useState<(typeof DOORS)[number]>('kubectl');
  const door: Door = {
    origin: location.origin,
    token: me !== undefined && me.auth !== 'none',
    namespace: me?.namespace ?? null,
    kubeconfig: me?.kubeconfig_hint ?? null,
  };
  return (
    <section className={styles.panel} aria-labelledby="from-a-terminal">
      <div className={styles.head}>
        <SquareTerminal size={16} aria-hidden="true" />
        <h2 id="from-a-terminal">From a terminal</h2>
        <fieldset className={styles.doors}>
          <legend className="visually-hidden">With</legend>
          {DOORS.map((name) => (
            <label key={name}>
              <input
                type="radio"
                name="terminal-door"
                value={name}
                checked={name === shown}
                onChange={() => setShown(name)}
                className="visually-hidden"
              />
              {name}
            </label>
          ))}
        </fieldset>
      </div>
      {note === undefined ? null : <p className={styles.note}>{note}</p>}
      <ul className={styles.list}>
        {commandsFor(door).map((command) => (
          <li key={command.title}>
            <div className={styles.title}>
              <span>{command.title}</span>
              <CopyButton text={command[shown]} label={`Copy: ${command.title} with ${shown}`} />
            </div>
            <pre className={styles.line}>{command[shown]}</pre>
          </li>
        ))}
      </ul>
    </section>
  );
}
