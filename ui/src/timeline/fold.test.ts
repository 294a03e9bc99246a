import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { append, EMPTY } from './fold.ts';
import { longLog } from './long-log.ts';
import type { Entry, SessionEvent, Timeline } from './model.ts';

/** The log of a session as the system wrote it: a question, two plans, a message, a limit, two rounds of review. */
const REVIEWED = readLog('review-session.jsonl');

function readLog(name: string): SessionEvent[] {
  const lines = readFileSync(join(import.meta.dirname, 'testdata', name), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line): SessionEvent => JSON.parse(line));
}

const entries = (timeline: Timeline): Entry[] => timeline.groups.flatMap((group) => group.entries);

function ofKind<K extends Entry['kind']>(timeline: Timeline, kind: K): Extract<Entry, { kind: K }>[] {
  const is = (entry: Entry): entry is Extract<Entry, { kind: K }> => entry.kind === kind;
  return entries(timeline).filter(is);
}

/** Events after each other, as a log would have them. */
function log(...bodies: Record<string, unknown>[]): SessionEvent[] {
  return bodies.map((body, index) => {
    const time = new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString();
    return JSON.parse(JSON.stringify({ seq: index + 1, epoch: 1, format: 3, time, ...body }));
  });
}

const usage = { inputTokens: 100, cachedInputTokens: 40, outputTokens: 10, reasoningTokens: 0 };
const started = {
  type: 'conversation.started',
  conversation: 'c',
  role: 'programmer',
  profile: 'p',
  model: 'm',
  promptVersion: '',
  system: '',
  opening: '',
};
const requested = { type: 'model.requested', conversation: 'c', call: 1, profile: 'p', model: 'm', purpose: 'step' };
const answered = (text: string, calls: unknown[] = []) => ({
  type: 'model.answered',
  conversation: 'c',
  call: 1,
  text,
  calls,
  purpose: 'step',
  stop: 'calls',
  model: 'm',
  usage,
  costUSD: 0.5,
  durationMs: 900,
});
const plan = (revision: number, ...titles: string[]) => ({
  type: 'plan.submitted',
  revision,
  title: 'Mend it',
  steps: titles.map((title) => ({ id: title.toLowerCase(), title, status: 'pending' })),
  checks: ['npm test'],
});

