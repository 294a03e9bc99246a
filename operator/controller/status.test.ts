import { describe, expect, it } from '@jest/globals';
import { aSession } from '../../test/support/objects.ts';
import { SessionScript } from '../../test/support/session-script.ts';
import type { AgentSession } from '../api/resources.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';
import { validateAgentSession } from '../api/validators.gen.js';
import type { SessionView } from '../engine/session-tasks.ts';
import type { SessionState } from '../engine/state.ts';
import { projectStatus, withoutCounters } from './status.ts';
import { fitStatus, MAX_STATUS_BYTES } from './status-size.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const LATER = NOW + 60_000;
const resolved = { ok: true, reason: 'Resolved', message: 'AIProfile p.', fingerprint: 'p' };
const unresolved = { ok: false, reason: 'NoProfile', message: 'There is none.', fingerprint: '' };

const viewOf = (state: SessionState, changes: Partial<SessionView> = {}): SessionView => ({
  state,
  running: true,
  waiting: undefined,
  observedGeneration: 1,
  ...changes,
});

/** Projects, and makes sure that an API server would take the outcome. */
function project(session: AgentSession, known: Partial<Parameters<typeof projectStatus>[1]>, now = NOW): AgentSessionStatus {
  const status = projectStatus(session, { view: undefined, profiles: resolved, hold: undefined, ...known }, now);
  const valid = validateAgentSession({ ...session, status });
  expect(valid ? [] : validateAgentSession.errors).toEqual([]);
  return status;
}

const conditions = (status: AgentSessionStatus) =>
  Object.fromEntries((status.conditions ?? []).map(({ type, status: holds, reason }) => [type, `${holds} ${reason}`]));

