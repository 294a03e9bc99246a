/** The same things from a terminal. */
import { useState } from 'react';
import { CopyButton } from '../design/copy-button.tsx';
import { Dialog } from '../design/dialog.tsx';
import { Tabs } from '../design/tabs.tsx';
import { useDoor } from '../terminal/use-door.ts';
import type { Timeline } from '../timeline/model.ts';
import { commandLines } from './commands.ts';
import styles from './dialogs.module.css';
import { useSession } from './session-context.ts';
import type { SessionView } from './session-view.ts';

type Door = 'kubectl' | 'curl';

type Props = { session: SessionView; timeline: Timeline; open: boolean; onClose: () => void };

export function CommandsDialog({ session, timeline, open, onClose }: Props) {
  const where = useDoor();
  const { may } = useSession();
  const [door, setDoor] = useState<Door>('kubectl');
  const lines = commandLines(session, where, resumeOf(timeline), may.sessions);
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
    <Dialog open={open} onClose={onClose} title="From a terminal" description="Everything that you can do here." wide>
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

/** What `spec.resume` has to be to resume a session that the platform paused. */
function resumeOf({ groups, threads }: Timeline): number | null {
  const pause = threads.pause && groups[threads.pause.group]?.entries[threads.pause.entry];
  return pause?.kind === 'pause' && pause.reason !== 'Suspended' ? pause.resumeCounter + 1 : null;
}
