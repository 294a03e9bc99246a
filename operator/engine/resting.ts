/** The rules by which a session rests, and by which the user has it go on: finished, paused, suspended, or waiting for a word. */
import { type Action, record } from './action.ts';
import { told } from './converse.ts';
import type { ConversationRole } from './event-parts.ts';
import type { EventBody } from './events.ts';
import { applied, pending } from './inputs.ts';
import type { Intent } from './intent.ts';
import { reachedLimit } from './limits.ts';
import { beginIteration, endConversation, halfDone, keepWork } from './rounds.ts';
import type { SessionState } from './state.ts';

/** A finished session rests until a message reopens it. */
export function finished(state: SessionState): Action | undefined {
  if (!state.finished) return undefined;
  const inputs = pending(state);
  if (inputs.length === 0 || state.finished.outcome === 'Cancelled') return { do: 'idle' };
  if (halfDone(state)) return record(...endConversation(state, 'replanned'), keepWork('NewInput'));
  return record(
    ...endConversation(state, 'replanned'),
    applied(inputs, 'goal'),
    state.base
      ? { type: 'phase.entered', phase: 'Planning', reason: 'NewInput', message: 'A message changed the goal; planning again.' }
      : { type: 'phase.entered', phase: 'Provisioning', reason: 'NewInput', message: 'A message came; trying again.' },
  );
}

export function paused(state: SessionState, intent: Intent): Action | undefined {
  const { pause } = state;
  if (!pause) return undefined;
  if (intent.suspend) return { do: 'idle' };
  const { question, conversation } = state;
  const answer = pause.reason === 'Stuck' && question ? pending(state).find((one) => one.answerTo === question.id) : undefined;
  if (answer && question && conversation) {
    // Who asked is told at once, in whatever phase: this is what it waits for.
    return record(
      { type: 'question.answered', id: question.id, inputId: answer.id },
      { type: 'session.resumed', resumeCounter: intent.resume },
      told(conversation, [answer]),
      applied([answer], 'answer'),
    );
  }
  const resumed =
    intent.resume > pause.resumeCounter ||
    pause.reason === 'Suspended' ||
    (pause.reason === 'LimitReached' && !reachedLimit(state, intent));
  return resumed ? record({ type: 'session.resumed', resumeCounter: intent.resume }) : { do: 'idle' };
}

export function suspend(_state: SessionState, intent: Intent): Action | undefined {
  if (!intent.suspend) return undefined;
  return record({ type: 'session.paused', reason: 'Suspended', message: 'Suspended by the user.', resumeCounter: intent.resume });
}

export function waitForUser(state: SessionState, intent: Intent): Action | undefined {
  if (state.phase !== 'WaitingForUser') return undefined;
  const inputs = pending(state);
  if (state.question) {
    const { question, conversation } = state;
    const answer = inputs.find((input) => input.answerTo === question.id);
    const call = conversation?.openCalls.find((one) => one.id === question.callId);
    if (answer && conversation && call) {
      return record(
        { type: 'question.answered', id: question.id, inputId: answer.id },
        applied([answer], 'answer'),
        {
          type: 'tool.finished',
          conversation: conversation.id,
          callId: call.id,
          name: call.name,
          outcome: 'ok',
          result: `The user answered: ${answer.message}`,
          durationMs: 0,
        },
        { type: 'phase.entered', phase: phaseOf(conversation.role), reason: 'Answered', message: 'The question was answered.' },
      );
    }
  }
  if (inputs.length > 0) {
    const { question } = state;
    const answered: EventBody[] = question ? [{ type: 'question.answered', id: question.id, inputId: inputs[0]?.id ?? '' }] : [];
    if (halfDone(state)) return record(...answered, ...endConversation(state, 'replanned'), keepWork('Feedback'));
    return record(...endConversation(state, 'replanned'), ...answered, applied(inputs, 'goal'), {
      type: 'phase.entered',
      phase: 'Planning',
      reason: 'Feedback',
      message: 'Planning again with the feedback.',
    });
  }
  if (!state.question && state.plan && intent.approvedPlan === state.plan.revision) {
    return record(
      { type: 'plan.approved', revision: state.plan.revision, by: intent.author },
      ...beginIteration(state, 'PlanApproved', 'The plan was approved.'),
    );
  }
  return { do: 'idle' };
}

function phaseOf(role: ConversationRole): 'Planning' | 'Programming' | 'Reviewing' {
  return ({ planner: 'Planning', programmer: 'Programming', reviewer: 'Reviewing' } as const)[role];
}
