/**
 * What a session does next: a pure function of its state and the user's intent. The rules are asked in order and the first
 * that applies decides. This file is the map of a session's life; the effects are in actions/.
 *
 *   Queued → Provisioning → Planning ⇄ WaitingForUser → Programming → Reviewing → Publishing → Completed
 *                              ↑                            ↑____________|  (checks failed, changes asked for)
 *                              └── a message replans (before review ends, or later from Completed and Failed)
 */
import { redactUrl } from '../sandbox/git/repository-url.ts';
import { type Action, record } from './action.ts';
import { baseline } from './baseline.ts';
import { failedChecks, failureReport, nothingToMend, runNextCheck } from './checks.ts';
import { converse } from './converse.ts';
import type { EventBody } from './events.ts';
import { evidenceInWords, verified, whyUnverified } from './evidence.ts';
import { applied, pending, steers } from './inputs.ts';
import type { Intent } from './intent.ts';
import { limitsToWarnOf, reachedLimit } from './limits.ts';
import { releaseAt } from './release.ts';
import { finished, paused, suspend, waitForUser } from './resting.ts';
import {
  beginIteration,
  CHANGES_REQUESTED,
  endConversation,
  replanned,
  replannedFrom,
  roundsExhausted,
  sendBack,
  workCommit,
} from './rounds.ts';
import type { SessionState } from './state.ts';
import { compare } from './without-change.ts';

type Rule = (state: SessionState, intent: Intent) => Action | undefined;

const RULES: Rule[] = [
  start,
  cancel,
  receiveInputs,
  finished,
  paused,
  suspend,
  waitForUser,
  limits,
  provision,
  plan,
  baseline,
  program,
  check,
  compare,
  review,
  publish,
];

/** The next action. Total: something always applies. */
export function decide(state: SessionState, intent: Intent): Action {
  const action = RULES.values()
    .map((rule) => rule(state, intent))
    .find((one) => one !== undefined);
  return action === undefined || action.do === 'idle' ? atRest(state, intent) : action;
}

/** Nothing is to be done for the session; what it does not need, others may. */
function atRest(state: SessionState, intent: Intent): Action {
  const due = releaseAt(state, intent.release);
  return due !== undefined && due <= intent.now ? { do: 'release' } : { do: 'idle' };
}

function start(state: SessionState, intent: Intent): Action | undefined {
  if (state.startTime) return undefined;
  const { ref } = intent.repository;
  // A token that somebody wrote into the address must not get into the log.
  const url = redactUrl(intent.repository.url);
  return record(
    { type: 'session.started', goal: intent.goal, mode: intent.mode, repository: ref === undefined ? { url } : { url, ref } },
    { type: 'phase.entered', phase: 'Provisioning', reason: 'Started', message: 'Preparing the sandbox and the repository.' },
  );
}

function cancel(state: SessionState, intent: Intent): Action | undefined {
  if (!intent.cancelled || state.finished) return undefined;
  return record(...endConversation(state, 'abandoned'), {
    type: 'session.finished',
    outcome: 'Cancelled',
    reason: 'CancelledByUser',
    message: 'Cancelled by the user.',
  });
}

function receiveInputs(state: SessionState, intent: Intent): Action | undefined {
  const fresh = intent.inputs.filter((input) => !state.inputIds.has(input.id));
  if (fresh.length === 0) return undefined;
  const events: EventBody[] = fresh.map((input) => ({
    type: 'input.received',
    id: input.id,
    message: input.message,
    author: input.author ?? intent.author,
    when: input.when ?? 'queued',
    ...(input.planStep === undefined ? {} : { planStep: input.planStep }),
    ...(input.answerTo === undefined ? {} : { answerTo: input.answerTo }),
  }));
  if (intent.cancelled) events.push({ type: 'input.applied', ids: fresh.map((input) => input.id), as: 'refused' });
  return record(...events);
}

function limits(state: SessionState, intent: Intent): Action | undefined {
  const reached = reachedLimit(state, intent);
  // What is paid for already is not withheld: an approved result is still published.
  if (reached && state.phase !== 'Publishing') {
    return record({
      type: 'session.paused',
      reason: 'LimitReached',
      message: `${reached.message} (spec.limits.${reached.limit}); raise the limit to go on.`,
      resumeCounter: intent.resume,
    });
  }
  const warnings = limitsToWarnOf(state, intent);
  return warnings.length
    ? record(...warnings.map(({ limit, message }) => ({ type: 'limit.warned' as const, limit, message })))
    : undefined;
}

