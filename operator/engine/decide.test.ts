import { describe, expect, it } from '@jest/globals';
import { SessionScript } from '../../test/support/session-script.ts';
import { goal } from '../agent/opening.ts';
import { decide } from './decide.ts';
import { verified } from './evidence.ts';

describe('the life of a session', () => {
  it('goes in auto mode from the goal to a published result', () => {
    const session = new SessionScript();
    const phases: string[] = [];
    for (let guard = 0; guard < 60 && !session.state.finished; guard++) {
      const role = session.state.conversation?.role;
      session.go([{ name: role === 'planner' ? 'submit_plan' : role === 'programmer' ? 'finish' : 'approve' }]);
      session.next();
      if (phases.at(-1) !== session.state.phase) phases.push(session.state.phase);
    }
    expect(phases).toEqual(['Planning', 'Programming', 'Reviewing', 'Publishing', 'Completed']);
    expect(verified(session.state)).toBe(true);
    expect(session.state.finished).toMatchObject({ outcome: 'Completed', reason: 'Verified' });
  });

  it('keeps a token that was written into the address out of the log', () => {
    const repository = { url: 'https://ada:secret-token@example.com/r.git', ref: undefined, depth: 1 };
    const session = new SessionScript({ repository });
    expect(JSON.stringify(decide(session.state, session.intent))).not.toContain('secret-token');
  });

  it('waits in review mode for the approval of exactly the plan that is shown', () => {
    const session = new SessionScript({ mode: 'review' }).until('WaitingForUser');
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.wants({ approvedPlan: 2 }).next()).toEqual({ do: 'idle' });
    expect(session.wants({ approvedPlan: 1 }).next()).toEqual({ do: 'open-conversation', role: 'programmer' });
    expect(session.state.approvedRevision).toBe(1);
  });

  it('makes a new revision from feedback on the plan and waits again', () => {
    const session = new SessionScript({ mode: 'review' }).until('WaitingForUser').says('Also the README');
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
    session.until('WaitingForUser');
    expect(session.state.plan?.revision).toBe(2);
    expect(session.wants({ approvedPlan: 1 }).next()).toEqual({ do: 'idle' });
  });

  it('never completes when a check failed, and sends the work back instead', () => {
    const session = new SessionScript().until('Reviewing');
    const check = session.next();
    expect(check).toMatchObject({ do: 'verify', command: 'npm test', on: { tree: 'tree-1' } });
    session.check('npm test', 'tree-1', 1);
    expect(session.next().do).toBe('reset-worktree');
    session.go();
    expect(session.state).toMatchObject({ phase: 'Programming', iteration: 2, reviewRounds: 1 });
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'programmer' });
  });

  it("runs the user's own checks rather than the plan's", () => {
    const session = new SessionScript({ verify: ['make check'] }).until('Reviewing');
    expect(session.next()).toMatchObject({ do: 'verify', command: 'make check' });
  });

  it('takes evidence of an earlier tree for nothing', () => {
    const session = new SessionScript().until('Reviewing');
    session.check('npm test', 'tree-0', 0);
    expect(session.next()).toMatchObject({ do: 'verify', on: { tree: 'tree-1' } });
  });

  it('pauses after the last review round and goes on when resumed', () => {
    const session = new SessionScript({ limits: { ...new SessionScript().intent.limits, maxReviewRounds: 1 } }).until(
      'Reviewing',
    );
    session.check('npm test', 'tree-1', 2);
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause?.reason).toBe('ReviewRoundsExhausted');
    session.wants({ resume: 1 });
    expect(session.next().do).toBe('reset-worktree');
  });

  it('runs a check again whose end was not seen, but not for ever', () => {
    const session = new SessionScript().until('Reviewing');
    session.check('npm test', 'tree-1', -1);
    expect(session.next()).toMatchObject({ do: 'verify' });
    session.check('npm test', 'tree-1', -1);
    session.check('npm test', 'tree-1', -1);
    expect(session.next().do).toBe('reset-worktree');
  });
});

describe('a check that is interrupted', () => {
  it('is run again as often as it takes, and is never held against the work', () => {
    const session = new SessionScript().until('Reviewing');
    const check = { tree: 'tree-1', command: 'npm test', op: 'check' };
    const ended = { exitCode: -1, durationMs: 0, output: '', counted: false, interrupted: true } as const;
    for (let i = 0; i < 5; i++) {
      expect(session.next()).toMatchObject({ do: 'verify' });
      session.happen(
        { type: 'verification.started', ...check, sandboxUid: 'box-1' },
        { type: 'verification.recorded', ...check, ...ended },
      );
    }
    expect(session.next()).toMatchObject({ do: 'verify' });
    expect(session.state.evidence).toEqual([]);
    session.until('Completed');
    expect(verified(session.state)).toBe(true);
  });
});