describe('a session that was reviewed twice', () => {
  const timeline = append(EMPTY, REVIEWED);

  it('is told in sections by phase and iteration', () => {
    expect(timeline.sections.map(({ kind, iteration }) => `${kind} ${iteration}`)).toEqual([
      'setup 0',
      'planning 0',
      'planning 0',
      'programming 1',
      'reviewing 1',
      'programming 2',
      'reviewing 2',
      'publishing 2',
    ]);
  });

  it('has the work of each plan step in a group of its own', () => {
    const programming = timeline.groups.filter((group) => timeline.sections[group.section]?.kind === 'programming');
    expect(programming.map((group) => group.step?.title)).toEqual([
      undefined,
      'Say hello',
      'Say it in the README',
      undefined,
      undefined,
    ]);
  });

  it('shows what became of every message', () => {
    expect(ofKind(timeline, 'message').map(({ text, applied, planStep }) => [text, applied, planStep?.title])).toEqual([
      ['English please', 'answer', undefined],
      ['Leave out the tidying.', 'goal', 'Tidy up'],
      ['By the way, keep it short.', 'steering', undefined],
    ]);
  });

  it('shows the question with its answer', () => {
    expect(ofKind(timeline, 'question')).toEqual([
      expect.objectContaining({
        text: 'In which language should it greet?',
        answer: { text: 'English please', author: 'root', withdrawn: false },
      }),
    ]);
  });

  it('keeps both plans, with who approved which', () => {
    expect(timeline.plans.map(({ revision, approvedBy, steps }) => [revision, approvedBy, steps.length])).toEqual([
      [1, undefined, 3],
      [2, 'root', 2],
    ]);
    expect(timeline.steps.map(({ id, status }) => [id, status])).toEqual([
      ['greet', 'completed'],
      ['readme', 'completed'],
    ]);
  });

  it('shows the checks with their ends, and the latest run of each as evidence', () => {
    expect(ofKind(timeline, 'check').map(({ stage, exitCode, running, change }) => [stage, exitCode, running, change])).toEqual([
      ['before', 1, false, undefined],
      [undefined, 0, false, 'fixed'],
      [undefined, 0, false, 'fixed'],
    ]);
    expect(timeline.evidence.map(({ stage, tree }) => [stage, tree === timeline.commit?.tree])).toEqual([
      ['before', false],
      [undefined, true],
    ]);
  });

  it('tells what a command did, and nothing twice that other entries tell', () => {
    const calls = ofKind(timeline, 'call');
    const long = calls.find(({ summary }) => summary.startsWith('$ for i in'));
    expect(long).toMatchObject({ family: 'command', exitCode: 3, running: false, outcome: 'ok' });
    expect(long?.output?.tail).toContain('line 4');
    expect(calls.filter(({ family }) => family === 'session')).toEqual([]);
    expect(calls.every(({ args }) => typeof args === 'string' && args.startsWith('{'))).toBe(true);
  });

  it('adds up what models used, by role and step', () => {
    const answers = REVIEWED.filter((event) => event.type === 'model.answered');
    expect(timeline.spent.total.calls).toBe(answers.length);
    const roles = Object.values(timeline.spent.role);
    expect(roles.reduce((sum, { inputTokens }) => sum + inputTokens, 0)).toBe(timeline.spent.total.inputTokens);
    expect(Object.keys(timeline.spent.role).sort()).toEqual(['planner', 'programmer', 'reviewer']);
    expect(Object.keys(timeline.spent.step)).toEqual(['greet', 'readme']);
  });

  it('ends finished, with the result', () => {
    expect(timeline.now).toMatchObject({ kind: 'finished', outcome: 'Completed' });
    expect(timeline.published?.branch).toMatch(/^swe-agent\//);
    expect(timeline.sections.at(-2)?.problems).toBe(0);
    expect(timeline.sections.find(({ kind, iteration }) => kind === 'reviewing' && iteration === 1)?.problems).toBe(1);
  });

  it('is the same whether its events come at once, one by one, or twice', () => {
    const single = REVIEWED.reduce((before, event) => append(before, [event]), EMPTY);
    expect(single).toEqual(timeline);
    expect(append(timeline, REVIEWED)).toBe(timeline);
  });

  it('gives every entry the sequence number of its first event as an id that nothing else has', () => {
    const ids = entries(timeline).map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  });

  it.each([
    [22, { kind: 'question', questionId: 'q1' }],
    [28, { kind: 'thinking', role: 'planner' }],
    [33, { kind: 'approval', revision: 1 }],
    [34, { kind: 'approval', revision: 1 }],
    [58, { kind: 'check', command: 'node --test' }],
    [66, { kind: 'tool' }],
    [81, { kind: 'paused', reason: 'LimitReached' }],
    [138, { kind: 'busy', text: expect.stringContaining('Publishing') }],
  ])('says after event %i what happens then', (seq, now) => {
    expect(append(EMPTY, REVIEWED.slice(0, seq)).now).toMatchObject(now);
  });
});

describe('a session that was paused', () => {
  const entered = { type: 'phase.entered', phase: 'WaitingForUser', reason: 'PlanReady', message: '' };
  const paused = { type: 'session.paused', reason: 'Suspended', message: '', resumeCounter: 0 };
  const resumed = { type: 'session.resumed', resumeCounter: 0 };
  const asked = { type: 'question.asked', id: 'q1', text: 'Which one?' };

  it('waits for the same again when it goes on', () => {
    const approval = append(EMPTY, log(plan(1, 'A'), entered, paused, { ...paused, reason: 'LimitReached' }, resumed));
    expect(approval).toMatchObject({ phase: 'WaitingForUser', now: { kind: 'approval', revision: 1 } });
    const question = append(EMPTY, log(asked, { ...entered, reason: 'QuestionAsked' }, paused, resumed));
    expect(question).toMatchObject({ phase: 'WaitingForUser', now: { kind: 'question', questionId: 'q1' } });
  });

  it('is busy again when it was before', () => {
    const working = { ...entered, phase: 'Programming', reason: 'PlanApproved' };
    const timeline = append(EMPTY, log(working, paused, resumed));
    expect(timeline).toMatchObject({ phase: 'Programming', now: { kind: 'busy' } });
  });
});

describe('what a model says', () => {
  it('grows while it comes, and is replaced by the whole when it is there', () => {
    const output = (text: string) => ({ type: 'model.output', conversation: 'c', call: 1, text });
    const events = log(started, requested, output('Let '), output('me see'), answered('Let me see.'));
    const live = append(EMPTY, events.slice(0, 4));
    expect(ofKind(live, 'said')).toMatchObject([{ id: 3, text: 'Let me see', streaming: true, role: 'programmer' }]);
    const whole = append(live, events.slice(4));
    expect(ofKind(whole, 'said')).toMatchObject([{ id: 3, last: 5, text: 'Let me see.', streaming: false, tokens: 10 }]);
  });

  it('stays as it was cut off when the call fails, and the next try is told', () => {
    const timeline = append(
      EMPTY,
      log(
        started,
        requested,
        { type: 'model.output', conversation: 'c', call: 1, text: 'Half' },
        {
          type: 'model.failed',
          conversation: 'c',
          call: 1,
          class: 'transient',
          message: '503',
          retryAt: 99,
        },
      ),
    );
    expect(ofKind(timeline, 'said')).toMatchObject([{ text: 'Half', streaming: false, broken: true }]);
    expect(ofKind(timeline, 'failure')).toMatchObject([{ class: 'transient', retryAt: 99, profile: 'p' }]);
    expect(timeline.now).toMatchObject({ kind: 'retry', until: 99 });
  });

  it('makes no entry when there is none of it', () => {
    expect(ofKind(append(EMPTY, log(started, requested, answered(''))), 'said')).toEqual([]);
  });
});

describe('a tool call', () => {
  it('that never began is told by its arguments', () => {
    const calls = [{ id: '1', name: 'read_file', arguments: '{"path":"a.ts"}' }];
    const finished = {
      type: 'tool.finished',
      conversation: 'c',
      callId: '1',
      name: 'read_file',
      outcome: 'interrupted',
      result: 'Not done',
      durationMs: 0,
    };
    const timeline = append(EMPTY, log(started, requested, answered('', calls), finished));
    expect(ofKind(timeline, 'call')).toMatchObject([{ id: 4, summary: 'read a.ts', outcome: 'interrupted', family: 'read' }]);
  });

  it('on the session itself is shown when it was refused', () => {
    const calls = [{ id: '1', name: 'finish', arguments: '{}' }];
    const finished = {
      type: 'tool.finished',
      conversation: 'c',
      callId: '1',
      name: 'finish',
      outcome: 'error',
      result: 'Not yet',
      durationMs: 0,
    };
    const timeline = append(EMPTY, log(started, requested, answered('', calls), finished));
    expect(ofKind(timeline, 'call')).toMatchObject([{ name: 'finish', family: 'session', outcome: 'error' }]);
  });
});

describe('the rest of what can happen', () => {
  it.each([
    [
      { type: 'sandbox.lost', sandboxUid: 'b', message: 'evicted' },
      { topic: 'sandbox', level: 'error' },
    ],
    [
      { type: 'checkpoint.failed', message: 'disk full' },
      { topic: 'checkpoint', level: 'warning' },
    ],
    [
      { type: 'limit.warned', limit: 'maxSteps', message: '7 of 8' },
      { topic: 'limit', level: 'warning' },
    ],
    [
      { type: 'log.line', level: 'error', text: 'Odd' },
      { topic: 'log', level: 'error', text: 'Odd' },
    ],
    [
      { type: 'tests.compared', commit: 'c', fail: 'no', message: 'They pass' },
      { topic: 'tests', level: 'warning' },
    ],
    [
      { type: 'note.added', conversation: 'c', reason: 'nudge', text: 'Stop' },
      { topic: 'note', level: 'warning' },
    ],
    [
      { type: 'session.danced', how: 'well' },
      { topic: 'unknown', text: 'Session danced' },
    ],
    [
      { type: 'sandbox.moved', message: 'to another node' },
      { topic: 'unknown', text: 'Sandbox moved: to another node' },
    ],
    [
      { type: 'plan.submitted', message: 'without what plans have' },
      { topic: 'unknown', text: 'Plan submitted: without what plans have' },
    ],
    [
      { type: 'phase.entered', phase: 'Dreaming', reason: 'Tired', message: 'Dreams' },
      { topic: 'phase', text: 'Dreams' },
    ],
  ])('is a line: %j', (event, line) => {
    expect(entries(append(EMPTY, log(event)))).toMatchObject([{ kind: 'line', ...line }]);
  });

  it('marks the work on a step as that of the step that was begun last', () => {
    const update = (...steps: [string, string][]) => ({
      type: 'plan.updated',
      steps: steps.map(([id, status]) => ({ id, status })),
    });
    const timeline = append(
      EMPTY,
      log(
        plan(1, 'A', 'B'),
        { type: 'iteration.started', iteration: 1 },
        { type: 'phase.entered', phase: 'Programming', reason: 'PlanApproved', message: '' },
        started,
        update(['a', 'in_progress']),
        requested,
        answered('On a'),
        update(['a', 'completed'], ['b', 'in_progress']),
        requested,
        answered('On b'),
        update(['b', 'completed']),
      ),
    );
    const worked = timeline.groups.filter(({ step }) => step).map(({ step, spent }) => [step?.id, spent.calls]);
    expect(worked).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(timeline.spent.step).toMatchObject({ a: { costUSD: 0.5 }, b: { costUSD: 0.5 } });
  });

  it('survives names that mean something to JavaScript', () => {
    const hostile = log(
      { ...plan(1), steps: [{ id: '__proto__', title: 'constructor', status: 'pending' }] },
      { type: 'iteration.started', iteration: 1 },
      { type: 'plan.updated', steps: [{ id: '__proto__', status: 'in_progress' }] },
      { ...started, role: 'programmer' },
      requested,
      { ...answered('hm', [{ id: '__proto__', name: 'toString', arguments: 'null' }]), model: 'constructor' },
      {
        type: 'tool.finished',
        conversation: 'c',
        callId: '__proto__',
        name: 'toString',
        outcome: 'error',
        result: 'no',
        durationMs: 1,
      },
    );
    const timeline = append(EMPTY, hostile);
    expect(timeline.spent.model.constructor).toMatchObject({ calls: 1 });
    expect(Object.entries(timeline.spent.step)).toMatchObject([['__proto__', { calls: 1 }]]);
    expect(ofKind(timeline, 'call')).toMatchObject([{ family: 'other', summary: 'toString' }]);
  });
});

describe('a log of 20,000 events', () => {
  const events = longLog(20_000);
  const timeline = append(EMPTY, events);

  it('is folded whole', () => {
    expect(timeline.lastSeq).toBe(20_000);
    expect(entries(timeline).length).toBeGreaterThan(5_000);
  });

  it('keeps every group but the last as the same object when one more event comes', () => {
    const next = append(
      timeline,
      log({ type: 'log.line', level: 'info', text: 'One more' }).map((event) => ({ ...event, seq: 20_001 })),
    );
    const changed = next.groups.filter((group, index) => group !== timeline.groups[index]);
    expect(changed).toEqual([next.groups.at(-1)]);
    const touched = next.sections.filter((section, index) => section !== timeline.sections[index]);
    expect(touched).toEqual([next.sections.at(-1)]);
    expect(changed[0]?.entries.slice(0, -1)).toEqual(timeline.groups.at(-1)?.entries);
    expect(next.groups.at(-1)?.entries[0]).toBe(timeline.groups.at(-1)?.entries[0]);
  });
});
