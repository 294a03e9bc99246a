/**
 * A test proves a change only if it fails without it. So the tests of a result are put alone on the commit that was cloned,
 * and the checks, which pass on the result, are run there: until one of them fails in a way it did not fail before, and not
 * just for want of a name that the change brings.
 */
import { cut } from '../api/conditions.ts';
import { type Action, record } from './action.ts';
import { mayRun, secondsLeft } from './check-runs.ts';
import type { TestsFail } from './event-parts.ts';
import type { EventBody } from './events.ts';
import { checksOf } from './evidence.ts';
import type { Intent } from './intent.ts';
import { missesNames } from './missing-names.ts';
import type { Evidence, IsolatedTests, SessionState } from './state.ts';

/** What knowing it is worth, for all checks on one tree together. */
export const WITHOUT_CHANGE_SECONDS = 300;
const SHOWN_FILES = 5;
const SHOWN_CHARS = 160;

/** The next thing to do to learn whether the changed tests fail without the change; after the checks, before the review. */
export function compare(state: SessionState, intent: Intent): Action | undefined {
  const { phase, base, commit, conversation, tests, compared } = state;
  if (phase !== 'Reviewing' || !base || !commit || conversation?.role === 'reviewer') return undefined;
  const checks = checksOf(state, intent);
  if (checks.length === 0 || commit.filesChanged === 0 || compared?.commit === commit.commit) return undefined;
  if (tests?.commit !== commit.commit) return { do: 'isolate-tests', commit: commit.commit };
  if (tests.files.length === 0 && tests.note === undefined) return undefined;
  const { tree } = tests;
  if (tree !== undefined) {
    const seconds = secondsLeft(WITHOUT_CHANGE_SECONDS, onOldCode(state, tests, checks));
    const told = checks.some((check) => verdictOn(state, tests, check) === 'yes' && !misses(state, tests, check));
    const next = told || seconds === 0 ? undefined : nextRun(state, tree, checks);
    if (next) return { do: 'verify', ...next, on: { stage: 'without-change', commit: commit.commit, ...next.on }, seconds };
  }
  return record(conclusion(state, tests, checks));
}

type NextRun = { command: string; on: { tree: string; control?: true } };

/** A check that was not run on the isolated tests yet, or whose failure there must be shown to come from them. */
function nextRun(state: SessionState, tree: string, checks: readonly string[]): NextRun | undefined {
  for (const command of checks) {
    const run = runOn(state, tree, command);
    const on = run && needsControl(run) ? controlOf(state, command) : { tree };
    if (on && !runOn(state, on.tree, command) && mayRun(state, 'without-change', on.tree, command)) return { command, on };
  }
  return undefined;
}

/** Where build output was put aside, the check may fail for want of it. */
function needsControl(run: Evidence): boolean {
  return (run.aside ?? 0) > 0 && failure(run) === 'yes';
}

/** The code as it was, on which the same check was run before the work; undefined when it was not. */
function controlOf({ baseline }: SessionState, command: string): { tree: string; control: true } | undefined {
  const before = baseline.find((one) => one.command === command && one.tree !== '');
  return before && { tree: before.tree, control: true };
}

function runOn({ withoutChange }: SessionState, tree: string | undefined, command: string): Evidence | undefined {
  return withoutChange.find((one) => one.tree === tree && one.command === command);
}

/** All runs that share the time. */
function onOldCode(state: SessionState, { tree }: IsolatedTests, checks: readonly string[]): Evidence[] {
  return checks.flatMap((check) =>
    [runOn(state, tree, check), runOn(state, controlOf(state, check)?.tree, check)].filter((run) => run !== undefined),
  );
}

/** What one check says of the isolated tests. */
function verdictOn(state: SessionState, { tree }: IsolatedTests, command: string): TestsFail {
  const run = runOn(state, tree, command);
  if (!run) return 'unknown';
  return needsControl(run) && !controlHolds(state, command) ? 'unknown' : failure(run);
}

/** Whether the check may have failed only because the tests name what the change brings. */
function misses(state: SessionState, { tree }: IsolatedTests, command: string): boolean {
  const output = runOn(state, tree, command)?.output;
  return typeof output === 'string' && missesNames(output);
}

/** Whether the check passes on the code as it was, though build output is aside: else every test may fail for want of it. */
function controlHolds(state: SessionState, command: string): boolean {
  return runOn(state, controlOf(state, command)?.tree, command)?.exitCode === 0;
}

function conclusion(state: SessionState, tests: IsolatedTests, checks: readonly string[]): EventBody {
  const event = (fail: TestsFail, message: string): EventBody => ({
    type: 'tests.compared',
    commit: tests.commit,
    fail,
    message,
  });
  const files = namesOf(tests.files);
  const verdicts = checks.map((check) => verdictOn(state, tests, check));
  const telling = checks.filter((_check, index) => verdicts[index] === 'yes');
  const told = telling.find((check) => !misses(state, tests, check)) ?? telling[0];
  const failing = runOn(state, tests.tree, told ?? '');
  if (failing) {
    const said = `The changed tests do not all pass without the change: \`${cut(failing.command, SHOWN_CHARS)}\` with ${files} on the code as it was gives exit code ${failing.exitCode}.`;
    const doubt =
      ' Its output speaks of names that are not there, which new tests of a new name always do; by itself that proves little.';
    return event('yes', told !== undefined && misses(state, tests, told) ? said + doubt : said);
  }
  if (tests.tree !== undefined && verdicts.every((verdict) => verdict === 'no'))
    return event(
      'no',
      `The changed tests pass without the change as well: the checks find nothing wrong with ${files} on the code as it was.`,
    );
  const why = tests.note ?? whyUnknown(state, tests, checks);
  return event(
    'unknown',
    `Whether the changed tests${files && ` (${files})`} fail without the change could not be told: ${why}.`,
  );
}

function whyUnknown(state: SessionState, { tree }: IsolatedTests, checks: readonly string[]): string {
  const runs = checks.map((check) => runOn(state, tree, check));
  const before = runs.find((run) => run?.change === 'still-fails');
  if (before) return `\`${cut(before.command, SHOWN_CHARS)}\` failed in the same way before they were there`;
  const unseen = runs.find((run) => run?.exitCode === -1);
  if (unseen)
    return `\`${cut(unseen.command, SHOWN_CHARS)}\` did not come to an end there${unseen.note ? ` (${unseen.note})` : ''}`;
  const unbuilt = runs.find((run) => run && needsControl(run) && !controlHolds(state, run.command));
  if (unbuilt)
    return `\`${cut(unbuilt.command, SHOWN_CHARS)}\` failed on the code as it was, but git ignores the build output, which is of the new code and was put aside, and the check could not be shown to pass without it`;
  return 'the checks took too long';
}

/** What a failure or success says by itself. A check that failed just so without the new tests says nothing of them. */
function failure({ exitCode, change }: Evidence): TestsFail {
  if (exitCode === -1) return 'unknown';
  if (exitCode === 0) return 'no';
  return change === 'still-fails' ? 'unknown' : 'yes';
}

function namesOf(files: readonly string[]): string {
  const shown = files
    .slice(0, SHOWN_FILES)
    .map((file) => cut(file, SHOWN_CHARS))
    .join(', ');
  return files.length > SHOWN_FILES ? `${shown} and ${files.length - SHOWN_FILES} more` : shown;
}
