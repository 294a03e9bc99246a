import { describe, expect, it } from '@jest/globals';
import { INITIAL_STATE } from '../state.ts';
import { runSessionTool } from './session-tools.ts';

const steps = [{ id: '1', title: 'Mend it' }];

describe('submit_plan', () => {
  it.each(['true', 'echo done', 'npm test || true'])(
    'sends the check %s back to the planner, which can name a better one',
    (check) => {
      const { result, events } = runSessionTool(
        'submit_plan',
        'c1',
        { title: 'Mend', steps, checks: [check] },
        { state: INITIAL_STATE },
      );
      expect(result).toMatchObject({ outcome: 'error', text: expect.stringContaining(check) });
      expect(events).toEqual([]);
    },
  );

  it('takes a plan without checks', () => {
    const { result } = runSessionTool('submit_plan', 'c1', { title: 'Mend', steps }, { state: INITIAL_STATE });
    expect(result?.outcome).toBe('ok');
  });

  it('keeps the state of steps that a new revision leaves as they are', () => {
    const plan = { revision: 1, title: 'Mend', steps: [{ id: '1', title: 'Mend it', status: 'completed' as const }], checks: [] };
    const { events } = runSessionTool(
      'submit_plan',
      'c1',
      { title: 'Mend', steps: [...steps, { id: '2', title: 'Say so' }] },
      { state: { ...INITIAL_STATE, plan } },
    );
    expect(events[0]).toMatchObject({ revision: 2, steps: [{ status: 'completed' }, { status: 'pending' }] });
  });
});
