/**
 * The checks are run once on the commit that was cloned, before a programmer changes anything: only then can be said of a
 * failure that it is new, and of a pass that the work brought it about.
 */
import type { Action } from './action.ts';
import { mayRun, secondsLeft } from './check-runs.ts';
import { checksOf } from './evidence.ts';
import type { Intent } from './intent.ts';
import type { SessionState } from './state.ts';

/** What knowing it is worth, for all checks of a session together. What takes longer is compared with nothing. */
export const BASELINE_SECONDS = 300;

/** The next check to run before the work, between plan and programmer; a check that has run is never run again. */
export function baseline(state: SessionState, intent: Intent): Action | undefined {
  if (state.phase !== 'Programming' || !state.base || state.conversation || hasUncommittedWork(state)) return undefined;
  const seconds = secondsLeft(BASELINE_SECONDS, state.baseline);
  if (seconds === 0) return undefined;
  const command = checksOf(state, intent).find(
    (check) => !state.baseline.some((one) => one.command === check) && mayRun(state, 'before', '', check),
  );
  if (command === undefined) return undefined;
  return { do: 'verify', command, on: { stage: 'before', commit: state.base.commit }, seconds };
}

/** A round whose work could not be committed is followed by one that goes on in the worktree as it is. */
function hasUncommittedWork({ reviews, iteration }: SessionState): boolean {
  return reviews.some((one) => one.iteration === iteration - 1 && one.by === 'checks' && one.tree === '');
}
