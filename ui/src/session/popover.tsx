/** A button that opens a small panel beside it. */
import { Popover as Base } from '@base-ui/react/popover';
import type { ReactNode } from 'react';
import { Button } from '../design/button.tsx';
import styles from '../design/popup.module.css';

export function Popover({
  label,
  icon,
  title,
  children,
}: {
  label: string;
  icon?: ReactNode;
  title: string;
  children: ReactNode;
}) {
  return (
    <Base.Root>
      <Base.Trigger
        render={
          <Button size="small" icon={icon}>
            {label}
          </Button>
        }
      />
      <Base.Portal>
        <Base.Positioner className={styles.positioner} sideOffset={4} align="end">
          <Base.Popup className={styles.panel}>
            <Base.Title className={styles.panelTitle}>{title}</Base.Title>
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
