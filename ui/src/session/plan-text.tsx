/** A plan to be read, and what differs between two. */
import { FlaskConical, Minus, Pencil, Plus } from 'lucide-react';
import { Fragment, type ReactNode } from 'react';
import { classes } from '../design/classes.ts';
import { lineDiff } from '../timeline/edits.ts';
import type { PlanRevision, PlanStep, StepProgress } from '../timeline/model.ts';
import { diffPlans, type StepDifference } from '../timeline/plan-diff.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import styles from './plan.module.css';
import { StepMark } from './plan-steps.tsx';
import { Prose } from './prose.tsx';

/** @param below what is drawn below a step, its comments for instance */
export function PlanText(props: {
  plan: PlanRevision;
  progress?: readonly StepProgress[] | undefined;
  below?: (step: PlanStep) => ReactNode;
}) {
  const { plan, progress, below } = props;
  const status = new Map(progress?.map((step) => [step.id, step.status]));
  return (
    <div>
      <p className={styles.planTitle}>{visibleLine(plan.title)}</p>
      <ol className={styles.fullSteps}>
        {plan.steps.map((step, index) => (
          <li key={step.id} className={styles.fullStep}>
            {progress ? (
              <StepMark status={status.get(step.id) ?? step.status} />
            ) : (
              <span className={styles.number}>{index + 1}</span>
            )}
            <div className={styles.fullText}>
              <p className={styles.fullTitle}>{visibleLine(step.title)}</p>
              {step.details ? <Prose text={step.details} /> : null}
              {below?.(step)}
            </div>
          </li>
        ))}
      </ol>
      <Checks commands={plan.checks.map((command) => ({ command, change: 'kept' as const }))} />
    </div>
  );
}

const CHANGE_LABELS = { added: 'New', removed: 'Removed', changed: 'Changed', kept: 'As before' } as const;
const CHANGE_ICONS = { added: Plus, removed: Minus, changed: Pencil, kept: undefined } as const;

export function PlanChanges({
  before,
  after,
  below,
}: {
  before: PlanRevision;
  after: PlanRevision;
  below?: (step: PlanStep) => ReactNode;
}) {
  const { steps, checks, title, any } = diffPlans(before, after);
  return (
    <div>
      {any ? null : <p className={styles.none}>Nothing differs from plan {before.revision}.</p>}
      <p className={styles.planTitle}>
        {title ? <del>{visibleLine(title.before)}</del> : null} {visibleLine(after.title)}
      </p>
      <ol className={styles.fullSteps}>
        {steps.map((step, index) => (
          <Step key={`${step.change}${(step.after ?? step.before)?.id ?? index}`} difference={step} below={below} />
        ))}
      </ol>
      <Checks commands={checks} />
    </div>
  );
}

function Step({ difference, below }: { difference: StepDifference; below: ((step: PlanStep) => ReactNode) | undefined }) {
  const { change, before, after } = difference;
  const step = after ?? before;
  if (!step) return null;
  const Icon = CHANGE_ICONS[change];
  return (
    <li className={classes(styles.fullStep, styles[change])}>
      <span className={styles.number}>
        {Icon ? <Icon size={14} aria-hidden="true" /> : '·'}
        <span className="visually-hidden">{CHANGE_LABELS[change]}: </span>
      </span>
      <div className={styles.fullText}>
        <p className={styles.fullTitle}>
          {before && after && before.title !== after.title ? <del>{visibleLine(before.title)} </del> : null}
          {change === 'removed' ? <del>{visibleLine(step.title)}</del> : visibleLine(step.title)}
          <span className={styles.changeLabel}>{change === 'kept' ? '' : CHANGE_LABELS[change]}</span>
        </p>
        {change === 'changed' && (before?.details ?? '') !== (after?.details ?? '') ? (
          <DetailChanges before={before?.details ?? ''} after={after?.details ?? ''} />
        ) : step.details && change !== 'removed' ? (
          <Prose text={step.details} />
        ) : null}
        {after ? below?.(after) : null}
      </div>
    </li>
  );
}

/** What differs in the details of a step, line by line. */
function DetailChanges({ before, after }: { before: string; after: string }) {
  const lines = lineDiff(before === '' ? [] : before.split('\n'), after === '' ? [] : after.split('\n'));
  return (
    <div className={styles.detailDiff}>
      {lines.map(({ mark, text }, index) => {
        const Line = mark === '-' ? 'del' : mark === '+' ? 'ins' : 'span';
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else that tells them apart
        return <Line key={index}>{visible(text) || ' '}</Line>;
      })}
    </div>
  );
}

function Checks({ commands }: { commands: readonly { command: string; change: 'added' | 'removed' | 'kept' }[] }) {
  if (commands.length === 0) return <p className={styles.none}>It names no checks.</p>;
  return (
    <div className={styles.checks}>
      <h3>Checks</h3>
      <ul>
        {commands.map(({ command, change }) => (
          <Fragment key={`${change}${command}`}>
            <li className={styles[change]}>
              <FlaskConical size={14} aria-hidden="true" />
              <code>{change === 'removed' ? <del>{visibleLine(command)}</del> : visibleLine(command)}</code>
              {change === 'kept' ? null : <span className={styles.changeLabel}>{CHANGE_LABELS[change]}</span>}
            </li>
          </Fragment>
        ))}
      </ul>
    </div>
  );
}
