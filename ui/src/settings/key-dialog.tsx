/** Gives a profile another key. */
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useRef, useState } from 'react';
import { explain, Problem } from '../api/problem.ts';
import { shownName } from '../api/profiles.ts';
import { Button } from '../design/button.tsx';
import { Dialog } from '../design/dialog.tsx';
import { notify } from '../design/toast.tsx';
import styles from './dialogs.module.css';
import { KeyField } from './key-field.tsx';
import type { Profile } from './profile.ts';
import { replaceKey } from './profile-requests.ts';
import { providerId, providerLabel } from './providers.ts';

export function KeyDialog({ profile, open, onClose }: { profile: Profile; open: boolean; onClose: () => void }) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={profile.key.set ? 'Replace key' : 'Enter key'}
      description={
        profile.key.set
          ? `${shownName(profile)} uses the new key from its next call on; sessions go on with it. The old one is forgotten.`
          : `The key with which ${shownName(profile)} calls ${providerLabel(profile.provider)}.`
      }
    >
      <KeyForm profile={profile} onClose={onClose} />
    </Dialog>
  );
}

function KeyForm({ profile, onClose }: { profile: Profile; onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [missing, setMissing] = useState(false);
  const id = useId();
  const save = useMutation({
    mutationFn: () => replaceKey(profile.name, input.current?.value.trim() ?? ''),
    // Nothing is kept of it after it was sent.
    gcTime: 0,
    onSuccess: () => {
      notify(`${shownName(profile)} has a new key. It is being tested.`);
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const empty = (input.current?.value.trim() ?? '') === '';
    setMissing(empty);
    if (empty) input.current?.focus();
    else if (!save.isPending) save.mutate();
  };
  const refused = save.error instanceof Problem ? save.error.errors.find(({ field }) => field === 'key')?.message : undefined;
  const error = missing
    ? 'Please enter the key.'
    : save.error
      ? refused
        ? `The key ${refused}.`
        : explain(save.error)
      : undefined;
  return (
    <>
      <form id={id} onSubmit={submit} noValidate>
        <KeyField
          input={input}
          provider={providerId(profile.provider) ?? 'openai-compatible'}
          error={error}
          onChange={() => {
            setMissing(false);
            if (save.isError) save.reset();
          }}
        />
      </form>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button variant="primary" type="submit" form={id} busy={save.isPending}>
          Save key
        </Button>
      </DialogActions>
    </>
  );
}

function DialogActions({ children }: { children: React.ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}
