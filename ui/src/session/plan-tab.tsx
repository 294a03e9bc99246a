/** Every plan that there was, and what differs between any two. */
import { useState } from 'react';
import { Badge } from '../design/badge.tsx';
import { Field, Select } from '../design/field.tsx';
import { EmptyState } from '../design/state.tsx';
import type { PlanRevision, Timeline } from '../timeline/model.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './plan.module.css';
import { PlanChanges, PlanText } from './plan-text.tsx';

export function PlanTab({ timeline }: { timeline: Timeline }) {
  const { plans } = timeline;
  const newest = plans.at(-1);
  const [shown, setShown] = useState<number | undefined>();
  const [against, setAgainst] = useState<number | undefined>();
  if (!newest)
    return <EmptyState title="There is no plan yet">The planner reads the repository first, then submits one.</EmptyState>;
  const plan = plans.find(({ revision }) => revision === shown) ?? newest;
  const other = plans.find(({ revision }) => revision === against);
  return (
    <div className={styles.tab}>
      {plans.length > 1 ? (
        <div className={styles.pickers}>
          <Field label="Plan">
            <Select value={plan.revision} onChange={(event) => setShown(Number(event.target.value))}>
              {plans.map(option)}
            </Select>
          </Field>
          <Field label="Compared with">
            <Select value={against ?? ''} onChange={(event) => setAgainst(Number(event.target.value) || undefined)}>
              <option value="">Nothing</option>
              {plans.filter(({ revision }) => revision !== plan.revision).map(option)}
            </Select>
          </Field>
        </div>
      ) : null}
      <div className={styles.tabHead}>
        <h2>
          Plan {plan.revision}
          {plan === newest ? '' : ' (replaced)'}
        </h2>
        {plan.approvedBy === undefined ? null : <Badge tone="ok">approved by {visibleLine(plan.approvedBy)}</Badge>}
      </div>
      {other && other.revision !== plan.revision ? (
        <PlanChanges before={other} after={plan} />
      ) : (
        <PlanText plan={plan} progress={plan === newest ? timeline.steps : undefined} />
      )}
    </div>
  );
}

function option({ revision, title }: PlanRevision) {
  return (
    <option key={revision} value={revision}>
      Plan {revision}: {visibleLine(title)}
    </option>
  );
}
