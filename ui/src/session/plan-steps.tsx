/** The mark that says how far a step of a plan is. */
import { CircleCheck, CircleDashed, CircleSlash, LoaderCircle } from 'lucide-react';
import { classes } from '../design/classes.ts';
import type { PlanStep } from '../timeline/model.ts';
import { STEP_WORDS } from './entry-words.ts';
import styles from './plan.module.css';

const MARKS = { pending: CircleDashed, in_progress: LoaderCircle, completed: CircleCheck, skipped: CircleSlash } as const;

export function StepMark({ status, size = 16 }: { status: PlanStep['status']; size?: number }) {
  const Mark = MARKS[status];
  return (
    <span className={classes(styles.mark, styles[status])} title={STEP_WORDS[status]}>
      <Mark size={size} aria-hidden="true" />
      <span className="visually-hidden">{STEP_WORDS[status]}</span>
    </span>
  );
}
