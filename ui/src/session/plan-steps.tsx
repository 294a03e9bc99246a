/** The mark that says how far a step of a plan is. */
import { CircleCheck, CircleDashed, CircleDot, CircleSlash, LoaderCircle } from 'lucide-react';
import { classes } from '../design/classes.ts';
import type { PlanStep } from '../timeline/model.ts';
import { STEP_WORDS } from './entry-words.ts';
import styles from './plan.module.css';

const MARKS = { pending: CircleDashed, in_progress: LoaderCircle, completed: CircleCheck, skipped: CircleSlash } as const;

/** @param still for what is told of the past */
export function StepMark({ status, size = 16, still = false }: { status: PlanStep['status']; size?: number; still?: boolean }) {
  const Mark = still && status === 'in_progress' ? CircleDot : MARKS[status];
  return (
    <span className={classes(styles.mark, styles[status], still && styles.still)} title={STEP_WORDS[status]}>
      <Mark size={size} aria-hidden="true" />
      <span className="visually-hidden">{STEP_WORDS[status]}</span>
    </span>
  );
}
