import { describe, expect, it } from '@jest/globals';
import { SessionScript } from '../../test/support/session-script.ts';
import { BASELINE_SECONDS } from './baseline.ts';

const beforeWork = (command: string) => ({ do: 'verify', command, on: { stage: 'before', commit: 'base' } });
const OPEN = { do: 'open-conversation', role: 'programmer' };

/** Plan approved, nobody at work yet, and every check is seen. */
function planned(changes: ConstructorParameters<typeof SessionScript>[0] = {}): SessionScript {
  const session = new SessionScript(changes).until('Programming');
  session.showsSideChecks = true;
  return session;
}

function ran(session: SessionScript, command: string, exitCode: number, durationMs = 1): void {
  const run = { tree: 'base-tree', command, op: 'check', stage: 'before' } as const;
  session.happen(
    { type: 'verification.started', ...run, sandboxUid: 'box-1' },
    { type: 'verification.recorded', ...run, exitCode, durationMs, output: '', counted: exitCode === 0 },
  );
}

describe('before the work', () => {
  it('each check is run once on the commit that was cloned, whatever comes of it', () => {
    const session = planned({ verify: ['make lint', 'make test'] });
    expect(session.next()).toMatchObject(beforeWork('make lint'));
    ran(session, 'make lint', 0);
    expect(session.next()).toMatchObject(beforeWork('make test'));
    ran(session, 'make test', 2);
    expect(session.next()).toEqual(OPEN);
    expect(session.state.evidence).toEqual([]);
  });

  it('a check that was run is not run again for a new plan, only one that is new', () => {
    const session = planned();
    ran(session, 'npm test', 1);
    session.until('Completed').says('One more thing').until('Programming');
    expect(session.next()).toEqual(OPEN);
    expect(session.wants({ verify: ['npm test', 'npm run lint'] }).next()).toMatchObject(beforeWork('npm run lint'));
  });

  it('checks take no longer than it is worth, all together', () => {
    const session = planned({ verify: ['make slow', 'make slower', 'make never'] });
    expect(session.next()).toMatchObject({ seconds: BASELINE_SECONDS });
    ran(session, 'make slow', 0, (BASELINE_SECONDS - 10) * 1000);
    expect(session.next()).toMatchObject({ command: 'make slower', seconds: 10 });
    ran(session, 'make slower', -1, 10_000);
    expect(session.next()).toEqual(OPEN);
  });

  it('a check that is interrupted is run again, and one that takes its sandbox with it is not for ever', () => {
    const session = planned();
    const run = { tree: 'base-tree', command: 'npm test', op: 'check', stage: 'before' } as const;
    const nothing = { exitCode: -1, durationMs: 0, output: '', counted: false, interrupted: true } as const;
    for (let i = 0; i < 5; i++) {
      session.happen({ type: 'verification.started', ...run, sandboxUid: 'box-1' });
      session.happen({ type: 'verification.recorded', ...run, ...nothing });
    }
    expect(session.next()).toMatchObject(beforeWork('npm test'));
    for (const sandboxUid of ['gone-1', 'gone-2']) session.happen({ type: 'verification.started', ...run, sandboxUid });
    expect(session.next()).toEqual(OPEN);
  });

  it('nothing is run where work that could not be committed is in the worktree', () => {
    const session = planned();
    ran(session, 'npm test', 0);
    session.go();
    session.go([{ name: 'finish' }]);
    session.go();
    expect(session.next()).toEqual({ do: 'commit' });
    const review = { iteration: 1, tree: '', by: 'checks', verdict: 'request_changes', summary: '' } as const;
    session.happen({ type: 'review.submitted', ...review, findings: [] });
    session.wants({ verify: ['make new'] });
    expect(session.next()).toEqual(OPEN);
  });
});

describe('a check that fails as it did before the work', () => {
  /** The first round came back to the programmer, who has finished the second. */
  function secondRound(second: { commit: string; tree: string }): SessionScript {
    const session = planned();
    ran(session, 'npm test', 1);
    session.until('Reviewing').check('npm test', 'tree-1', 1);
    expect(session.state.evidence[0]?.change).toBe('still-fails');
    session.until('Programming');
    expect(session.state.reviews[0]?.findings[0]?.problem).toContain('it failed before the work in the very same way');
    session.go();
    session.go([{ name: 'finish' }]);
    session.go();
    expect(session.next()).toEqual({ do: 'commit' });
    const stat = { filesChanged: 1, additions: 1, deletions: 1 };
    return session.happen({ type: 'worktree.committed', iteration: 2, ...second, ...stat });
  }

  it('is for the user to decide about once the programmer found nothing to mend', () => {
    const session = secondRound({ commit: 'commit-1', tree: 'tree-1' });
    expect(session.next()).toEqual({ do: 'idle' });
    expect(session.state.pause).toMatchObject({
      reason: 'ChecksFailedBefore',
      message: expect.stringContaining('`npm test` failed before the work in the very same way'),
    });
    session.wants({ verify: ['npm run narrow'], resume: 1 });
    expect(session.next()).toMatchObject({ do: 'verify', command: 'npm run narrow' });
    session.until('Completed');
    // It failed on exactly this tree, whoever asks for it.
    expect(session.state.finished).toMatchObject({
      reason: 'Unverified',
      message: 'Reviewed. `npm test`, which is no longer asked for, failed with exit code 1 on the final tree: unverified.',
    });
  });

  it('gets another round when the session is resumed as it is', () => {
    const session = secondRound({ commit: 'commit-1', tree: 'tree-1' });
    session.next();
    expect(session.wants({ resume: 1 }).next().do).toBe('reset-worktree');
    session.go();
    expect(session.state).toMatchObject({ phase: 'Programming', iteration: 3 });
  });

  it('is worked on for as many rounds as any other while the programmer finds something to change', () => {
    const session = secondRound({ commit: 'commit-2', tree: 'tree-2' });
    session.check('npm test', 'tree-2', 1);
    expect(session.next().do).toBe('reset-worktree');
  });
});
