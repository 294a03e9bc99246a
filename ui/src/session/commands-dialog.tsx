/** The same things from a terminal. */
import { useState } from 'react';
import { useMe } from '../api/me.ts';
import { CopyButton } from '../design/copy-button.tsx';
import { Dialog } from '../design/dialog.tsx';
import { Tabs } from '../design/tabs.tsx';
import { commandLines } from './commands.ts';
import styles from './dialogs.module.css';
import type { SessionView } from './session-view.ts';

type Door = 'kubectl' | 'curl';

export function CommandsDialog({ session, open, onClose }: { session: SessionView; open: boolean; onClose: () => void }) {
  const me = useMe().data;
  const [door, setDoor] = useState<Door>('kubectl');
  const lines = commandLines(session, {
    origin: location.origin,
    token: me !== undefined && me.auth !== 'none',
    namespace: me?.namespace ?? null,
    kubeconfig: me?.kubeconfig_hint ?? null,
  });
  const list = (of: Door) => (
    <ul className={styles.commands}>
      {lines.map(({ title, ...doors }) => {
        const line = doors[of];
        if (line === undefined) return null;
        return (
          <li key={title}>
            <p>{title}</p>
            <div className={styles.command}>
              <code>{line}</code>
              <CopyButton text={line} label={`Copy: ${title}`} />
            </div>
          </li>
        );
      })}
    </ul>
  );
  return (
    <Dialog open={open} onClose={onClose} title="From a terminal" description="Everything that this page does." wide>
      <Tabs<Door>
        label="Program"
        value={door}
        onChange={setDoor}
        views={[
          { value: 'kubectl', label: 'kubectl', content: list('kubectl') },
          { value: 'curl', label: 'curl', content: list('curl') },
        ]}
      />
    </Dialog>
  );
}
