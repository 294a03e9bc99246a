/** Changes what a session may use. */
import { useState } from 'react';
import { Problem } from '../api/problem.ts';
import type { Limits } from '../api/session-summary.ts';
import { Button } from '../design/button.tsx';
import { Dialog } from '../design/dialog.tsx';
import { Field, Input } from '../design/field.tsx';
import { useAct } from './act.ts';
import styles from './dialogs.module.css';
import { useSession } from './session-context.ts';
import type { SessionView } from './session-view.ts';

/** `unit`: how many of what the limit counts in make one of what is entered. */
type LimitField = { name: keyof Limits; label: string; step: 'any' | number; unit?: number };

const FIELDS: readonly LimitField[] = [
  { name: 'max_cost_usd', label: 'Cost in US dollars', step: 'any' },
  { name: 'max_steps', label: 'Calls of a model', step: 1 },
  { name: 'max_tokens', label: 'Tokens', step: 1 },
  { name: 'timeout_seconds', label: 'Working time in minutes', step: 'any', unit: 60 },
  { name: 'max_review_rounds', label: 'Rounds of review', step: 1 },
];

export function LimitsDialog({ session, open, onClose }: { session: SessionView; open: boolean; onClose: () => void }) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Limits"
      description="A session that paused at a limit goes on by itself when that limit is raised. An empty field is the default."
    >
      {open ? <LimitsForm limits={session.limits} onClose={onClose} /> : null}
    </Dialog>
  );
}

function shown(limits: Limits, { name, unit = 1 }: LimitField): string {
  const limit = limits[name];
  return limit === null ? '' : String(limit / unit);
}

/** Whole seconds, where minutes are entered. */
function amount(entered: string | undefined, unit: number): number {
  return unit === 1 ? Number(entered) : Math.round(Number(entered) * unit);
}

function LimitsForm({ limits, onClose }: { limits: Limits; onClose: () => void }) {
  const { id } = useSession();
  const act = useAct(id);
  const [values, setValues] = useState(() => Object.fromEntries(FIELDS.map((field) => [field.name, shown(limits, field)])));
  const errors = act.error instanceof Problem ? act.error.errors : [];
  const changed = FIELDS.filter((field) => shown(limits, field) !== values[field.name]);
  const save = () => {
    const change = Object.fromEntries(
      changed.map(({ name, unit = 1 }) => [name, values[name] === '' ? null : amount(values[name], unit)]),
    );
    act.mutate({ do: 'limits', limits: change }, { onSuccess: onClose });
  };
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (changed.length > 0) save();
      }}
    >
      {FIELDS.map(({ name, label, step }) => (
        <Field key={name} label={label} error={errors.find(({ field }) => field === name)?.message}>
          <Input
            type="number"
            inputMode="decimal"
            min={0}
            step={step}
            value={values[name] ?? ''}
            onChange={(event) => setValues({ ...values, [name]: event.target.value })}
          />
        </Field>
      ))}
      <div className={styles.actions}>
        <Button onClick={onClose}>Leave them</Button>
        <Button type="submit" variant="primary" busy={act.isPending} disabled={changed.length === 0}>
          Change limits
        </Button>
      </div>
    </form>
  );
}
