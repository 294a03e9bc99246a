/** What differs between two revisions of a plan, step by step. */
import type { PlanRevision, PlanStep } from './model.ts';

export type StepDifference = {
  readonly change: 'added' | 'removed' | 'changed' | 'kept';
  readonly before: PlanStep | undefined;
  readonly after: PlanStep | undefined;
};

export type PlanDifference = {
  /** In the order of the newer plan; what was removed stands where it was. */
  readonly steps: readonly StepDifference[];
  readonly checks: readonly { readonly change: 'added' | 'removed' | 'kept'; readonly command: string }[];
  readonly title: { readonly before: string; readonly after: string } | undefined;
  /** Whether anything differs at all. */
  readonly any: boolean;
};

type Revision = Pick<PlanRevision, 'title' | 'steps' | 'checks'>;

/** Steps are the same by their id, or else by their title. */
export function diffPlans(before: Revision, after: Revision): PlanDifference {
  const matched = matchSteps(before.steps, after.steps);
  const taken = new Set(matched.values());
  const steps: StepDifference[] = [];
  let next = 0;
  const removedUntil = (end: number) => {
    for (; next < end; next++) {
      const step = before.steps[next];
      if (step && !taken.has(step)) steps.push({ change: 'removed', before: step, after: undefined });
    }
  };
  for (const step of after.steps) {
    const old = matched.get(step);
    if (!old) {
      steps.push({ change: 'added', before: undefined, after: step });
      continue;
    }
    removedUntil(before.steps.indexOf(old));
    const same = old.title === step.title && (old.details ?? '') === (step.details ?? '');
    steps.push({ change: same ? 'kept' : 'changed', before: old, after: step });
  }
  removedUntil(before.steps.length);
  const checks = [
    ...after.checks.map((command) => ({ change: before.checks.includes(command) ? 'kept' : 'added', command }) as const),
    ...before.checks
      .filter((command) => !after.checks.includes(command))
      .map((command) => ({ change: 'removed', command }) as const),
  ];
  const title = before.title === after.title ? undefined : { before: before.title, after: after.title };
  const any = title !== undefined || [...steps, ...checks].some(({ change }) => change !== 'kept');
  return { steps, checks, title, any };
}

function matchSteps(before: readonly PlanStep[], after: readonly PlanStep[]): Map<PlanStep, PlanStep> {
  const matched = new Map<PlanStep, PlanStep>();
  const free = new Set(before);
  const match = (is: (a: PlanStep, b: PlanStep) => boolean) => {
    for (const step of after) {
      if (matched.has(step)) continue;
      const old = [...free].find((one) => is(one, step));
      if (!old) continue;
      matched.set(step, old);
      free.delete(old);
    }
  };
  match((a, b) => a.id === b.id && a.title === b.title);
  match((a, b) => a.title === b.title);
  match((a, b) => a.id === b.id);
  return matched;
}
