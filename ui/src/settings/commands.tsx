/** The same from a terminal, to be copied. */
import { ChevronRight, SquareTerminal } from 'lucide-react';
import { useState } from 'react';
import { CopyButton } from '../design/copy-button.tsx';
import type { Door } from '../terminal/lines.ts';
import { useDoor } from '../terminal/use-door.ts';
import styles from './commands.module.css';
import type { ProfileCommand } from './profile-commands.ts';

const DOORS = ['curl', 'kubectl'] as const;

type CommandsProps = {
  /** The lines for a door that is known. */
  commandsFor: (door: Door) => readonly ProfileCommand[];
  note?: string;
  /** Shown only when asked for. */
  folded?: boolean;
};

export function Commands({ commandsFor, note, folded = false }: CommandsProps) {
  const door = useDoor();
  const [shown, setShown] = useState<(typeof DOORS)[number]>('kubectl');
  const body = (
    <>
      <div className={styles.head}>
        {note === undefined ? null : <p className={styles.note}>{note}</p>}
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
    </>
  );
  const heading = (
    <>
      <SquareTerminal size={16} aria-hidden="true" />
      <h2>From a terminal</h2>
    </>
  );
  if (!folded) {
    return (
      <section className={styles.panel}>
        <div className={styles.heading}>{heading}</div>
        {body}
      </section>
    );
  }
  return (
    <details className={styles.panel}>
      <summary className={styles.heading}>
        {heading}
        <ChevronRight size={15} aria-hidden="true" className={styles.fold} />
      </summary>
      <div className={styles.body}>{body}</div>
    </details>
  );
}
