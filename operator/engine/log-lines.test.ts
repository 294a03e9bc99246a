import { describe, expect, it } from '@jest/globals';
import type { EventBody } from './events.ts';
import { type LogContext, logLines, nextLogContext } from './log-lines.ts';

const TIME = '2026-01-02T03:04:05.000Z';

function linesOf(...events: EventBody[]): string[] {
  let context: LogContext = {};
  return events.flatMap((event) => {
    const lines = logLines(event, context);
    context = nextLogContext(context, { ...event, time: TIME });
    return lines;
  });
}

const programmer: EventBody = {
  type: 'conversation.started',
  conversation: 'c1',
  role: 'programmer',
  profile: 'p',
  model: 'm',
  promptVersion: '1',
  system: '',
  opening: '',
};
const started: EventBody = { type: 'tool.started', conversation: 'c1', callId: 'a', name: 'bash', summary: '$ npm test' };
const finished: EventBody = {
  type: 'tool.finished',
  conversation: 'c1',
  callId: 'a',
  name: 'bash',
  outcome: 'ok',
  result: '',
  exitCode: 1,
  durationMs: 2100,
};

function entered(phase: Extract<EventBody, { type: 'phase.entered' }>['phase'], reason = 'R'): EventBody {
  return { type: 'phase.entered', phase, reason, message: 'why' };
}

describe('log lines', () => {
  it('tell the published lines letter for letter, each alone', () => {
    const lines = linesOf(
      { type: 'session.started', goal: 'g', repository: { url: 'u' }, mode: 'auto' },
      entered('Provisioning'),
      { type: 'sandbox.requested', sandboxType: 'local' },
      { type: 'repository.requested', url: 'u' },
      entered('Planning'),
      entered('Programming'),
      entered('Reviewing'),
    );
    expect(lines).toEqual([
      'Starting session...',
      'Cloning repo...',
      'PLANNER: Generating plan...',
      'PROGRAMMER: Executing plan...',
      'REVIEWER: Reviewing changes...',
    ]);
  });

  it('say who ran which command and how it ended', () => {
    expect(linesOf(programmer, started, finished)).toEqual(['PROGRAMMER: $ npm test → exit 1 (2.1 s)']);
  });

  it.each([
    ['interrupted', 'PROGRAMMER: $ npm test → interrupted (2.1 s)'],
    ['lost', 'PROGRAMMER: $ npm test → lost, its end was not seen'],
    ['error', 'PROGRAMMER: $ npm test → failed: no such file'],
  ] as const)('say when a tool call was %s', (outcome, line) => {
    const { exitCode: _, ...end } = { ...finished, outcome, result: 'no such file\nmore' };
    expect(linesOf(programmer, started, end)).toEqual([line]);
  });

  it('say who takes the place of a model that gave no answer, and nothing of one that is asked again', () => {
    const asked = (profile: string): EventBody => {
      return { type: 'model.requested', conversation: 'c1', call: 1, profile, model: `${profile}-model`, purpose: 'step' };
    };
    const failed: EventBody = { type: 'model.failed', conversation: 'c1', call: 1, class: 'quota', message: 'used up' };
    expect(linesOf(programmer, asked('p'), failed, asked('q'), asked('q'))).toEqual([
      'PROGRAMMER: The model gave no answer (quota): used up',
      'PROGRAMMER: Going on with AIProfile q (q-model) in the place of p.',
    ]);
  });

  it('are right, if less telling, for an event seen alone', () => {
    expect(logLines(finished)).toEqual(['AGENT: bash → exit 1 (2.1 s)']);
  });

  it('do not repeat what another event tells', () => {
    const { exitCode: _, ...end } = { ...finished, name: 'submit_plan' };
    expect(linesOf(programmer, { ...started, name: 'submit_plan' }, end)).toEqual([]);
  });

  it('hold the whole plan, line by line', () => {
    const lines = linesOf(
      {
        type: 'plan.submitted',
        revision: 2,
        title: 'Make login asynchronous',
        steps: [
          { id: 's1', title: 'Write a test', details: 'In test_auth.py.\nIt must fail first.', status: 'pending' },
          { id: 's2', title: 'Change auth.py', status: 'pending' },
        ],
        checks: ['pytest'],
      },
      { type: 'plan.approved', revision: 2, by: 'ann' },
      programmer,
      { type: 'plan.updated', steps: [{ id: 's1', status: 'completed' }] },
    );
    expect(lines).toEqual([
      'PLAN 2: Make login asynchronous',
      '  1. Write a test',
      '     In test_auth.py.',
      '     It must fail first.',
      '  2. Change auth.py',
      '  Check: $ pytest',
      'Plan 2 approved by ann.',
      'PROGRAMMER: Done: Write a test',
    ]);
  });

  it('say that a check passed without counting as verification', () => {
    const event: EventBody = {
      type: 'verification.recorded',
      tree: 't',
      command: 'true',
      op: 'o',
      exitCode: 0,
      durationMs: 3,
      output: '',
      counted: false,
      note: 'it runs no test',
    };
    expect(logLines(event)).toEqual([
      'CHECK: $ true → exit 0 (0.0 s)',
      '  it runs no test',
      '  This does not count as verification.',
    ]);
  });

  it('name the place of each finding of a review', () => {
    const event: EventBody = {
      type: 'review.submitted',
      iteration: 1,
      tree: 't',
      by: 'reviewer',
      verdict: 'request_changes',
      findings: [
        { file: 'a.ts', line: 3, problem: 'off by one' },
        { file: '', problem: 'no test' },
      ],
      summary: '',
    };
    expect(logLines(event)).toEqual(['REVIEWER: Changes needed.', '  - a.ts:3: off by one', '  - no test']);
  });

  it('say where the branch is', () => {
    const event: EventBody = {
      type: 'publish.finished',
      branch: 'swe-agent/x',
      commit: '0123456789abcdef',
      pushed: false,
      message: 'There is no credential for example.com.',
      bundle: { blob: 'sha256-a', bytes: 1 },
      patch: { blob: 'sha256-b', bytes: 1 },
      filesChanged: 1,
      additions: 2,
      deletions: 0,
      summary: '',
    };
    expect(logLines(event)).toEqual([
      'Published branch swe-agent/x at 0123456789 (kept here, not pushed): 1 file changed, +2 −0.',
      '  There is no credential for example.com.',
    ]);
  });

  it('go on with an answer without seeming to begin anew', () => {
    expect(linesOf(entered('Programming', 'Answered'))).toEqual(['PROGRAMMER: Going on with the answer...']);
  });

  it('cannot move the cursor of a terminal, break out of their line or grow without bound', () => {
    const message = `\u001b[31mred\u001b[0m\u0007\r\n${'x'.repeat(5000)}\n${'line\n'.repeat(100)}`;
    const lines = logLines({ type: 'input.received', id: 'i', message, author: 'ann', when: 'now' });
    expect(lines[0]).toBe('MESSAGE from ann: red');
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toBe('  … 62 more lines');
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(300);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(line).not.toMatch(/[\u0000-\u001f\u007f]/);
    }
  });
});
