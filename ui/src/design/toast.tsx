/** Short notices of what happened. They go by themselves, but not while somebody reads them; failures stay until closed. */
import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { IconButton } from './button.tsx';
import { classes } from './classes.ts';
import { shared } from './shared.ts';
import styles from './toast.module.css';

type Notice = { id: number; tone: 'ok' | 'bad'; text: string };

const SHOWN_FOR = 5_000;
const AT_MOST = 4;

const notices = shared<readonly Notice[]>([]);
let lastId = 0;

/** Says something to the user, from anywhere. */
export function notify(text: string, tone: Notice['tone'] = 'ok'): void {
  lastId += 1;
  notices.set([...notices.get().filter((one) => one.text !== text), { id: lastId, tone, text }].slice(-AT_MOST));
}

function close(id: number): void {
  notices.set(notices.get().filter((one) => one.id !== id));
}

/** Where notices appear; once per page. */
export function Toasts() {
  const shown = useSyncExternalStore(notices.subscribe, notices.get);
  return (
    <section className={styles.region} aria-label="Notices">
      <div role="status">
        {shown
          .filter((one) => one.tone === 'ok')
          .map((one) => (
            <Toast key={one.id} notice={one} />
          ))}
      </div>
      <div role="alert">
        {shown
          .filter((one) => one.tone === 'bad')
          .map((one) => (
            <Toast key={one.id} notice={one} />
          ))}
      </div>
    </section>
  );
}

function Toast({ notice }: { notice: Notice }) {
  const [held, setHeld] = useState(false);
  const { id, tone, text } = notice;
  useEffect(() => {
    if (held || tone === 'bad') return;
    const timer = setTimeout(() => close(id), SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [held, id, tone]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: nothing is done with it; it stays while a pointer or the focus is on it
    <div
      className={classes(styles.toast, styles[tone])}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      {tone === 'ok' ? <CircleCheck size={16} aria-hidden="true" /> : <CircleAlert size={16} aria-hidden="true" />}
      <p className={styles.text}>{text}</p>
      <IconButton label="Close" size="small" className={styles.close} onClick={() => close(id)}>
        <X size={14} aria-hidden="true" />
      </IconButton>
    </div>
  );
}