describe('the status of a session that runs', () => {
  it('tells the whole way to a verified result', () => {
    const session = new SessionScript({ mode: 'review' });
    const seen: unknown[] = [];
    let last: AgentSessionStatus | undefined;
    const look = () => {
      last = project(aSession({}, last), { view: viewOf(session.state) });
      seen.push([last.phase, conditions(last)]);
    };
    session.next();
    look();
    session.until('WaitingForUser');
    look();
    session.wants({ approvedPlan: 1 }).until('Completed');
    look();
    const resolvedTo = { ProfileResolved: 'True Resolved' };
    expect(seen).toEqual([
      [
        'Provisioning',
        { ...resolvedTo, SandboxReady: 'False NotProvisioned', Progressing: 'True Started', Finished: 'False NotFinished' },
      ],
      [
        'WaitingForUser',
        {
          ...resolvedTo,
          SandboxReady: 'True Ready',
          Isolated: 'True None',
          PlanApproved: 'False WaitingForApproval',
          Progressing: 'False WaitingForApproval',
          Finished: 'False NotFinished',
        },
      ],
      [
        'Completed',
        {
          ...resolvedTo,
          SandboxReady: 'True Ready',
          Isolated: 'True None',
          PlanApproved: 'True Approved',
          Progressing: 'False Verified',
          Verified: 'True ChecksPassed',
          Finished: 'True Completed',
        },
      ],
    ]);
    expect(last).toMatchObject({
      observedGeneration: 1,
      plan: { revision: 1, title: 'Mend', steps: [{ id: 'a', title: 'Mend it', status: 'pending' }] },
      sandbox: { type: 'local', name: 's', uid: 'box-1' },
      iteration: 1,
      steps: session.state.steps,
      usage: { inputTokens: 300, outputTokens: 30, costUSD: 0.03 },
      log: { epoch: 1, lastSeq: session.state.lastSeq },
      result: {
        summary: 'done',
        branch: 'swe-agent/x',
        commit: 'commit-1',
        pushed: true,
        filesChanged: 1,
        verified: true,
        evidence: [{ command: 'npm test', exitCode: 0, tree: 'tree-1', durationMs: 1, counted: true }],
      },
      startTime: '2026-01-01T00:00:01.000Z',
      completionTime: session.state.finished?.time,
    });
    expect(last?.recentLogs?.at(-1)).toMatch(/^Completed/);
  });

  it('tells no cost where no price is known, and how many calls are not in it where one is', () => {
    const session = new SessionScript().until('Programming');
    const usage = (changes: object) =>
      project(aSession(), { view: viewOf({ ...session.state, usage: { ...session.state.usage, ...changes } }) }).usage;
    expect(usage({ costUSD: 0, unpricedCalls: 2 })).toEqual({ inputTokens: 100, outputTokens: 10, unpricedCalls: 2 });
    expect(usage({ costUSD: 0.5, unpricedCalls: 2 })).toMatchObject({ costUSD: 0.5, unpricedCalls: 2 });
    expect(usage({ costUSD: 0, unpricedCalls: 0 })).toEqual({ inputTokens: 100, outputTokens: 10, costUSD: 0 });
  });

  it('tells why the sandbox is not ready, from the first obstacle to one that is given back', () => {
    const session = new SessionScript({ mode: 'review' });
    session.sandboxType = 'pod';
    session.next();
    const ready = (changes: Partial<SessionView> = {}) =>
      project(aSession(), { view: viewOf(session.state, changes) }).conditions?.find(({ type }) => type === 'SandboxReady');
    expect(ready()).toMatchObject({ status: 'False', reason: 'NotProvisioned' });
    session.happen({ type: 'sandbox.requested', sandboxType: 'pod' });
    expect(ready()).toMatchObject({ status: 'False', reason: 'Provisioning' });
    const waiting = { reason: 'ImagePullBackOff', message: 'no such image' };
    expect(ready({ waiting, waitsForSandbox: true })).toMatchObject({ status: 'False', ...waiting });
    // Something else is waited for.
    expect(ready({ waiting: { reason: 'LogUnavailable', message: 'm' } })?.reason).toBe('Provisioning');
    const pause = { type: 'session.paused', reason: 'SandboxUnavailable', message: 'no such image', resumeCounter: 0 } as const;
    session.happen(pause);
    expect(ready()).toMatchObject({ reason: 'SandboxUnavailable', message: 'no such image' });
    session.happen({ type: 'session.resumed', resumeCounter: 1 }).until('WaitingForUser');
    expect(ready()).toMatchObject({ status: 'True', reason: 'Ready' });
    session.happen({ type: 'sandbox.releasing', message: 'm' });
    expect(ready()?.reason).toBe('Releasing');
    session.happen({ type: 'sandbox.released', message: 'Given back.' });
    expect(ready()).toMatchObject({ status: 'False', reason: 'Released', message: 'Given back.' });
    session.happen({ type: 'sandbox.requested', sandboxType: 'pod' });
    expect(ready()?.reason).toBe('Restoring');
    expect(ready({ waiting, waitsForSandbox: true })).toMatchObject(waiting);
    session.happen({ type: 'sandbox.lost', sandboxUid: 'box-1', message: 'm' }, { type: 'sandbox.released', message: 'm' });
    session.happen({ type: 'session.finished', outcome: 'Failed', reason: 'X', message: 'm' });
    expect(ready()?.reason).toBe('Released');
  });

  it('says of a session that ended before its sandbox was ready whether one may be left', () => {
    const session = new SessionScript();
    session.next();
    const reason = () =>
      project(aSession(), { view: viewOf(session.state) }).conditions?.find(({ type }) => type === 'SandboxReady')?.reason;
    session.happen({ type: 'sandbox.requested', sandboxType: 'pod' });
    session.happen({ type: 'session.finished', outcome: 'Failed', reason: 'RepositoryNotFound', message: 'm' });
    expect(reason()).toBe('NotReady');
    session.happen({ type: 'sandbox.releasing', message: 'm' }, { type: 'sandbox.released', message: 'm' });
    expect(reason()).toBe('Released');
  });

  it('says unverified where no check that counts was run on the final tree', () => {
    const session = new SessionScript().until('Reviewing');
    session.happen({ type: 'session.finished', outcome: 'Completed', reason: 'Unverified', message: 'm' });
    const status = project(aSession(), { view: viewOf(session.state) });
    expect(conditions(status).Verified).toBe('False NotChecked');
    expect(status.result).toMatchObject({ verified: false, evidence: [] });
  });

  it('says which check failed', () => {
    const session = new SessionScript().until('Reviewing').check('npm test', 'tree-1', 2);
    const status = project(aSession(), { view: viewOf(session.state) });
    const verified = status.conditions?.find(({ type }) => type === 'Verified');
    expect(verified).toMatchObject({
      status: 'False',
      reason: 'CheckFailed',
      message: '`npm test` failed with exit code 2 on tree tree-1.',
    });
  });

  it('shows a question until it is answered, and clears what does not hold any more', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go([{ name: 'ask_user' }]);
    session.go();
    const asked = project(aSession(), { view: viewOf(session.state) });
    expect(asked).toMatchObject({ phase: 'WaitingForUser', question: { id: 'q1', text: 'Which?' } });
    expect(conditions(asked).Progressing).toBe('False QuestionAsked');
    session.says('The first', { answerTo: 'q1' }).next();
    const answered = project(aSession({}, asked), { view: viewOf(session.state) });
    expect(answered).not.toHaveProperty('question');
    expect(conditions(answered).Progressing).toBe('True Answered');
  });

  it('says why it pauses, and what it waits for', () => {
    const session = new SessionScript().until('Programming').wants({ suspend: true });
    session.next();
    expect(conditions(project(aSession(), { view: viewOf(session.state) })).Progressing).toBe('False Suspended');
    const busy = new SessionScript().until('Planning');
    const waiting = { reason: 'ProviderRetry', message: 'The provider is busy.' };
    const status = project(aSession(), { view: viewOf(busy.state, { waiting }) });
    expect(status.phase).toBe('Planning');
    expect(status.conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({ status: 'False', ...waiting });
  });

  it('warns that commands are not isolated', () => {
    const session = new SessionScript().until('Planning');
    const sandbox = session.state.sandbox;
    if (!sandbox) throw new Error('the script has a sandbox');
    const state = { ...session.state, sandbox: { ...sandbox, isolated: false, isolationMessage: 'bubblewrap is missing' } };
    const status = project(aSession(), { view: viewOf(state) });
    expect(status.conditions?.find(({ type }) => type === 'Isolated')).toMatchObject({
      status: 'False',
      reason: 'NotIsolated',
      message: 'bubblewrap is missing',
    });
  });

  it('is the same however often it is looked at, and keeps the times of transitions', () => {
    const session = new SessionScript().until('Programming');
    const first = project(aSession(), { view: viewOf(session.state) });
    expect(project(aSession({}, first), { view: viewOf(session.state) }, LATER)).toEqual(first);
    session.until('Completed');
    const last = project(aSession({}, first), { view: viewOf(session.state) }, LATER);
    const times = Object.fromEntries((last.conditions ?? []).map((one) => [one.type, one.lastTransitionTime]));
    expect(times).toMatchObject({ SandboxReady: '2026-01-01T01:00:00Z', Finished: '2026-01-01T01:01:00Z' });
  });

  it('takes only the generation that the engine has seen for observed', () => {
    const session = new SessionScript().until('Programming');
    const status = project(aSession({}, undefined, { generation: 7 }), {
      view: viewOf(session.state, { observedGeneration: 6 }),
    });
    expect(status.observedGeneration).toBe(6);
    expect(status.conditions?.every(({ observedGeneration }) => observedGeneration === 6)).toBe(true);
  });

  it('does not tell of a profile that went after the session was over', () => {
    const session = new SessionScript().until('Completed');
    const done = project(aSession(), { view: viewOf(session.state) });
    expect(project(aSession({}, done), { view: viewOf(session.state), profiles: unresolved })).toEqual(done);
  });

  it('tells the counters apart from what is written at once', () => {
    const session = new SessionScript().until('Programming');
    const before = project(aSession(), { view: viewOf(session.state) });
    session.go();
    session.go([{ name: 'bash' }]);
    session.go();
    const after = project(aSession({}, before), { view: viewOf(session.state) });
    expect(after).not.toEqual(before);
    expect(withoutCounters(after)).toEqual(withoutCounters(before));
    session.until('Completed');
    const over = project(aSession({}, after), { view: viewOf(session.state) });
    expect(withoutCounters(over)).not.toEqual(withoutCounters(after));
  });
});

