/** What the keyboard can do here. */
import { Dialog } from '../design/dialog.tsx';
import styles from './keyboard-help.module.css';
import { type Shortcut, useActiveShortcuts } from './shortcuts.ts';

const SHOWN: Readonly<Record<string, string>> = { Enter: '↵', Escape: 'Esc' };

export function KeyboardHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const groups = Map.groupBy(useActiveShortcuts(), (one: Shortcut) => one.group);
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard" wide>
      <div className={styles.groups}>
        {[...groups].map(([group, shortcuts]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {shortcuts.map(({ keys, label }) => (
                <div key={keys} className={styles.row}>
                  <dt>{label}</dt>
                  <dd>
                    <Keys keys={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

function Keys({ keys }: { keys: string }) {
  return keys.split(' ').map((key, index) => (
    <span key={key}>
      {index > 0 ? <span className={styles.then}> then </span> : null}
      <kbd>{SHOWN[key] ?? key}</kbd>
    </span>
  ));
}
