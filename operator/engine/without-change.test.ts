import { describe, expect, it } from '@jest/globals';
import { SessionScript } from '../../test/support/session-script.ts';
import type { CheckChange } from './event-parts.ts';
import { WITHOUT_CHANGE_SECONDS } from './without-change.ts';

const REVIEW = { do: 'open-conversation', role: 'reviewer' };
const FILES = ['test/sum.test.js'];

/** The checks passed on the result, and every look at something else is seen. */
function passed(verify: string[] = ['make test']): SessionScript {
  const session = new SessionScript({ verify }).until('Reviewing');
  for (const command of verify) session.check(command, 'tree-1', 0);
  session.showsSideChecks = true;
  return session;
}

function isolated(session: SessionScript, files = FILES): SessionScript {
  expect(session.next()).toEqual({ do: 'isolate-tests', commit: 'commit-1' });
  return session.happen({ type: 'tests.isolated', commit: 'commit-1', tree: 'mixed', files });
}

function ran(
  session: SessionScript,
  exitCode: number,
  more: { change?: CheckChange; durationMs?: number; note?: string; output?: string } = {},
) {
  const action = session.next();
  if (action.do !== 'verify') throw new Error(`${action.do} instead of a check`);
  expect(action.on).toEqual({ stage: 'without-change', commit: 'commit-1', tree: 'mixed' });
  const run = { tree: 'mixed', command: action.command, op: 'check', stage: 'without-change' } as const;
  session.happen(
    { type: 'verification.started', ...run, sandboxUid: 'box-1' },
    { type: 'verification.recorded', ...run, exitCode, durationMs: 1, output: '', counted: exitCode === 0, ...more },
  );
}

describe('the changed tests without the change', () => {
  it.each([
    ['fail, where the check passed before', 1, 'broken', 'yes', 'The changed tests do not all pass without the change'],
    ['fail in another way than before', 1, 'fails-otherwise', 'yes', 'gives exit code 1'],
    ['fail, where nothing is known of before', 1, undefined, 'yes', 'do not all pass without the change'],
    ['pass', 0, 'kept', 'no', 'pass without the change as well'],
    ['say nothing where the check failed just so before', 1, 'still-fails', 'unknown', 'failed in the same way before'],
    ['say nothing when the check did not end', -1, undefined, 'unknown', 'did not come to an end there (why)'],
  ] as const)('%s', (_what, exitCode, change, fail, words) => {
    const session = isolated(passed());
    const note = exitCode === -1 ? { note: 'why' } : {};
    ran(session, exitCode, { ...(change === undefined ? {} : { change }), ...note });
    expect(session.next()).toEqual(REVIEW);
    expect(session.state.compared).toMatchObject({ commit: 'commit-1', fail, message: expect.stringContaining(words) });
    expect(session.state.evidence).toHaveLength(1);
  });

  it('are not run where no test is changed, where nothing else is, and where they cannot be isolated', () => {
    const none = passed();
    none.next();
    none.happen({ type: 'tests.isolated', commit: 'commit-1', files: [] });
    expect(none.next()).toEqual(REVIEW);
    expect(none.state.compared).toBeUndefined();

    const only = passed();
    only.next();
    only.happen({ type: 'tests.isolated', commit: 'commit-1', files: FILES, note: 'nothing but tests was changed' });
    expect(only.next()).toEqual(REVIEW);
    expect(only.state.compared).toMatchObject({
      fail: 'unknown',
      message: expect.stringContaining('nothing but tests was changed'),
    });
  });

  it('are run until one check tells, and no longer than it is worth', () => {
    const told = isolated(passed(['make lint', 'make test', 'make slow']));
    ran(told, 0, { change: 'kept' });
    ran(told, 1, { change: 'broken' });
    expect(told.next()).toEqual(REVIEW);
    expect(told.state.compared?.message).toContain('`make test` with test/sum.test.js');

    const slow = isolated(passed(['make lint', 'make test']));
    ran(slow, 0, { change: 'kept', durationMs: WITHOUT_CHANGE_SECONDS * 1000 });
    expect(slow.next()).toEqual(REVIEW);
    expect(slow.state.compared).toMatchObject({ fail: 'unknown', message: expect.stringContaining('took too long') });
  });

  it('are asked further when the first failure is for want of a name, which alone is told with doubt', () => {
    const missing = { change: 'broken', output: 'span_test.go:9:7: undefined: Timeout' } as const;
    const further = isolated(passed(['go vet ./...', 'go test ./...']));
    ran(further, 1, missing);
    ran(further, 1, { change: 'broken', output: 'want 3, got 4' });
    expect(further.next()).toEqual(REVIEW);
    expect(further.state.compared?.message).toMatch(/`go test \.\/\.\.\.` with .* gives exit code 1\.$/);

    const only = isolated(passed(['go vet ./...', 'go test ./...']));
    ran(only, 1, missing);
    ran(only, 0, { change: 'kept' });
    expect(only.next()).toEqual(REVIEW);
    expect(only.state.compared).toMatchObject({ fail: 'yes', message: expect.stringContaining('that proves little') });
  });

  it('are not run again when a later round leaves the tests as they are', () => {
    const session = isolated(passed());
    ran(session, 1, { change: 'broken' });
    session.next();
    session.go();
    session.go([{ name: 'request_changes' }]);
    session.go();
    session.until('Programming').until('Reviewing');
    session.check('make test', 'tree-2', 0);
    expect(session.next()).toEqual({ do: 'isolate-tests', commit: 'commit-2' });
    session.happen({ type: 'tests.isolated', commit: 'commit-2', tree: 'mixed', files: FILES });
    expect(session.next()).toEqual(REVIEW);
    expect(session.state.compared).toMatchObject({ commit: 'commit-2', fail: 'yes' });
  });

  it('are not asked about while a check fails on the result', () => {
    const session = new SessionScript({ verify: ['make test'] }).until('Reviewing').check('make test', 'tree-1', 1);
    session.showsSideChecks = true;
    expect(session.next().do).toBe('reset-worktree');
  });
});