describe('messages', () => {
  it('join the goal while the sandbox is being prepared', () => {
    const session = new SessionScript().says('Mind the edge cases');
    session.next();
    session.go();
    session.next();
    expect(session.state.inputs[0]?.applied).toBe('goal');
  });

  it('reach the planner at its next tool boundary', () => {
    const session = new SessionScript().until('Planning');
    session.go();
    session.go([{ name: 'bash' }]);
    session.says('Only src');
    expect(session.next().do).toBe('run-tool');
    session.go();
    expect(session.next().do).toBe('call-model');
    expect(session.state.conversation?.turns.at(-1)).toMatchObject({ kind: 'note', reason: 'steering' });
    expect(session.state.inputs[0]?.applied).toBe('goal');
  });

  it('wait while coding and replan once the iteration ends, before any review', () => {
    const session = new SessionScript().until('Programming').says('Also the README');
    session.go();
    session.go([{ name: 'bash' }]);
    session.go();
    expect(session.state.conversation?.turns.some((turn) => turn.kind === 'note')).toBe(false);
    session.go([{ name: 'finish' }]);
    session.go();
    expect(session.next().do).toBe('commit');
    session.go();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
    expect(session.state).toMatchObject({ phase: 'Planning', phaseReason: 'NewInput' });
  });

  it('wait while reviewing and replan before finishing, even after an approval', () => {
    const session = new SessionScript().until('Reviewing');
    session.go();
    session.says('Also the README');
    session.go();
    session.go([{ name: 'approve' }]);
    session.go();
    session.go();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
  });

  it('steer at the next tool boundary when they say next-step', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go([{ name: 'bash' }]);
    session.go();
    session.says('Use tabs', { when: 'next-step' });
    expect(session.next().do).toBe('call-model');
    expect(session.state.conversation?.turns.at(-1)).toMatchObject({ kind: 'note', text: expect.stringContaining('Use tabs') });
  });

  it('reopen a completed session with planning at once', () => {
    const session = new SessionScript().until('Completed').says('One more thing');
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
    expect(session.state.finished).toBeUndefined();
    session.until('Completed');
    expect(session.state.iteration).toBe(2);
  });

  it('are kept while paused and applied on resume', () => {
    const session = new SessionScript().until('Planning').wants({ suspend: true });
    session.next();
    session.says('Later');
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.inputs[0]?.applied).toBeUndefined();
    session.wants({ suspend: false }).next();
    expect(session.state.inputs[0]?.applied).toBe('goal');
  });

  it('are refused once the session is cancelled', () => {
    const session = new SessionScript().until('Programming').wants({ cancelled: true });
    expect(session.next()).toEqual({ do: 'idle' });
    session.says('Hello?');
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.inputs[0]?.applied).toBe('refused');
    expect(session.state.phase).toBe('Cancelled');
  });

  it('answer the question that they name, and the conversation goes on', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go([{ name: 'ask_user' }]);
    session.go();
    expect(session.next()).toEqual({ do: 'idle' });
    session.says('The second', { answerTo: 'q1' });
    expect(session.next().do).toBe('call-model');
    expect(session.state).toMatchObject({ phase: 'Programming', question: undefined });
    expect(session.state.conversation?.turns.at(-1)).toMatchObject({ kind: 'result', text: 'The user answered: The second' });
  });

  it('that answer a question are known to every later role, with the question', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go([{ name: 'ask_user' }]);
    session.go();
    session.says('The second', { answerTo: 'q1' }).until('Reviewing');
    expect(goal(session.state)).toContain('- ada, asked "Which?": The second');
  });

  it('replan when they do not name the question that waits', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go([{ name: 'ask_user' }]);
    session.go();
    session.says('Forget it, do the other thing');
    expect(session.next()).toEqual({ do: 'commit' });
    session.go();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
    expect(session.state).toMatchObject({ phase: 'Planning', question: undefined, commit: { iteration: 1 } });
    expect(session.state.inputs[0]?.applied).toBe('goal');
  });

  it('are heard before the plan is worked on when they come together with it', () => {
    const session = new SessionScript().until('Planning');
    session.go();
    session.go([{ name: 'submit_plan' }]);
    session.says('Only src');
    session.go();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
    expect(session.state).toMatchObject({ phase: 'Planning', iteration: 0 });
    session.until('Programming');
    expect(session.state.plan?.revision).toBe(2);
  });

  it('replan when a check failed meanwhile, instead of waiting for another iteration', () => {
    const session = new SessionScript().until('Reviewing').says('Do it differently');
    session.check('npm test', 'tree-1', 1);
    expect(session.next()).toMatchObject({ do: 'reset-worktree', commit: 'commit-1' });
    session.go();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
  });

  it('that interrupt are read before anything else is done, however many calls are left', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.go(Array.from({ length: 20 }, (_, index) => ({ name: 'bash', args: { command: `make ${index}` } })));
    session.go();
    session.says('Stop, wrong way', { when: 'now' });
    expect(session.next().do).toBe('call-model');
    const turns = session.state.conversation?.turns ?? [];
    const results = turns.filter((turn) => turn.kind === 'result');
    expect(results.map((turn) => turn.outcome)).toEqual(['ok', ...Array<string>(19).fill('interrupted')]);
    expect(turns.at(-1)).toMatchObject({ kind: 'note', text: expect.stringContaining('Stop, wrong way') });
  });

  it('that came while the session failed keep what was half done', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    session.happen({ type: 'session.finished', outcome: 'Failed', reason: 'X', message: '' });
    session.says('Try again');
    expect(session.next()).toEqual({ do: 'commit' });
    session.go();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'planner' });
  });
});

