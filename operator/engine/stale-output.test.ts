/** Build output of the new code that git ignores must not answer for the old code. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, makeRepository, startEngine } from '../../test/support/engine.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { approve, bash, finish, plan, ScriptedSessions, write } from '../../test/support/scripted-sessions.ts';

/** Adds, but wrongly. Its tests run what was built, and a build keeps what is there, as one does that goes by times. */
const FILES = {
  'sum.sh': 'echo $(($1 - $2))\n',
  'build.sh': '[ -e dist/sum.sh ] || { mkdir -p dist && cp sum.sh dist/sum.sh; }\n',
  'tests/zero.sh': '[ "$(sh dist/sum.sh 2 0)" = 2 ]\n',
  'run-tests.sh': `bad=0
for one in tests/*.sh; do if sh "$one"; then echo "ok $one"; else echo "not ok $one"; bad=1; fi; done
exit $bad
`,
  '.gitignore': 'dist/\nnode_modules/\n.pytest_cache/\n',
};
const MENDED = write('sum.sh', 'echo $(($1 + $2))\n');
const TESTED = write('tests/sum.sh', '[ "$(sh dist/sum.sh 2 3)" = 5 ]\n');
/** What a test runner leaves, and any check does without. */
const CACHED = bash('mkdir -p .pytest_cache && echo 1 >.pytest_cache/last');
const BUILT = bash('rm -rf dist && sh build.sh && mkdir -p "dist/a b" && echo new >"dist/a b/ö" && sh run-tests.sh');

let folder: string;
let server: ModelServer;
let engine: Engine;
const model = new ScriptedSessions();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-stale-'));
  server = await startModelServer((request) => model.answer(request));
  engine = await startEngine({ baseUrl: server.baseUrl });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function completed(name: string, goal: string) {
  mkdirSync(join(folder, name));
  const repository = makeRepository(join(folder, name), FILES);
  engine.apply(name, { goal, repository: { url: repository } });
  const state = await engine.until(name, (now) => now.finished !== undefined);
  expect(state.finished).toMatchObject({ outcome: 'Completed', reason: 'Verified' });
  return state;
}

describe('the run of the tests without the change, where git ignores what is built', () => {
  it('is built from the old code, and what was built of the result is there again for the reviewer', async () => {
    const goal = model.on('Build in the check', {
      plan: [plan('Add', ['sh build.sh && sh run-tests.sh'])],
      work: [TESTED, MENDED, BUILT, finish()],
      review: [bash('sh dist/sum.sh 2 3; cat "dist/a b/ö"; git status --short; ls ../.run/aside 2>&1 | wc -l'), approve()],
    });
    const state = await completed('built', goal);
    expect(state.compared).toMatchObject({ fail: 'yes' });
    // The check is shown to pass on the old code without the new tests, so that its failure is theirs.
    expect(state.withoutChange).toMatchObject([
      { exitCode: 1, change: 'broken', aside: 2, output: expect.stringContaining('not ok tests/sum.sh') },
      { exitCode: 0, change: 'kept', aside: 2, tree: state.baseline[0]?.tree },
    ]);
    expect(model.results(goal, 'review')[0]).toBe('5\nnew\n1\n[exit code 0]');
  });

  it('does not say that a weak test proves something', async () => {
    const goal = model.on('Prove little', {
      plan: [plan('Add', ['sh build.sh && sh run-tests.sh'])],
      work: [write('tests/sum.sh', '[ "$(sh dist/sum.sh 3 0)" = 3 ]\n'), MENDED, BUILT, finish()],
    });
    const state = await completed('weak', goal);
    expect(state.compared).toMatchObject({ fail: 'no' });
  });

  it('says that nothing can be told where the check does not build by itself', async () => {
    const goal = model.on('Build by hand', {
      plan: [bash('sh build.sh'), plan('Add', ['sh run-tests.sh'])],
      work: [TESTED, MENDED, BUILT, finish()],
    });
    const state = await completed('by-hand', goal);
    expect(state.baseline).toMatchObject([{ exitCode: 0 }]);
    expect(state.compared).toMatchObject({ fail: 'unknown', message: expect.stringContaining('git ignores the build output') });
  });

  it('says that nothing can be told where the check failed before for want of a build', async () => {
    const goal = model.on('Build nothing first', {
      plan: [plan('Add', ['sh run-tests.sh 2>&1'])],
      work: [write('tests/sum.sh', '[ "$(sh dist/sum.sh 2 3)" = 5 ]\n'), MENDED, BUILT, finish()],
    });
    const state = await completed('unbuilt', goal);
    expect(state.baseline).toMatchObject([{ exitCode: 1 }]);
    expect(state.compared?.fail).toBe('unknown');
  });

  it('needs no second run where nothing but caches was left', async () => {
    const goal = model.on('Leave caches', {
      plan: [plan('Add', ['rm -rf dist && sh build.sh && sh run-tests.sh && rm -rf dist'])],
      work: [TESTED, MENDED, CACHED, finish()],
      review: [bash('cat .pytest_cache/last'), approve()],
    });
    const state = await completed('caches', goal);
    expect(state.compared).toMatchObject({ fail: 'yes' });
    expect(state.withoutChange).toHaveLength(1);
    expect(model.results(goal, 'review')[0]).toContain('1\n');
  });

  it('has the packages that were installed for the result', async () => {
    const goal = model.on('Install a package', {
      plan: [plan('Add', ['sh build.sh && { [ ! -e tests/sum.sh ] || cat node_modules/a/index; } && sh run-tests.sh'])],
      work: [TESTED, MENDED, bash('mkdir -p node_modules/a && echo package >node_modules/a/index'), BUILT, finish()],
    });
    const state = await completed('packages', goal);
    expect(state.withoutChange[0]?.output).toContain('package\n');
    expect(state.compared).toMatchObject({ fail: 'yes' });
  });
});
