import { describe, expect, it } from '@jest/globals';
import type { PlanStep } from './model.ts';
import { diffPlans } from './plan-diff.ts';

const step = (id: string, title: string, details?: string): PlanStep => ({
  id,
  title,
  status: 'pending',
  ...(details !== undefined && { details }),
});
const plan = (...steps: PlanStep[]) => ({ title: 'Mend it', steps, checks: ['npm test'] });

describe('diffPlans', () => {
  it.each([
    ['kept', [step('1', 'A')], [step('1', 'A')], ['kept A']],
    ['added', [step('1', 'A')], [step('1', 'A'), step('2', 'B')], ['kept A', 'added B']],
    [
      'removed where they were',
      [step('1', 'A'), step('2', 'B'), step('3', 'C')],
      [step('1', 'A'), step('3', 'C')],
      ['kept A', 'removed B', 'kept C'],
    ],
    ['changed in their details', [step('1', 'A', 'x')], [step('1', 'A', 'y')], ['changed A']],
    ['changed in their titles', [step('1', 'A')], [step('1', 'B')], ['changed B']],
    ['the same under another id', [step('1', 'A'), step('2', 'B')], [step('1', 'B')], ['removed A', 'kept B']],
    ['all replaced', [step('a', 'A')], [step('b', 'B')], ['added B', 'removed A']],
  ])('tells steps that are %s', (_, before, after, expected) => {
    const { steps, any } = diffPlans(plan(...before), plan(...after));
    expect(steps.map((one) => `${one.change} ${(one.after ?? one.before)?.title}`)).toEqual(expected);
    expect(any).toBe(expected.some((one) => !one.startsWith('kept')));
  });

  it('tells checks and a title that changed', () => {
    const before = plan(step('1', 'A'));
    const after = { ...before, title: 'Mend all', checks: ['make test'] };
    expect(diffPlans(before, after)).toMatchObject({
      title: { before: 'Mend it', after: 'Mend all' },
      checks: [
        { change: 'added', command: 'make test' },
        { change: 'removed', command: 'npm test' },
      ],
      any: true,
    });
  });
});
