/** One step of a role's conversation with its model: what is open in it, what the model must be told, who is asked next. */
import { type Action, record } from './action.ts';
import type { PauseReason, RecordedCall } from './event-parts.ts';
import type { EventBody } from './events.ts';
import { applied } from './inputs.ts';
import type { Intent } from './intent.ts';
import { logLines } from './log-lines.ts';
import type { NoProfile } from './ports.ts';
import type { Conversation, InputState, SessionState } from './state.ts';

/** Model failures of one profile in a row before the session turns to the fallback or pauses. */
export const MAX_FAILURES = 6;
/** Identical action/result pairs in a row that count as stuck. */
export const STUCK_AT = 3;
const MAX_SILENT = 4;
const PAUSE_REASONS: Record<string, PauseReason> = {
  quota: 'ProviderQuota',
  access: 'ProviderAccess',
  invalid: 'ProviderRefused',
};

/** One step of a conversation: an open tool call, what the model must be told, or the next call to the model. */
export function converse(state: SessionState, intent: Intent, conversation: Conversation, inputs: InputState[]): Action {
  const [call] = conversation.openCalls;
  if (call && conversation.started?.callId !== call.id && inputs.some((input) => input.when === 'now')) {
    return record(...conversation.openCalls.map((open) => skipped(conversation, open)));
  }
  if (call) return { do: 'run-tool', call };
  const { untold } = conversation;
  if (untold !== undefined)
    return record({ type: 'note.added', conversation: conversation.id, reason: 'environment', text: untold });
  const [guide] = conversation.guides.due;
  if (guide !== undefined) return { do: 'hand-guide', guide };
  if (inputs.length > 0)
    return record(told(conversation, inputs), applied(inputs, conversation.role === 'planner' ? 'goal' : 'steering'));
  const { repeats } = conversation;
  if (repeats.count >= STUCK_AT) {
    if (repeats.nudges === 0) {
      const text = `The same action gave the same result ${repeats.count} times in a row. Doing it again will not help. Say in one sentence what you expected and what you see instead, then take a different way.`;
      return record({ type: 'note.added', conversation: conversation.id, reason: 'nudge', text });
    }
    if (repeats.diagnoses > 0) return stuck(state, intent, 'The same action keeps giving the same result.');
  }
  if (conversation.silent >= MAX_SILENT) return stuck(state, intent, 'The model keeps answering without using a tool.');
  const lastTurn = conversation.turns.at(-1);
  if (conversation.silent > 0 && lastTurn?.kind === 'assistant') {
    const ending = { planner: 'submit_plan', programmer: 'finish', reviewer: 'submit_review' }[conversation.role];
    const text = `Your last answer called no tool, so nothing happened. Work goes on only through tools. When you are done, call ${ending}; otherwise call the tool for the next step.`;
    return record({ type: 'note.added', conversation: conversation.id, reason: 'no-tool-call', text });
  }
  return callModel(state, conversation, intent, repeats.count >= STUCK_AT);
}

/** What the user said, as the model of this conversation reads it. */
export function told(conversation: Conversation, inputs: InputState[]): EventBody {
  const text = inputs.map((input) => `Message from the user (${input.author}): ${input.message}`).join('\n\n');
  return {
    type: 'note.added',
    conversation: conversation.id,
    reason: 'steering',
    text,
    inputIds: inputs.map((input) => input.id),
  };
}

/** A call that was not begun, because the user interrupts. */
function skipped(conversation: Conversation, call: RecordedCall): EventBody {
  return {
    type: 'tool.finished',
    conversation: conversation.id,
    callId: call.id,
    name: call.name,
    outcome: 'interrupted',
    result: 'Not done, because the user sent a message (see below).',
    durationMs: 0,
  };
}

/** Which profile answers next, when, or whether none will. */
function callModel(state: SessionState, conversation: Conversation, intent: Intent, diagnose: boolean): Action {
  const chain = intent.profiles[conversation.role];
  if ('reason' in chain) return untilProfile(state, chain);
  const at = Math.max(0, chain.indexOf(conversation.profile));
  const profile = chain[at] ?? conversation.profile;
  const { failures } = conversation;
  if (!failures || failures.class === 'interrupted') return { do: 'call-model', profile, diagnose };
  // A passing failure without a next try is one that lasts too long to wait for it.
  const lasting = failures.class !== 'overflow' && (failures.class !== 'transient' || failures.retryAt === undefined);
  if (!lasting && failures.count < MAX_FAILURES) {
    if (failures.retryAt !== undefined && failures.retryAt > intent.now) {
      return { do: 'wait', until: failures.retryAt, reason: 'ProviderRetry', message: failures.message };
    }
    return { do: 'call-model', profile, diagnose };
  }
  const fallback = chain[at + 1];
  if (fallback !== undefined) return { do: 'call-model', profile: fallback, diagnose };
  const reason = PAUSE_REASONS[failures.class] ?? 'ProviderUnavailable';
  return record({
    type: 'session.paused',
    reason,
    message: `Profile ${profile}: ${failures.message}`,
    resumeCounter: intent.resume,
  });
}

/** Says once what is missing; whoever hands the session in waits until it is there, which costs the session no time. */
function untilProfile({ recentLogs }: SessionState, { reason, message }: NoProfile): Action {
  const said: EventBody = { type: 'log.line', level: 'warning', text: `Waiting for a model (${reason}): ${message}` };
  return recentLogs.at(-1) === logLines(said).at(-1) ? { do: 'idle' } : record(said);
}

function stuck(state: SessionState, intent: Intent, why: string): Action {
  const id = `q${state.questions + 1}`;
  return record(
    {
      type: 'question.asked',
      id,
      text: `${why} How should it go on? Answer with what to do differently, or resume to let it try again.`,
    },
    { type: 'session.paused', reason: 'Stuck', message: why, resumeCounter: intent.resume },
  );
}
