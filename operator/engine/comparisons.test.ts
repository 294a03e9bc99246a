import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, git, makeRepository, startEngine } from '../../test/support/engine.ts';
import { eventually, patience } from '../../test/support/eventually.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { approve, bash, finish, greet, plan, ScriptedSessions, write } from '../../test/support/scripted-sessions.ts';
import { verified } from './evidence.ts';

/** Adds, but wrongly. Its one test does not notice. */
const FILES = {
  'sum.sh': 'echo $(($1 - $2))\n',
  'tests/zero.sh': '[ "$(sh sum.sh 2 0)" = 2 ]\n',
  'run-tests.sh': `bad=0
for one in tests/*.sh; do if sh "$one"; then echo "ok $one"; else echo "not ok $one"; bad=1; fi; done
exit $bad
`,
  '.gitignore': '*.cache\n',
};
const MENDED = write('sum.sh', 'echo $(($1 + $2))\n');
const TESTED = write('tests/sum.sh', '[ "$(sh sum.sh 2 3)" = 5 ]\n');
const CHECK = 'sh run-tests.sh';

let folder: string;
let repository: string;
let server: ModelServer;
let engine: Engine;
const model = new ScriptedSessions();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-comparisons-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), FILES);
  server = await startModelServer((request) => model.answer(request));
  engine = await startEngine({ baseUrl: server.baseUrl });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function finished(name: string, goal: string, on: Engine = engine) {
  on.apply(name, { goal, repository: { url: repository } });
  return on.until(name, (state) => state.finished !== undefined);
}

/** What the role was told first. */
function opening(goal: string, tool: 'finish' | 'submit_review'): string {
  return model.requests(goal).findLast((one) => one.tools.includes(tool))?.messages[0]?.text ?? '';
}

describe('evidence that compares', () => {
  it('shows that the changed tests fail without the change, to the reviewer and to the person', async () => {
    const goal = model.on('Add instead of taking away', {
      plan: [plan('Add', [CHECK])],
      work: [TESTED, MENDED, finish('Adds now.')],
      review: [bash('git status --short; sh sum.sh 2 3'), approve()],
    });
    const state = await finished('proven', goal);
    expect(state.baseline).toMatchObject([
      { command: CHECK, exitCode: 0, tree: git(repository, 'rev-parse', 'main^{tree}').trim() },
    ]);
    expect(state.evidence).toMatchObject([{ command: CHECK, exitCode: 0, change: 'kept', tree: state.commit?.tree }]);
    expect(state.withoutChange).toMatchObject([{ exitCode: 1, change: 'broken' }]);
    expect(state.compared).toMatchObject({ fail: 'yes' });
    expect(opening(goal, 'submit_review')).toContain('The changed tests do not all pass without the change');
    expect(opening(goal, 'submit_review')).toContain('not ok tests/sum.sh');
    expect(opening(goal, 'submit_review')).toContain('it passed before the work and passes now');
    expect(opening(goal, 'finish')).toContain('`sh run-tests.sh`: passed');
    // Whoever works next finds the result, whole and nothing else.
    expect(model.results(goal, 'review')[0]).toBe('5\n[exit code 0]');
    expect(state.published?.summary).toMatch(/^Adds now\.\n\nSeen by the platform: .*do not all pass without the change/s);
    expect(state.finished?.message).toContain('1 check passed before the work and passes now.');
    expect(git(repository, 'show', `${state.published?.branch}:sum.sh`)).toContain('+');
    expect(git(repository, 'log', '--format=%s', `main..${state.published?.branch}`)).toBe('Add\n');
  });

  it('shows that a test proves nothing when it passes without the change', async () => {
    const weak = write('tests/sum.sh', '[ "$(sh sum.sh 3 0)" = 3 ]\n');
    const goal = model.on('Prove little', { plan: [plan('Add', [CHECK])], work: [weak, MENDED, finish()] });
    const state = await finished('weak', goal);
    expect(state.withoutChange).toMatchObject([{ exitCode: 0, change: 'kept' }]);
    expect(opening(goal, 'submit_review')).toContain('The changed tests pass without the change as well');
  });

  it('takes tests that the change deletes away on the old code, too', async () => {
    const goal = model.on('Drop a test', {
      plan: [plan('Add', [CHECK])],
      work: [bash('rm tests/zero.sh'), TESTED, MENDED, finish()],
    });
    const state = await finished('dropped', goal);
    const said = state.withoutChange[0]?.output;
    expect(said).toBe('not ok tests/sum.sh\n');
  });

  it('of a change without tests says so, and runs nothing more', async () => {
    const goal = model.on('Change no test', { plan: [plan('Add', [CHECK])], work: [MENDED, finish()] });
    const state = await finished('untested', goal);
    expect(state.withoutChange).toEqual([]);
    expect(opening(goal, 'submit_review')).toContain('No test file is added or changed.');
  });

  it('leaves nothing of the runs beside the result, neither for the programmer nor in the branch', async () => {
    const check = `${CHECK} && echo run >> sum.sh && echo new > left-over && echo cached > build.cache && git add -A`;
    const goal = model.on('Mess around', {
      plan: [plan('Add', [check])],
      work: [bash('git status --short; cat sum.sh; ls'), TESTED, MENDED, finish()],
      review: [bash('git status --short; cat sum.sh; ls'), approve()],
    });
    const state = await finished('messy', goal);
    expect(model.results(goal)[0]).toBe(`${FILES['sum.sh']}build.cache\nrun-tests.sh\nsum.sh\ntests\n[exit code 0]`);
    expect(model.results(goal, 'review')[0]).toBe('echo $(($1 + $2))\nbuild.cache\nrun-tests.sh\nsum.sh\ntests\n[exit code 0]');
    expect(git(repository, 'diff', '--stat', 'main', state.published?.branch ?? '')).toContain('2 files changed');
  });

  it('has what planner and programmer assumed and left out before the eyes of the reviewer', async () => {
    const steps = [{ id: 'a', title: 'Say hello', details: 'In greeting.txt.\nAssumed: English will do.' }];
    const goal = model.on('Assume a lot', {
      plan: [plan('Greet', [], steps)],
      work: [...greet.slice(0, 1), finish('Greets.\n- **Left out:** the bow, for want of a body.')],
    });
    await finished('assuming', goal);
    expect(opening(goal, 'submit_review')).toContain(
      '- step a: Assumed: English will do.\n- summary: Left out: the bow, for want of a body.',
    );
  });
});

