import { describe, expect, it } from '@jest/globals';
import { aSession } from '../../test/support/objects.ts';
import { SessionScript } from '../../test/support/session-script.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';
import type { SessionView } from '../engine/session-tasks.ts';
import { announcements } from './announcements.ts';
import type { Hold } from './policies.ts';
import { projectStatus } from './status.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const resolved = { ok: true, reason: 'Resolved', message: 'AIProfile p.', fingerprint: 'p' };
const unresolved = { ok: false, reason: 'NoProfile', message: 'There is none.', fingerprint: '' };

/** Follows a session from status to status and keeps what is said on the way. */
class Follower {
  readonly session = aSession();
  readonly said: string[] = [];
  #status: AgentSessionStatus = {};
  #reviews = 0;

  see(
    state: SessionScript['state'] | undefined,
    known: { hold?: Hold; profiles?: typeof resolved; waiting?: SessionView['waiting'] } = {},
  ): this {
    const view = state && { state, running: true, waiting: known.waiting, observedGeneration: 1 };
    const object = { ...this.session, status: this.#status };
    const after = projectStatus(object, { view, profiles: known.profiles ?? resolved, hold: known.hold }, NOW);
    const reviews = state?.reviews ?? [];
    const notes = announcements(this.session, this.#status, after, reviews.slice(this.#reviews));
    this.said.push(...notes.map(({ type, reason, note }) => `${type} ${reason}: ${note}`));
    this.#status = after;
    this.#reviews = reviews.length;
    return this;
  }

  take(): string[] {
    return this.said.splice(0);
  }
}

describe('what kubectl describe tells of a session', () => {
  it('is its whole life in a few lines', () => {
    const follower = new Follower();
    const session = new SessionScript({ mode: 'review' });
    for (let guard = 0; guard < 100 && !session.state.finished; guard++) {
      if (session.state.phase === 'WaitingForUser') session.wants({ approvedPlan: 1 });
      const role = session.state.conversation?.role;
      session.go([{ name: role === 'planner' ? 'submit_plan' : role === 'programmer' ? 'finish' : 'approve' }]);
      follower.see(session.state);
      session.next();
      follower.see(session.state);
    }
    expect(follower.take()).toEqual([
      'Normal ProfileResolved: AIProfile p.',
      'Normal Started: Work on https://github.com/acme/parser.git begins, in auto mode.',
      'Normal SandboxReady: The local sandbox s is ready.',
      'Normal PlanReady: Plan revision 1 has 1 step: Mend',
      `Normal WaitingForApproval: Plan revision 1 waits for approval: kubectl patch agentsession s -n ns --type merge -p '{"spec":{"approvedPlan":1}}'`,
      'Normal PlanApproved: Plan revision 1 was approved.',
      'Normal IterationStarted: Iteration 1 of programming begins.',
      'Normal Reviewing: What iteration 1 made is checked and reviewed.',
      'Normal ChecksPassed: The checks passed on tree tree-1.',
      'Normal ReviewApproved: The review approved the work.',
      'Normal Published: Branch swe-agent/x at commit-1, pushed.',
      'Normal Completed: Reviewed, and the checks passed. 1 check passed before the work and passes now.',
    ]);
    follower.see(session.state).see(session.state);
    expect(follower.take()).toEqual([]);
  });

  it('is that an approval was for another plan than the one that waits', () => {
    const session = new SessionScript({ mode: 'review' }).until('WaitingForUser');
    const waits = 'Plan revision 1 waits for approval: set spec.approvedPlan to 1, or send a message to have it changed.';
    const follower = new Follower().see(session.state);
    follower.take();
    follower.session.spec.approvedPlan = 7;
    follower.see(session.state).see(session.state);
    expect(follower.take()).toEqual([`Warning OtherRevision: spec.approvedPlan is 7, but there is no revision 7. ${waits}`]);
    session.wants({ approvedPlan: 1 }).next();
    follower.session.spec.approvedPlan = 1;
    expect(follower.see(session.state).take()).toEqual([
      'Normal PlanApproved: Plan revision 1 was approved.',
      'Normal IterationStarted: Iteration 1 of programming begins.',
    ]);
  });

  it('is why it does not start, once', () => {
    const follower = new Follower();
    const hold = { reason: 'NoProfile', message: 'There is none.' };
    follower.see(undefined, { hold, profiles: unresolved }).see(undefined, { hold, profiles: unresolved });
    expect(follower.take()).toEqual(['Warning NoProfile: There is none.']);
    follower.see(undefined, { hold: { reason: 'WaitingForSlot', message: '1 session runs already.' } });
    expect(follower.take()).toEqual(['Normal ProfileResolved: AIProfile p.', 'Normal WaitingForSlot: 1 session runs already.']);
  });

  it('is what the user is asked, and how a pause began and ended', () => {
    const session = new SessionScript().until('Programming');
    const follower = new Follower().see(session.state);
    follower.take();
    session.go();
    session.go([{ name: 'ask_user' }]);
    session.go();
    follower.see(session.state);
    expect(follower.take()).toEqual(['Normal QuestionAsked: Question q1: Which?']);
    session.says('The first', { answerTo: 'q1' }).next();
    follower.see(session.state);
    session.wants({ suspend: true }).next();
    follower.see(session.state);
    session.wants({ suspend: false }).next();
    follower.see(session.state);
    expect(follower.take()).toEqual(['Normal Suspended: Suspended by the user.', 'Normal Resumed: The session goes on.']);
    session.happen({ type: 'session.paused', reason: 'ProviderQuota', message: 'Profile p: no credit', resumeCounter: 0 });
    follower.see(session.state);
    expect(follower.take()).toEqual(['Warning Paused: ProviderQuota: Profile p: no credit']);
  });

  it('is each verdict of checks and review', () => {
    const session = new SessionScript().until('Reviewing');
    const follower = new Follower().see(session.state);
    follower.take();
    const verdict = { type: 'review.submitted' as const, iteration: 1, tree: 'tree-1', verdict: 'request_changes' as const };
    session.happen(
      { ...verdict, by: 'checks', findings: [], summary: 'A check failed.' },
      {
        ...verdict,
        by: 'reviewer',
        findings: [
          { file: 'a.js', problem: 'no test' },
          { file: 'b.js', problem: 'x' },
        ],
        summary: '',
      },
    );
    follower.see(session.state);
    expect(follower.take()).toEqual([
      'Warning ChecksFailed: A check failed.',
      'Normal ChangesRequested: The review asks for changes, 2 findings: a.js: no test',
    ]);
  });

  it('is a sandbox that was lost and one that is not isolated', () => {
    const session = new SessionScript().until('Programming');
    const follower = new Follower().see(session.state);
    follower.take();
    session.happen({ type: 'sandbox.lost', sandboxUid: 'box-1', message: 'the directory is gone' });
    follower.see(session.state);
    const sandbox = { type: 'local' as const, name: 's', uid: 'box-2', root: '/w', worktree: '/w/repo', isolation: 'none' };
    session.happen({
      type: 'sandbox.ready',
      sandbox: { ...sandbox, isolated: false, isolationMessage: 'bubblewrap is missing' },
    });
    follower.see(session.state);
    expect(follower.take()).toEqual([
      'Warning SandboxLost: the directory is gone',
      'Normal SandboxReady: The local sandbox s is ready.',
      'Warning NotIsolated: bubblewrap is missing',
    ]);
  });

  it('is a wait for something outside, but not every retry of a model', () => {
    const session = new SessionScript().until('Programming');
    const follower = new Follower().see(session.state);
    follower.take();
    follower.see(session.state, { waiting: { reason: 'ProviderRetry', message: 'busy' } }).see(session.state);
    expect(follower.take()).toEqual([]);
    follower.see(session.state, { waiting: { reason: 'LogUnavailable', message: 'disk full' } });
    expect(follower.take()).toEqual(['Warning LogUnavailable: disk full']);
  });

  it.each([
    ['Failed', 'Warning Failed: RepositoryNotFound: There is no such repository.'],
    ['Cancelled', 'Normal Cancelled: There is no such repository.'],
  ] as const)('is that it %s, and why', (finished, line) => {
    const session = new SessionScript().until('Planning');
    const follower = new Follower().see(session.state);
    follower.take();
    const message = 'There is no such repository.';
    session.happen({ type: 'session.finished', outcome: finished, reason: 'RepositoryNotFound', message });
    follower.see(session.state);
    expect(follower.take()).toEqual([line]);
  });
});
