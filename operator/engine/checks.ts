/** The checks on the result: which runs next, and what becomes of those that failed. */
import { type Action, record } from './action.ts';
import { mayRun } from './check-runs.ts';
import { changeWords } from './compare-runs.ts';
import type { EventOf } from './events.ts';
import { checksOf, outcomeOf } from './evidence.ts';
import type { Intent } from './intent.ts';
import { type Commit, type Evidence, evidenceOn, type SessionState } from './state.ts';

/** Without a bound of its own: the longest time of any command holds. */
const NO_BOUND = Number.POSITIVE_INFINITY;
const MAX_FINDINGS = 6;

/** The next check that was not run on the committed tree, or whose end was not seen there. */
export function runNextCheck(state: SessionState, intent: Intent, { commit, tree }: Commit): Action | undefined {
  const recorded = evidenceOn(state, tree);
  const command = checksOf(state, intent).find((check) => {
    const evidence = recorded.find((one) => one.command === check);
    return !evidence || (evidence.exitCode === -1 && mayRun(state, undefined, tree, check));
  });
  return command === undefined ? undefined : { do: 'verify', command, on: { stage: undefined, commit, tree }, seconds: NO_BOUND };
}

export function failedChecks(state: SessionState, intent: Intent, { tree }: Commit): Evidence[] {
  const checks = checksOf(state, intent);
  return evidenceOn(state, tree).filter((one) => one.exitCode !== 0 && checks.includes(one.command));
}

/** What the programmer is told of failed checks, in the form of a review. */
export function failureReport(
  { iteration }: SessionState,
  { tree }: Commit,
  failed: readonly Evidence[],
): EventOf<'review.submitted'> {
  return {
    type: 'review.submitted',
    iteration,
    tree,
    by: 'checks',
    verdict: 'request_changes',
    findings: failed.slice(0, MAX_FINDINGS).map((one) => ({
      file: '',
      problem: `\`${one.command}\` ${outcomeOf(one)}${one.change === undefined ? '' : `; it ${changeWords(one.change)}`}`,
    })),
    summary: `${failed.length === 1 ? 'A check' : `${failed.length} checks`} failed.`,
  };
}

/**
 * A programmer who changes nothing about checks that fail as they did before the work has nothing to mend. Another round
 * would find no more, and what fails must not pass for verified: it is for the user to say what is to be done.
 */
export function nothingToMend(
  state: SessionState,
  intent: Intent,
  { tree }: Commit,
  failed: readonly Evidence[],
): Action | undefined {
  const before = state.reviews.find((one) => one.iteration === state.iteration - 1 && one.by === 'checks');
  // The rounds are counted anew when the session is resumed: then it gets its chance.
  if (before?.tree !== tree || state.reviewRounds < 2 || failed.some((one) => one.change !== 'still-fails')) return undefined;
  const commands = failed.map((one) => `\`${one.command}\``).join(', ');
  const message = `${commands} failed before the work in the very same way, and the programmer found nothing to mend. Say in a message what is to be done or which checks count instead, or change spec.verify, then resume.`;
  return record({ type: 'session.paused', reason: 'ChecksFailedBefore', message, resumeCounter: intent.resume });
}