describe('the status of a session whose log is not known here', () => {
  const hold = { reason: 'NoProfile', message: 'There is none.' };

  it('says that it is queued, and why', () => {
    const status = project(aSession({}, undefined, { generation: 3 }), { hold, profiles: unresolved });
    expect(status).toMatchObject({ phase: 'Queued', observedGeneration: 3 });
    expect(conditions(status)).toEqual({
      ProfileResolved: 'False NoProfile',
      Progressing: 'False NoProfile',
      Finished: 'False NotFinished',
    });
  });

  it('keeps everything that it said before, and adds why nothing happens', () => {
    const session = new SessionScript().until('Programming');
    const before = project(aSession(), { view: viewOf(session.state) });
    const status = project(aSession({}, before, { generation: 2 }), { hold, profiles: unresolved });
    expect(status).toEqual({ ...before, conditions: expect.any(Array) });
    expect(conditions(status)).toEqual({
      ...conditions(before),
      ProfileResolved: 'False NoProfile',
      Progressing: 'False NoProfile',
    });
    expect(status.observedGeneration).toBe(1);
  });

  it('is not undone by a log that was not read yet, or that lost events', () => {
    const session = new SessionScript().until('Programming');
    const before = project(aSession(), { view: viewOf(session.state) });
    const behind = new SessionScript().until('Planning').state;
    const waiting = { reason: 'EngineError', message: 'acknowledged writes were lost' };
    const status = project(aSession({}, before), { view: viewOf(behind, { waiting, running: false }) });
    expect(status).toMatchObject({ phase: 'Programming', log: before.log });
    expect(conditions(status).Progressing).toBe('False EngineError');
  });

  it('leaves it to another operator that works on it to say how it goes', () => {
    const session = new SessionScript().until('Programming');
    const before = project(aSession(), { view: viewOf(session.state) });
    const claimed = { reason: 'Claimed', message: 'another operator' };
    const status = project(aSession({}, before), { view: viewOf({ ...session.state, lastSeq: 0 }, { waiting: claimed }) });
    expect(status).toEqual(before);
  });
});

