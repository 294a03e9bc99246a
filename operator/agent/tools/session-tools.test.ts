import { describe, expect, it } from '@jest/globals';
import { parseAskUser, parseFinish, parseSubmitPlan, parseSubmitReview, parseUpdatePlan } from './session-tools.ts';

const errorOf = (parsed: { value: unknown } | { error: string }) => ('error' in parsed ? parsed.error : JSON.stringify(parsed));

describe('submit_plan', () => {
  it('takes a plan as it is', () => {
    const args = { title: 'Fix it', steps: [{ id: 'a', title: 'One', details: 'In x.ts' }], checks: ['npm test'] };
    expect(parseSubmitPlan(args)).toEqual({ value: args });
  });

  it.each<[string, Record<string, unknown>, unknown]>([
    ['a single step', { title: 't', steps: { title: 'One' } }, { title: 't', steps: [{ id: '1', title: 'One' }], checks: [] }],
    [
      'steps that are only titles',
      { title: 't', steps: ['One', ' Two '] },
      {
        title: 't',
        steps: [
          { id: '1', title: 'One' },
          { id: '2', title: 'Two' },
        ],
        checks: [],
      },
    ],
    [
      'steps as JSON in a string',
      { title: 't', steps: '[{"id":1,"title":"One"}]' },
      { title: 't', steps: [{ id: '1', title: 'One' }], checks: [] },
    ],
    [
      'ids as numbers, filling in the missing ones',
      { title: 't', steps: [{ id: 2, title: 'One' }, { title: 'Two' }] },
      {
        title: 't',
        steps: [
          { id: '2', title: 'One' },
          { id: '2-2', title: 'Two' },
        ],
        checks: [],
      },
    ],
    [
      'a plan without title',
      { steps: [{ id: '1', title: 'One' }] },
      { title: 'One', steps: [{ id: '1', title: 'One' }], checks: [] },
    ],
    [
      'one check in the place of a list, and drops empty ones',
      { title: 't', steps: ['One'], checks: ' npm test ' },
      { title: 't', steps: [{ id: '1', title: 'One' }], checks: ['npm test'] },
    ],
    [
      'a title of several lines',
      { title: 'a\nb', steps: [{ id: '1', title: 'One\nmore words' }] },
      { title: 'a b', steps: [{ id: '1', title: 'One', details: 'more words' }], checks: [] },
    ],
  ])('takes %s', (_, args, value) => {
    expect(parseSubmitPlan(args)).toEqual({ value });
  });

  it('moves a step title that is too long into the details', () => {
    const long = 'x'.repeat(201);
    const parsed = parseSubmitPlan({ title: 'y'.repeat(300), steps: [{ id: '1', title: long, details: 'more' }] });
    expect(parsed).toEqual({
      value: {
        title: `${'y'.repeat(255)}…`,
        steps: [{ id: '1', title: `${'x'.repeat(199)}…`, details: `${long}\n\nmore` }],
        checks: [],
      },
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no steps', { title: 't' }, '"steps" is empty or missing'],
    [
      '31 steps',
      { title: 't', steps: Array.from({ length: 31 }, (_, index) => `Step ${index}`) },
      '31 steps are too many; at most 30',
    ],
    [
      'one id twice',
      {
        title: 't',
        steps: [
          { id: 'a', title: 'One' },
          { id: 'a', title: 'Two' },
        ],
      },
      'two steps have the id "a"',
    ],
    ['a step without title', { title: 't', steps: [{ id: 'a' }] }, 'step 1 has no title'],
    [
      'an id that is too long',
      { title: 't', steps: [{ id: 'a'.repeat(64), title: 'One' }] },
      'the id of step 1 has 64 characters; at most 63',
    ],
    ['17 checks', { title: 't', steps: ['One'], checks: Array.from({ length: 17 }, () => 'x') }, '17 checks are too many'],
    ['a check that is too long', { title: 't', steps: ['One'], checks: ['x'.repeat(2049)] }, 'a check has 2049 characters'],
  ])('refuses %s', (_, args, words) => {
    expect(errorOf(parseSubmitPlan(args))).toContain(words);
  });
});

describe('update_plan', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a list', { steps: [{ id: '1', status: 'completed' }] }],
    ['one step', { steps: { id: 1, status: 'done' } }],
    ['a step without a list around it', { id: '1', status: 'Completed' }],
    ['a map', { steps: { '1': 'completed' } }],
    ['a list as JSON in a string', { steps: '[{"id":"1","status":"completed"}]' }],
  ])('takes %s', (_, args) => {
    expect(parseUpdatePlan(args)).toEqual({ value: { steps: [{ id: '1', status: 'completed' }] } });
  });

  it('reads a status however it is written', () => {
    const steps = ['In Progress', 'in-progress', 'TODO', 'skipped'].map((status, index) => ({ id: index, status }));
    expect(parseUpdatePlan({ steps })).toMatchObject({
      value: { steps: [{ status: 'in_progress' }, { status: 'in_progress' }, { status: 'pending' }, { status: 'skipped' }] },
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['nothing', {}, '"steps" is empty or missing'],
    ['a step without id', { steps: [{ status: 'completed' }] }, 'item 1 of "steps" has no id'],
    [
      'an unknown status',
      { steps: [{ id: '1', status: 'almost' }] },
      'the status of step 1 is "almost"; it must be one of pending, in_progress, completed, skipped',
    ],
  ])('refuses %s', (_, args, words) => {
    expect(errorOf(parseUpdatePlan(args))).toContain(words);
  });
});

describe('submit_review', () => {
  it.each<[string, Record<string, unknown>, unknown]>([
    ['an approval', { verdict: 'approve', findings: [] }, { verdict: 'approve', findings: [], summary: '' }],
    [
      'other words for approval',
      { verdict: 'Approved', summary: ' good ' },
      { verdict: 'approve', findings: [], summary: 'good' },
    ],
    [
      'one finding in the place of a list, with the line in the path',
      { verdict: 'request changes', findings: { file: './src/a.ts:12', problem: 'x' } },
      { verdict: 'request_changes', findings: [{ file: 'src/a.ts', line: 12, problem: 'x' }], summary: '' },
    ],
    [
      'a line as text, and no line 0',
      {
        verdict: 'request_changes',
        findings: [
          { file: 'a', line: '7', problem: 'x' },
          { file: 'b', line: 0, problem: 'y' },
        ],
      },
      {
        verdict: 'request_changes',
        findings: [
          { file: 'a', line: 7, problem: 'x' },
          { file: 'b', problem: 'y' },
        ],
        summary: '',
      },
    ],
  ])('takes %s', (_, args, value) => {
    expect(parseSubmitReview(args)).toEqual({ value });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no verdict', {}, '"verdict" is null; it must be approve or request_changes'],
    ['approval with findings', { verdict: 'approve', findings: [{ file: 'a', problem: 'x' }] }, 'approve goes with no findings'],
    ['a request for changes without findings', { verdict: 'request_changes', findings: [] }, 'needs at least one finding'],
    [
      'seven findings',
      { verdict: 'request_changes', findings: Array.from({ length: 7 }, () => ({ file: 'a', problem: 'x' })) },
      'give the 6 that matter most',
    ],
    [
      'an absolute path',
      { verdict: 'request_changes', findings: [{ file: '/etc/passwd', problem: 'x' }] },
      'give the path relative to the root',
    ],
    [
      'a path that leads out',
      { verdict: 'request_changes', findings: [{ file: 'a/../../b', problem: 'x' }] },
      'give the path relative to the root',
    ],
    ['a finding without file', { verdict: 'request_changes', findings: [{ problem: 'x' }] }, 'finding 1 has no "file"'],
    ['a finding without problem', { verdict: 'request_changes', findings: [{ file: 'a' }] }, 'finding 1 has no "problem"'],
    ['a finding that is text', { verdict: 'request_changes', findings: ['bad'] }, 'finding 1 must be an object'],
  ])('refuses %s', (_, args, words) => {
    expect(errorOf(parseSubmitReview(args))).toContain(words);
  });
});

describe('finish and ask_user', () => {
  it('want words, and not too many', () => {
    expect(parseFinish({ summary: ' Done. ' })).toEqual({ value: { summary: 'Done.' } });
    expect(errorOf(parseFinish({}))).toContain('"summary" is missing');
    expect(parseAskUser({ question: 'Which?' })).toEqual({ value: { question: 'Which?' } });
    expect(errorOf(parseAskUser({ question: '  ' }))).toContain('"question" is missing');
    expect(errorOf(parseAskUser({ question: 'x'.repeat(2049) }))).toContain('2049 characters; at most 2048');
  });
});
