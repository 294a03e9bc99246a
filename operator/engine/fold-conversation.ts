/** The part of the fold that makes a conversation with a model. */
import type { EventOf, SessionEvent } from './events.ts';
import { fingerprintOf } from './fingerprint.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import type { Conversation, SessionState } from './state.ts';

/** A conversation in which nothing was said yet. */
export function begun(event: EventOf<'conversation.started'>): Conversation {
  return {
    id: event.conversation,
    role: event.role,
    profile: event.profile,
    model: event.model,
    system: event.system,
    opening: event.opening,
    turns: [],
    keepFrom: 0,
    summary: undefined,
    requested: undefined,
    openCalls: [],
    started: undefined,
    failures: undefined,
    lastInput: undefined,
    repeats: { fingerprint: '', count: 0, nudges: 0, diagnoses: 0 },
    guides: { unseen: event.guides ?? [], due: [] },
    untold: undefined,
    silent: 0,
    ended: undefined,
  };
}

export type ConversationEvent = SessionEvent & { conversation: string };

/** The conversation that an event is about. @throws ImpossibleLogError when it is not the current one */
export function conversationOf(state: SessionState, event: ConversationEvent): Conversation {
  if (state.conversation?.id !== event.conversation) {
    throw new ImpossibleLogError(
      event,
      `conversation ${event.conversation} is not the current one (${state.conversation?.id ?? 'none'})`,
    );
  }
  return state.conversation;
}

/** The conversation after one more event. @throws ImpossibleLogError */
export function talk(conversation: Conversation, event: ConversationEvent): Conversation {
  switch (event.type) {
    case 'conversation.ended':
      return { ...conversation, ended: event.reason, requested: undefined, openCalls: [], started: undefined };
    case 'model.requested': {
      const failures = event.profile === conversation.profile ? conversation.failures : undefined;
      return {
        ...conversation,
        requested: { call: event.call, purpose: event.purpose },
        profile: event.profile,
        model: event.model,
        failures,
      };
    }
    case 'model.answered': {
      const answered = { ...conversation, requested: undefined, failures: undefined };
      if (event.purpose !== 'step') return answered;
      const turns = [
        ...conversation.turns,
        { kind: 'assistant' as const, text: event.text, calls: event.calls, state: event.state },
      ];
      return {
        ...answered,
        turns,
        openCalls: event.calls,
        started: undefined,
        lastInput: { tokens: event.usage.inputTokens, turns: conversation.turns.length },
        silent: event.calls.length ? 0 : conversation.silent + 1,
      };
    }
    case 'model.failed': {
      const { class: cls, message, retryAt } = event;
      const count = cls === 'interrupted' ? (conversation.failures?.count ?? 0) : (conversation.failures?.count ?? 0) + 1;
      return { ...conversation, requested: undefined, failures: { count, class: cls, message, retryAt } };
    }
    case 'note.added': {
      const turns = [...conversation.turns, { kind: 'note' as const, reason: event.reason, text: event.text }];
      const { repeats } = conversation;
      const nudged = {
        ...repeats,
        count: event.reason === 'nudge' || event.reason === 'diagnosis' ? 0 : repeats.count,
        nudges: repeats.nudges + (event.reason === 'nudge' ? 1 : 0),
        diagnoses: repeats.diagnoses + (event.reason === 'diagnosis' ? 1 : 0),
      };
      const { unseen, due } = conversation.guides;
      const guides = { unseen, due: due.filter((guide) => guide !== event.guide) };
      const untold = event.reason === 'environment' ? undefined : conversation.untold;
      return { ...conversation, turns, repeats: nudged, guides, untold };
    }
    case 'context.summarised':
      if (event.keepFrom > conversation.turns.length)
        throw new ImpossibleLogError(event, `keepFrom ${event.keepFrom} is beyond the conversation`);
      return { ...conversation, keepFrom: event.keepFrom, summary: event.summary, lastInput: undefined };
    case 'context.pruned': {
      const ids = new Set(event.callIds);
      const turns = conversation.turns.map((turn) =>
        turn.kind === 'result' && ids.has(turn.callId) ? { ...turn, pruned: true } : turn,
      );
      return { ...conversation, turns, lastInput: undefined };
    }
    case 'tool.started':
      if (conversation.openCalls[0]?.id !== event.callId)
        throw new ImpossibleLogError(event, `call ${event.callId} is not the next open one`);
      return { ...conversation, started: { callId: event.callId, op: event.op, sandboxUid: event.sandboxUid, time: event.time } };
    case 'tool.finished': {
      const [call, ...openCalls] = conversation.openCalls;
      if (call?.id !== event.callId) throw new ImpossibleLogError(event, `call ${event.callId} is not the next open one`);
      const turns = [
        ...conversation.turns,
        {
          kind: 'result' as const,
          callId: event.callId,
          name: event.name,
          text: event.result,
          outcome: event.outcome,
          ...(event.exitCode === undefined ? {} : { exitCode: event.exitCode }),
          pruned: false,
        },
      ];
      const fingerprint = fingerprintOf(call, event.outcome, event.result);
      const { repeats } = conversation;
      const counted = { ...repeats, fingerprint, count: fingerprint === repeats.fingerprint ? repeats.count + 1 : 1 };
      const { guides: met = [] } = event;
      const { unseen, due } = conversation.guides;
      const guides =
        met.length === 0 ? conversation.guides : { unseen: unseen.filter((one) => !met.includes(one)), due: [...due, ...met] };
      return { ...conversation, turns, openCalls, started: undefined, repeats: counted, guides };
    }
    default:
      throw new ImpossibleLogError(event, 'it is no event of a conversation');
  }
}