describe('limits and faults', () => {
  it('pause the session when a limit is reached and let it go on when it is raised', () => {
    const base = new SessionScript().intent.limits;
    const session = new SessionScript({ limits: { ...base, maxSteps: 1 } }).until('Planning');
    session.go();
    session.go([{ name: 'bash' }]);
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause).toMatchObject({
      reason: 'LimitReached',
      message: expect.stringContaining('spec.limits.maxSteps'),
    });
    session.wants({ limits: { ...base, maxSteps: 10 } });
    expect(session.next().do).toBe('run-tool');
  });

  it('do not count the time in which no operator was there', () => {
    const session = new SessionScript().until('Planning');
    const later = session.intent.now + 20 * 3_600_000;
    session.wants({ now: later, since: later - 1_000 });
    expect(decide(session.state, session.intent).do).toBe('open-conversation');
    session.wants({ now: later + 5 * 3_600_000 });
    const paused = { type: 'session.paused', reason: 'LimitReached' };
    expect(decide(session.state, session.intent)).toMatchObject({ do: 'record', events: [paused] });
  });

  it('warn once at four fifths of a limit', () => {
    const session = new SessionScript({ limits: { ...new SessionScript().intent.limits, maxCostUSD: 0.012 } }).until('Planning');
    session.go();
    session.go([{ name: 'bash' }]);
    session.next();
    expect([...session.state.warned]).toEqual(['maxCostUSD']);
  });

  it('wait for a retry, then turn to the fallback, then pause with the reason', () => {
    const session = new SessionScript({
      profiles: { planner: ['main', 'spare'], programmer: ['main'], reviewer: ['main'] },
    }).until('Planning');
    session.go();
    const at = { conversation: 'planner-1', call: 1 };
    const later = session.intent.now + 60_000;
    session.happen({ type: 'model.failed', ...at, class: 'transient', message: 'busy', retryAt: later });
    expect(session.next()).toMatchObject({ do: 'wait', until: later });
    session.happen({ type: 'model.failed', ...at, class: 'quota', message: 'used up' });
    expect(session.next()).toMatchObject({ do: 'call-model', profile: 'spare' });
    session.happen(
      { type: 'model.requested', ...at, profile: 'spare', model: 'm', purpose: 'step' },
      { type: 'model.failed', ...at, class: 'access', message: 'wrong key' },
    );
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause).toMatchObject({ reason: 'ProviderAccess', message: 'Profile spare: wrong key' });
    // What was wrong with the first one may be over.
    session.wants({ resume: 1 });
    expect(session.next()).toMatchObject({ do: 'call-model', profile: 'main' });
  });

  it('go back to the first profile with the next conversation', () => {
    const both = ['main', 'spare'];
    const session = new SessionScript({ profiles: { planner: both, programmer: both, reviewer: both } }).until('Planning');
    session.go();
    session.happen({ type: 'model.failed', conversation: 'planner-1', call: 1, class: 'quota', message: 'used up' });
    expect(session.next()).toMatchObject({ do: 'call-model', profile: 'spare' });
    session.until('Programming');
    session.go();
    expect(session.next()).toMatchObject({ do: 'call-model', profile: 'main' });
  });

  it('rest while no profile can be used, say so once, and go on where they were when one can', () => {
    const profiles = { planner: ['main'], programmer: ['main'], reviewer: ['main'] };
    const session = new SessionScript({ profiles }).until('Programming');
    session.go();
    session.go([{ name: 'bash' }]);
    session.go();
    const missing = { reason: 'SecretNotFound', message: 'AIProfile main cannot be used: Secret k does not exist.' };
    session.wants({ profiles: { ...profiles, programmer: missing } });
    expect(session.next()).toEqual({ do: 'idle' });
    const { recentLogs, phase, lastSeq, steps } = session.state;
    expect(recentLogs.at(-1)).toBe(`Warning: Waiting for a model (SecretNotFound): ${missing.message}`);
    expect(phase).toBe('Programming');
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.lastSeq).toBe(lastSeq);
    session.wants({ profiles });
    expect(session.next()).toEqual({ do: 'call-model', profile: 'main', diagnose: false });
    expect(session.state.steps).toBe(steps);
  });

  it('turn away at once from a provider that asks to wait too long', () => {
    const session = new SessionScript({
      profiles: { planner: ['main', 'spare'], programmer: ['main'], reviewer: ['main'] },
    }).until('Planning');
    session.go();
    const at = { conversation: 'planner-1', call: 1 };
    session.happen({ type: 'model.failed', ...at, class: 'transient', message: 'come back tomorrow' });
    expect(session.next()).toMatchObject({ do: 'call-model', profile: 'spare' });
  });

  it('let a result that cannot be committed be mended in the worktree, but not for ever', () => {
    const base = new SessionScript().intent.limits;
    const session = new SessionScript({ limits: { ...base, maxReviewRounds: 2 } }).until('Programming');
    const refuse = () => {
      session.go();
      session.go([{ name: 'finish' }]);
      session.go();
      expect(session.next()).toEqual({ do: 'commit' });
      const { iteration } = session.state;
      session.happen({
        type: 'review.submitted',
        iteration,
        tree: '',
        by: 'checks',
        verdict: 'request_changes',
        findings: [{ file: '', problem: 'the changes are 300 MB large' }],
        summary: '',
      });
    };
    refuse();
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'programmer' });
    expect(session.state.iteration).toBe(2);
    refuse();
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause?.reason).toBe('ReviewRoundsExhausted');
    session.wants({ resume: 1 });
    expect(session.next()).toEqual({ do: 'open-conversation', role: 'programmer' });
  });

  it('nudge at three identical results, diagnose at three more, then pause with a question', () => {
    const session = new SessionScript().until('Programming');
    session.go();
    const turn = () => {
      session.go([{ name: 'bash', args: { command: 'x' } }]);
      session.go();
    };
    for (let i = 0; i < 3; i++) turn();
    session.next();
    expect(session.state.conversation?.turns.at(-1)).toMatchObject({ kind: 'note', reason: 'nudge' });
    for (let i = 0; i < 3; i++) turn();
    expect(session.next()).toMatchObject({ do: 'call-model', diagnose: true });
    session.go();
    for (let i = 0; i < 3; i++) turn();
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause?.reason).toBe('Stuck');
    expect(session.state.question).toBeDefined();
    session.says('Use the other file', { answerTo: session.state.question?.id ?? '' });
    expect(session.next().do).toBe('call-model');
    expect(session.state.conversation?.turns.at(-1)).toMatchObject({
      kind: 'note',
      text: expect.stringContaining('Use the other file'),
    });
    expect(session.state.inputs[0]?.applied).toBe('answer');
  });

  it('remind a model that calls no tool, and pause when it keeps doing so', () => {
    const session = new SessionScript().until('Planning');
    session.go();
    for (let i = 0; i < 4; i++) session.go([]);
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause?.reason).toBe('Stuck');
    expect(session.state.conversation?.turns.filter((turn) => turn.kind === 'note')).toHaveLength(3);
  });

  it('provision again after the sandbox was lost', () => {
    const session = new SessionScript().until('Programming');
    session.happen({ type: 'sandbox.lost', sandboxUid: 'box-1', message: 'gone' });
    expect(session.next()).toEqual({ do: 'provision' });
  });
});
