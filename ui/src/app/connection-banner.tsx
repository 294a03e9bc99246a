/** Says when the server cannot be reached, and that what is shown may be old. */
import { useQueryClient } from '@tanstack/react-query';
import { CloudOff } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { connection } from '../api/connection.ts';
import { useConnection } from '../api/use-event-stream.ts';
import { Button } from '../design/button.tsx';
import styles from './connection-banner.module.css';

/** Shorter interruptions are over before anybody could read about them. Milliseconds. */
const PATIENCE = 1_200;

export function ConnectionBanner() {
  const state = useConnection();
  const client = useQueryClient();
  const down = state.kind === 'down';
  const shown = useLater(down, PATIENCE);
  const wasDown = useRef(false);
  useEffect(() => {
    if (wasDown.current && !down) client.invalidateQueries().catch(() => {});
    wasDown.current = down;
  }, [down, client]);
  return (
    <div role="status" className={styles.region}>
      {shown && state.kind === 'down' ? (
        <div className={styles.banner}>
          <CloudOff size={15} aria-hidden="true" />
          <span>No connection to the server. What you see may be out of date.</span>
          <Button size="small" variant="ghost" busy={state.retryAt === null} onClick={() => connection.retry()}>
            {state.retryAt === null ? 'Trying' : 'Try now'}
          </Button>
        </div>
      ) : null}
    </div>
  );
}

/** True when `on` has been true for `milliseconds`. */
function useLater(on: boolean, milliseconds: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!on) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), milliseconds);
    return () => clearTimeout(timer);
  }, [on, milliseconds]);
  return late;
}
