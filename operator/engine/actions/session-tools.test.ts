import { describe, expect, it } from '@jest/globals';
import { SessionScript } from '../../../test/support/session-script.ts';
import { INITIAL_STATE } from '../state.ts';
import { runSessionTool } from './session-tools.ts';

const steps = [{ id: '1', title: 'Mend it' }];

describe('finish', () => {
  /** A programmer's answer that runs a command and finishes at once, the command having ended with the code. */
  function finishBeside(exitCode: number) {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go([{ name: 'bash' }, { name: 'finish', args: { summary: 'Done.' } }]);
    const { id: conversation, openCalls } = session.state.conversation ?? { id: '', openCalls: [] };
    const callId = openCalls[0]?.id ?? '';
    session.happen(
      { type: 'tool.started', conversation, callId, name: 'bash', op: 'o', sandboxUid: 'box-1', summary: 'npm test' },
      { type: 'tool.finished', conversation, callId, name: 'bash', outcome: 'ok', result: '1 failing', exitCode, durationMs: 1 },
    );
    return runSessionTool('finish', openCalls[1]?.id ?? '', { summary: 'Done.' }, session);
  }

  it('is refused beside a command that failed, since its author had not seen that', () => {
    const { result, events } = finishBeside(1);
    expect(result).toMatchObject({ outcome: 'error', text: expect.stringContaining('bash in the same answer failed') });
    expect(events).toEqual([]);
  });

  it('is taken beside a command that succeeded', () => {
    expect(finishBeside(0).result?.outcome).toBe('ok');
  });
});

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

describe('update_plan', () => {
  const plan = (...states: ('pending' | 'in_progress' | 'completed')[]) => ({
    revision: 1,
    title: 'Mend',
    steps: states.map((status, index) => ({ id: `${index + 1}`, title: 'Mend it', status })),
    checks: [],
  });
  const mark = (steps: { id: string; status: string }[], ...states: Parameters<typeof plan>) =>
    runSessionTool('update_plan', 'c1', { steps }, { state: { ...INITIAL_STATE, plan: plan(...states) } }).result?.text;

  it('says which steps are in progress and which nobody began', () => {
    const marks = [
      { id: '1', status: 'completed' },
      { id: '2', status: 'in_progress' },
    ];
    expect(mark(marks, 'in_progress', 'pending', 'pending', 'pending')).toBe('Updated. In progress: 2. Pending: 3, 4.');
  });

  it('says when nothing is left', () => {
    expect(mark([{ id: '2', status: 'skipped' }], 'completed', 'pending')).toBe('Updated. All steps are done.');
  });
});
