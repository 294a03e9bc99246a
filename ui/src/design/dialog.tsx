/** A dialog over the page. Focus goes in and comes back to where it was. */
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { loadPart } from '../api/part.ts';
import { Button } from './button.tsx';

export type DialogProps = {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  children?: ReactNode;
  /** Buttons at the end, the one that goes on last. */
  actions?: ReactNode;
};

const DialogBox = lazy(() => loadPart(() => import('./dialog-box.tsx')));

export function Dialog(props: DialogProps) {
  const [needed, setNeeded] = useState(props.open);
  if (props.open && !needed) setNeeded(true);
  if (!needed) return null;
  return (
    <Suspense>
      <DialogBox {...props} />
    </Suspense>
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