describe('the size of a status', () => {
  /** The fullest status that the schema admits, of characters that take most bytes. */
  function fullest(character: string): AgentSessionStatus {
    const text = (length: number) => character.repeat(length);
    const session = new SessionScript().until('Completed');
    const steps = Array.from({ length: 30 }, (_, at) => ({
      id: `${at}`.padEnd(63, 'x'),
      title: text(200),
      status: 'pending' as const,
    }));
    const evidence = Array.from({ length: 32 }, () => ({
      command: text(400),
      tree: 'tree-1',
      op: 'o',
      exitCode: 1,
      durationMs: 1.5,
      output: '',
      counted: true,
      note: undefined,
      change: undefined,
    }));
    const state: SessionState = {
      ...session.state,
      plan: { revision: 1, title: text(400), steps, checks: [] },
      question: { id: 'q1', text: text(5_000), conversation: undefined, callId: undefined },
      evidence,
      recentLogs: Array.from({ length: 20 }, () => text(300)),
      phaseMessage: text(5_000),
      finished: { outcome: 'Failed', reason: 'x', message: text(5_000), time: '2026-01-01T00:00:00Z' },
      programmerSummary: text(9_000),
      published: session.state.published && { ...session.state.published, summary: text(9_000), branch: text(400) },
      sandboxLost: text(5_000),
    };
    return project(aSession(), { view: viewOf(state), profiles: { ...resolved, message: text(3_000) } });
  }

  it.each([
    ['letters', 'x'],
    ['umlauts', 'ü'],
    ['ideographs', '好'],
    ['emoji', '😀'],
    ['quotes', '"'],
  ])('stays below 32 KiB however full of %s it is', (_, character) => {
    const status = fullest(character);
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThanOrEqual(MAX_STATUS_BYTES);
    expect(status.plan?.steps).toHaveLength(30);
    expect(status.result).toMatchObject({ branch: expect.any(String), commit: 'commit-1', verified: false });
    expect(status.conditions).toHaveLength(7);
  });

  it('gives nothing up as long as there is room', () => {
    const status = { phase: 'Planning' as const, recentLogs: Array.from({ length: 20 }, () => 'x'.repeat(300)) };
    expect(fitStatus(status)).toBe(status);
  });
});