function provision(state: SessionState): Action | undefined {
  if (!state.sandbox || state.sandboxLost !== undefined || !state.base) return { do: 'provision' };
  if (state.phase !== 'Provisioning') return undefined;
  const inputs = pending(state);
  return record(...(inputs.length ? [applied(inputs, 'goal')] : []), {
    type: 'phase.entered',
    phase: 'Planning',
    reason: 'RepositoryReady',
    message: 'Exploring the repository and making a plan.',
  });
}

function plan(state: SessionState, intent: Intent): Action | undefined {
  if (state.phase !== 'Planning' || !state.base) return undefined;
  const { conversation } = state;
  const inputs = pending(state);
  if (conversation?.role === 'planner' && conversation.ended === 'submitted' && state.plan) {
    // A message that came with the plan is not in it yet.
    if (inputs.length > 0) return record(...endConversation(state, 'replanned'), applied(inputs, 'goal'));
    const events: EventBody[] =
      state.mode === 'review'
        ? [
            {
              type: 'phase.entered',
              phase: 'WaitingForUser',
              reason: 'WaitingForApproval',
              message: `Plan ${state.plan.revision} waits for approval.`,
            },
          ]
        : beginIteration(state, 'PlanReady', 'Working through the plan.');
    return { do: 'reset-worktree', commit: workCommit(state), events };
  }
  if (!conversation || conversation.ended || conversation.role !== 'planner') {
    return inputs.length ? record(applied(inputs, 'goal')) : { do: 'open-conversation', role: 'planner' };
  }
  return converse(state, intent, conversation, inputs);
}

function program(state: SessionState, intent: Intent): Action | undefined {
  if (state.phase !== 'Programming') return undefined;
  const { conversation } = state;
  if (conversation?.role === 'programmer' && (conversation.ended === 'submitted' || conversation.ended === 'replanned')) {
    const refused = state.reviews.some((one) => one.iteration === state.iteration && one.by === 'checks');
    if (state.commit?.iteration !== state.iteration && !refused) return { do: 'commit' };
    const replan = replanned(state);
    if (replan) return replan;
    // What cannot be committed stays in the worktree, to be mended there.
    if (refused) return roundsExhausted(state, intent) ?? record(...beginIteration(state, ...CHANGES_REQUESTED));
    if (conversation.ended === 'submitted')
      return record({ type: 'phase.entered', phase: 'Reviewing', reason: 'IterationEnded', message: 'Checking the result.' });
  }
  if (!conversation || conversation.ended || conversation.role !== 'programmer')
    return { do: 'open-conversation', role: 'programmer' };
  return converse(state, intent, conversation, pending(state).filter(steers));
}

/** The platform's own evidence comes before the reviewer's opinion; a failed check goes straight back. */
function check(state: SessionState, intent: Intent): Action | undefined {
  if (state.phase !== 'Reviewing' || !state.commit) return undefined;
  const next = runNextCheck(state, intent, state.commit);
  if (next) return next;
  const failed = failedChecks(state, intent, state.commit);
  if (failed.length === 0) return undefined;
  const reported = state.reviews.some((one) => one.iteration === state.iteration && one.by === 'checks');
  if (!reported) return record(failureReport(state, state.commit, failed));
  return (
    replannedFrom(state, state.commit.commit) ?? nothingToMend(state, intent, state.commit, failed) ?? sendBack(state, intent)
  );
}

function review(state: SessionState, intent: Intent): Action | undefined {
  if (state.phase !== 'Reviewing' || !state.commit) return undefined;
  const { conversation, commit } = state;
  const last = state.reviews.findLast(
    (one) => one.iteration === state.iteration && one.by === 'reviewer' && one.tree === commit.tree,
  );
  if (last && conversation?.ended === 'submitted') {
    const replan = replannedFrom(state, commit.commit);
    if (replan) return replan;
    if (last.verdict === 'request_changes') return sendBack(state, intent);
    return {
      do: 'reset-worktree',
      commit: commit.commit,
      events: [{ type: 'phase.entered', phase: 'Publishing', reason: 'Approved', message: 'The review approved the result.' }],
    };
  }
  if (!conversation || conversation.ended || conversation.role !== 'reviewer')
    return { do: 'open-conversation', role: 'reviewer' };
  return converse(state, intent, conversation, pending(state).filter(steers));
}

function publish(state: SessionState): Action | undefined {
  if (state.phase !== 'Publishing' || !state.commit) return undefined;
  if (state.published?.commit !== state.commit.commit) return { do: 'publish', commit: state.commit.commit };
  const known = verified(state);
  const verdict = known ? 'Reviewed, and the checks passed.' : `Reviewed. ${whyUnverified(state)}`;
  const message = `${verdict} ${evidenceInWords(state)}`.trimEnd();
  return record({ type: 'session.finished', outcome: 'Completed', reason: known ? 'Verified' : 'Unverified', message });
}
