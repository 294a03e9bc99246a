/** What a dialog is made of; loaded when the first one opens. */
import { Dialog as Base } from '@base-ui/react/dialog';
import { useRef } from 'react';
import { classes } from './classes.ts';
import type { DialogProps } from './dialog.tsx';
import styles from './popup.module.css';

export default function DialogBox({ open, onClose, title, description, wide = false, children, actions }: DialogProps) {
  const before = useRef<Element | null>(null);
  return (
    <Base.Root
      open={open}
      onOpenChange={(next) => {
        if (!next) onClose();
      }}
    >
      <Base.Portal>
        <Base.Backdrop className={styles.veil} />
        <Base.Popup
          className={classes(styles.dialog, wide && styles.wide)}
          initialFocus={() => {
            before.current = document.activeElement;
            return true;
          }}
          // Left to itself it would go to the first control of a view that had the focus as a whole.
          finalFocus={() => {
            if (!(before.current instanceof HTMLElement) || !before.current.isConnected) return true;
            before.current.focus({ preventScroll: true });
            return false;
          }}
        >
          <div>
            <Base.Title>{title}</Base.Title>
            {description === undefined ? null : <Base.Description className={styles.description}>{description}</Base.Description>}
          </div>
          {children}
          {actions === undefined ? null : <div className={styles.actions}>{actions}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
