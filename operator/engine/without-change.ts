/**
 * A test proves a change only if it fails without it. So the tests of a result are put alone on the commit that was cloned,
 * and the checks, which pass on the result, are run there: until one of them fails in a way it did not fail before.
 */
import { cut } from '../api/conditions.ts';
import { type Action, record } from './action.ts';
import { mayRun, secondsLeft } from './check-runs.ts';
import type { TestsFail } from './event-parts.ts';
import type { EventBody } from './events.ts';
import { checksOf } from './evidence.ts';
import type { Intent } from './intent.ts';
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
    const runs = state.withoutChange.filter((one) => one.tree === tree && checks.includes(one.command));
    const seconds = secondsLeft(WITHOUT_CHANGE_SECONDS, runs);
    const next = checks.find(
      (check) => !runs.some((one) => one.command === check) && mayRun(state, 'without-change', tree, check),
    );
    if (next !== undefined && seconds > 0 && !runs.some((one) => verdictOf(one) === 'yes'))
      return { do: 'verify', command: next, on: { stage: 'without-change', commit: commit.commit, tree }, seconds };
  }
  return record(conclusion(state, tests, checks));
}

function conclusion(state: SessionState, tests: IsolatedTests, checks: readonly string[]): EventBody {
  const runs = checks.map((check) => state.withoutChange.find((one) => one.tree === tests.tree && one.command === check));
  const event = (fail: TestsFail, message: string): EventBody => ({
    type: 'tests.compared',
    commit: tests.commit,
    fail,
    message,
  });
  const files = namesOf(tests.files);
  const failing = runs.find((run) => run && verdictOf(run) === 'yes');
  if (failing)
    return event(
      'yes',
      `The changed tests fail without the change: \`${cut(failing.command, SHOWN_CHARS)}\` with ${files} on the code as it was gives exit code ${failing.exitCode}.`,
    );
  if (tests.tree !== undefined && runs.every((run) => run && verdictOf(run) === 'no'))
    return event(
      'no',
      `The changed tests pass without the change as well: the checks find nothing wrong with ${files} on the code as it was.`,
    );
  const why = tests.note ?? whyUnknown(runs);
  return event(
    'unknown',
    `Whether the changed tests${files && ` (${files})`} fail without the change could not be told: ${why}.`,
  );
}

function whyUnknown(runs: readonly (Evidence | undefined)[]): string {
  const before = runs.find((run) => run?.change === 'still-fails');
  if (before) return `\`${cut(before.command, SHOWN_CHARS)}\` failed in the same way before they were there`;
  const unseen = runs.find((run) => run?.exitCode === -1);
  if (unseen)
    return `\`${cut(unseen.command, SHOWN_CHARS)}\` did not come to an end there${unseen.note ? ` (${unseen.note})` : ''}`;
  return 'the checks took too long';
}

/** What one run says. A check that failed just so without the new tests says nothing of them. */
function verdictOf({ exitCode, change }: Evidence): TestsFail {
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