describe('a suite that was red before', () => {
  it('is never taken for verified: the user is asked once the programmer found nothing to mend', async () => {
    const red = makeRepository(join(folder, 'red'), { ...FILES, 'tests/net.sh': 'echo "error: no network"; exit 1\n' });
    let rounds = 0;
    const goal = model.on('Work beside a red suite', {
      plan: [plan('Add', [])],
      work: (request) => (request.turn === 0 && rounds++ === 0 ? MENDED : finish('tests/net.sh needs a network.')),
    });
    const spec = { goal, repository: { url: red }, verify: [CHECK] };
    engine.apply('red', spec);
    const paused = await engine.until('red', (state) => state.pause !== undefined || state.finished !== undefined);
    expect(paused.pause).toMatchObject({ reason: 'ChecksFailedBefore' });
    expect(paused.iteration).toBe(2);
    expect(opening(goal, 'finish')).toContain('failed with exit code 1; it failed before the work in the very same way');
    engine.apply('red', { ...spec, verify: ['sh tests/zero.sh'], resume: 1 });
    const done = await engine.until('red', (state) => state.finished !== undefined);
    expect(done.finished).toMatchObject({ outcome: 'Completed', reason: 'Unverified' });
    expect(done.finished?.message).toContain('`sh run-tests.sh`, which is no longer asked for, failed with exit code 1');
    expect(verified(done)).toBe(false);
  });

  it('does not hide a failure that is new, nor one that the work mends', async () => {
    const red = makeRepository(join(folder, 'red-too'), { ...FILES, 'tests/net.sh': 'echo "error: no network"; exit 1\n' });
    const goal = model.on('Break more, then mend', {
      plan: [plan('Add', [CHECK])],
      work: (request) =>
        request.messages[0]?.text.includes('in another way')
          ? ([write('tests/net.sh', 'true\n'), MENDED, finish()][Math.min(request.turn, 2)] ?? {})
          : ([write('sum.sh', 'echo broken\n'), finish()][Math.min(request.turn, 1)] ?? {}),
    });
    engine.apply('red-too', { goal, repository: { url: red } });
    const state = await engine.until('red-too', (now) => now.finished !== undefined);
    expect(state.reviews[0]?.findings[0]?.problem).toContain('it failed before the work too, but in another way');
    expect(state.evidence.at(-1)).toMatchObject({ exitCode: 0, change: 'fixed' });
    expect(state.finished?.reason).toBe('Verified');
  });
});

