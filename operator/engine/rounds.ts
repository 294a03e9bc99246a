/** Rounds of work: beginning one, sending one back, and giving one up for new planning. */
import { type Action, record } from './action.ts';
import type { EventBody } from './events.ts';
import { applied, pending } from './inputs.ts';
import type { Intent } from './intent.ts';
import type { SessionState } from './state.ts';

/** Why a round begins that mends an earlier one. */
export const CHANGES_REQUESTED = ['ChangesRequested', 'Working on what the review found.'] as const;

/** Begins another round from the committed work, unless there were enough of them. */
export function sendBack(state: SessionState, intent: Intent): Action {
  const events = beginIteration(state, ...CHANGES_REQUESTED);
  return roundsExhausted(state, intent) ?? { do: 'reset-worktree', commit: workCommit(state), events };
}

/** The pause that takes the place of one round too many. */
export function roundsExhausted(state: SessionState, intent: Intent): Action | undefined {
  if (state.reviewRounds < intent.limits.maxReviewRounds) return undefined;
  const message = `The work was sent back ${state.reviewRounds} times (spec.limits.maxReviewRounds). Resume to allow more rounds; a message that is sent before changes the direction.`;
  return record({ type: 'session.paused', reason: 'ReviewRoundsExhausted', message, resumeCounter: intent.resume });
}

/** Queued messages that came while coding or reviewing replan before the work is taken any further. */
export function replanned(state: SessionState): Action | undefined {
  const inputs = pending(state);
  if (inputs.length === 0) return undefined;
  return record(...endConversation(state, 'replanned'), applied(inputs, 'goal'), {
    type: 'phase.entered',
    phase: 'Planning',
    reason: 'NewInput',
    message: 'A message changed the goal; planning again.',
  });
}

/** The same, undoing what checks and reviewer left in the worktree. */
export function replannedFrom(state: SessionState, commit: string): Action | undefined {
  const replan = replanned(state);
  return replan?.do === 'record' ? { do: 'reset-worktree', commit, events: replan.events } : undefined;
}

/** The commit that the work stands on: the last iteration's, or the one that was cloned. */
export function workCommit(state: SessionState): string {
  return state.commit?.commit ?? state.base?.commit ?? '';
}

export function beginIteration(state: SessionState, reason: string, message: string): EventBody[] {
  return [
    { type: 'iteration.started', iteration: state.iteration + 1 },
    { type: 'phase.entered', phase: 'Programming', reason, message },
  ];
}

/** Marks a conversation as over, one that was submitted included: what it submitted is not to be acted on again. */
export function endConversation(state: SessionState, reason: 'replanned' | 'abandoned'): EventBody[] {
  const { conversation } = state;
  if (!conversation || conversation.ended === 'replanned' || conversation.ended === 'abandoned') return [];
  return [{ type: 'conversation.ended', conversation: conversation.id, reason }];
}

/** Whether the worktree holds work of a programmer that no commit has yet. */
export function halfDone({ conversation, commit, iteration }: SessionState): boolean {
  return conversation?.role === 'programmer' && conversation.ended !== 'abandoned' && commit?.iteration !== iteration;
}

/** Planning puts the worktree back to the last commit, so what was done so far is committed before; the messages wait for that. */
export function keepWork(reason: string): EventBody {
  return { type: 'phase.entered', phase: 'Programming', reason, message: 'Keeping what was done so far before planning again.' };
}
