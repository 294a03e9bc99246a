/** A dialog over the page. Focus goes in and comes back to where it was. */
import { Dialog as Base } from '@base-ui/react/dialog';
import { type ReactNode, useRef } from 'react';
import { Button } from './button.tsx';
import { classes } from './classes.ts';
import styles from './popup.module.css';

type DialogProps = {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  children?: ReactNode;
  /** Buttons at the end, the one that goes on last. */
  actions?: ReactNode;
};

export function Dialog({ open, onClose, title, description, wide = false, children, actions }: DialogProps) {
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

type ConfirmProps = Omit<DialogProps, 'actions'> & {
  /** What happens, as a verb: «Delete session». */
  confirm: string;
  danger?: boolean;
  busy?: boolean;
  onConfirm: () => void;
};

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ confirm, danger = false, busy = false, onConfirm, ...rest }: ConfirmProps) {
  return (
    <Dialog
      {...rest}
      actions={
        <>
          <Button onClick={rest.onClose}>Keep it</Button>
          <Button variant={danger ? 'danger-primary' : 'primary'} busy={busy} onClick={onConfirm}>
            {confirm}
          </Button>
        </>
      }
    />
  );
}