describe('a check before the work', () => {
  /** Waits for `go` where there is no greeting yet, and counts how often it began. */
  function slow(name: string) {
    const runs = join(folder, `${name}-runs`);
    const go = join(folder, `${name}-go`);
    const wait = `[ -e greeting.txt ] || { echo run >> '${runs}'; until [ -e '${go}' ]; do sleep 0.05; done; }`;
    return {
      check: `${wait}; grep -q hello greeting.txt`,
      count: () => (existsSync(runs) ? readFileSync(runs, 'utf8').split('\n').length - 1 : 0),
      release: () => writeFileSync(go, ''),
    };
  }

  it('is attached to by the next owner, and runs once', async () => {
    const { check, count, release } = slow('attached');
    const spec = { goal: model.on('Hand over early', { plan: [plan('Greet', [check])] }), repository: { url: repository } };
    engine.apply('attached', spec);
    await eventually('the check', () => count() > 0);
    await engine.runner.stop('uid-attached', 'leave-commands', patience());
    engine.apply('attached', spec);
    release();
    const state = await engine.until('attached', (now) => now.finished !== undefined);
    expect(count()).toBe(1);
    expect(state.evidence).toMatchObject([{ exitCode: 0, change: 'fixed' }]);
  });

  it('is ended by suspending, and begun again when the session goes on', async () => {
    const { check, count, release } = slow('suspended');
    const spec = { goal: model.on('Be suspended early', { plan: [plan('Greet', [check])] }), repository: { url: repository } };
    engine.apply('early', spec);
    await eventually('the check', () => count() > 0);
    engine.apply('early', { ...spec, suspend: true });
    await engine.until('early', (state) => state.pause?.reason === 'Suspended');
    release();
    engine.apply('early', { ...spec, suspend: false });
    const state = await engine.until('early', (now) => now.finished !== undefined);
    expect(count()).toBe(2);
    expect(state.baseline).toHaveLength(1);
    expect(state.finished?.reason).toBe('Verified');
  });

  it('is ended by cancelling', async () => {
    const { check, count } = slow('cancelled');
    const spec = { goal: model.on('Be cancelled early', { plan: [plan('Greet', [check])] }), repository: { url: repository } };
    engine.apply('never', spec);
    await eventually('the check', () => count() > 0);
    engine.apply('never', { ...spec, cancelled: true });
    const state = await engine.until('never', (now) => now.finished !== undefined);
    expect(state.finished?.outcome).toBe('Cancelled');
    expect(state.verifying).toBeUndefined();
  });

  it('that takes too long is given up, and compared with nothing', async () => {
    await using hasty = await startEngine({ baseUrl: server.baseUrl, replace: () => ({ maxCommandSeconds: 5 }) });
    const check = '[ -e greeting.txt ] || sleep 60; grep -q hello greeting.txt';
    const state = await finished('late', model.on('Check for ever', { plan: [plan('Greet', [check])] }), hasty);
    expect(state.baseline).toMatchObject([{ exitCode: -1, note: 'ended by the time limit' }]);
    expect(state.evidence).toMatchObject([{ exitCode: 0, change: undefined }]);
    expect(state.finished?.reason).toBe('Verified');
  });
});

describe('the run of the tests without the change', () => {
  it('is attached to by the next owner, runs once, and leaves the result in the worktree', async () => {
    const runs = join(folder, 'isolated-runs');
    const go = join(folder, 'isolated-go');
    const isolated = '[ -e tests/sum.sh ] && grep -q -e - sum.sh';
    const check = `if ${isolated}; then echo run >> '${runs}'; until [ -e '${go}' ]; do sleep 0.05; done; fi; ${CHECK}`;
    const goal = model.on('Hand over late', {
      plan: [plan('Add', [check])],
      work: [TESTED, MENDED, finish()],
      review: [bash('git status --short; cat sum.sh'), approve()],
    });
    const spec = { goal, repository: { url: repository } };
    engine.apply('isolated', spec);
    await eventually('the run', () => existsSync(runs));
    await engine.runner.stop('uid-isolated', 'leave-commands', patience());
    engine.apply('isolated', spec);
    writeFileSync(go, '');
    const state = await engine.until('isolated', (now) => now.finished !== undefined);
    expect(readFileSync(runs, 'utf8')).toBe('run\n');
    expect(state.compared?.fail).toBe('yes');
    expect(model.results(goal, 'review')[0]).toBe('echo $(($1 + $2))\n[exit code 0]');
  });

  it('is made anew in a new sandbox when the old one is lost in the middle of it', async () => {
    const runs = join(folder, 'lost-runs');
    const isolated = '[ -e tests/sum.sh ] && grep -q -e - sum.sh';
    const check = `if ${isolated}; then echo run >> '${runs}'; [ "$(wc -l < '${runs}')" -gt 1 ] || sleep 60; fi; ${CHECK}`;
    const goal = model.on('Lose it late', { plan: [plan('Add', [check])], work: [TESTED, MENDED, finish()] });
    engine.apply('lost-late', { goal, repository: { url: repository } });
    await eventually('the run', () => existsSync(runs));
    const owner = { uid: 'uid-lost-late', name: 'lost-late', namespace: 'default' };
    await engine.deps.transport('local')?.dispose(owner, patience());
    const state = await engine.until('lost-late', (now) => now.finished !== undefined);
    expect(state.compared?.fail).toBe('yes');
    expect(state.finished?.reason).toBe('Verified');
    expect(git(repository, 'show', `${state.published?.branch}:sum.sh`)).toContain('+');
  });
});
