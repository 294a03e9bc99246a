/** The pure fold from events to state. Replaying the same log always gives the same state; an impossible log is reported. */
import type { PauseReason } from './event-parts.ts';
import { FORMAT, type SessionEvent } from './events.ts';
import { foldCheckpoint, mayTouch } from './fold-checkpoint.ts';
import { foldCheck } from './fold-checks.ts';
import { begun, conversationOf, talk } from './fold-conversation.ts';
import { foldSandbox } from './fold-sandbox.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import { logLines, nextLogContext } from './log-lines.ts';
import { INITIAL_STATE, type SessionState, WORKING } from './state.ts';

const RECENT_LINES = 20;
/** Pauses after which the rounds of review are counted anew. */
const ROUNDS_OVER: ReadonlySet<PauseReason> = new Set<PauseReason>(['ReviewRoundsExhausted', 'ChecksFailedBefore']);

/** Folds stored events, in order, onto a state. @throws ImpossibleLogError */
export function fold(events: Iterable<SessionEvent>, from: SessionState = INITIAL_STATE): SessionState {
  let state = from;
  for (const event of events) state = apply(state, event);
  return state;
}

/** The state after one more event. @throws ImpossibleLogError */
export function apply(state: SessionState, event: SessionEvent): SessionState {
  if (event.format > FORMAT)
    throw new ImpossibleLogError(event, `it has format ${event.format}; this operator knows up to ${FORMAT}`);
  if (event.seq !== state.lastSeq + 1) throw new ImpossibleLogError(event, `expected sequence ${state.lastSeq + 1}`);
  if (event.epoch < state.epoch) throw new ImpossibleLogError(event, `its epoch ${event.epoch} is before ${state.epoch}`);
  const next = { ...step(state, event), lastSeq: event.seq, epoch: event.epoch, lastTime: event.time };
  next.workedMs = state.workedMs + workedSince(state, event);
  const lines = logLines(event, state.logContext);
  next.logContext = nextLogContext(state.logContext, event);
  if (lines.length) next.recentLogs = [...state.recentLogs, ...lines].slice(-RECENT_LINES);
  return next;
}

/** Time between two events of one claim in a working phase. Between two claims nobody worked. */
function workedSince(state: SessionState, event: SessionEvent): number {
  if (!WORKING.has(state.phase) || event.epoch !== state.epoch) return 0;
  return Math.max(0, Date.parse(event.time) - Date.parse(state.lastTime));
}

function step(state: SessionState, event: SessionEvent): SessionState {
  switch (event.type) {
    case 'session.started':
      if (state.startTime) throw new ImpossibleLogError(event, 'the session had started already');
      return {
        ...state,
        startTime: event.time,
        goal: event.goal,
        mode: event.mode,
        repository: { url: event.repository.url, ref: event.repository.ref },
      };
    case 'phase.entered':
      return {
        ...state,
        phase: event.phase,
        phaseReason: event.reason,
        phaseMessage: event.message,
        phaseSince: event.time,
        // A later message reopens a finished session.
        finished: WORKING.has(event.phase) ? undefined : state.finished,
      };
    case 'session.paused':
      return {
        ...state,
        pausedFrom: state.phase === 'Paused' ? state.pausedFrom : state.phase,
        pause: { reason: event.reason, message: event.message, resumeCounter: event.resumeCounter },
        phase: 'Paused',
        phaseReason: event.reason,
        phaseMessage: event.message,
        phaseSince: event.time,
      };
    case 'session.resumed': {
      if (!state.pause || !state.pausedFrom) throw new ImpossibleLogError(event, 'the session was not paused');
      const conversation = state.conversation && {
        ...state.conversation,
        // Tries its own profile again before the fallback that it had come to.
        profile: '',
        failures: undefined,
        silent: 0,
        repeats: { fingerprint: '', count: 0, nudges: 0, diagnoses: 0 },
      };
      return {
        ...state,
        phase: state.pausedFrom,
        phaseReason: 'Resumed',
        phaseMessage: '',
        phaseSince: event.time,
        pause: undefined,
        pausedFrom: undefined,
        reviewRounds: ROUNDS_OVER.has(state.pause.reason) ? 0 : state.reviewRounds,
        question: state.pause.reason === 'Stuck' ? undefined : state.question,
        conversation,
      };
    }
    case 'session.finished':
      return {
        ...state,
        phase: event.outcome,
        phaseReason: event.reason,
        phaseMessage: event.message,
        phaseSince: event.time,
        pause: undefined,
        pausedFrom: undefined,
        question: undefined,
        finished: { outcome: event.outcome, reason: event.reason, message: event.message, time: event.time },
      };
    case 'sandbox.requested':
    case 'sandbox.ready':
    case 'sandbox.restored':
    case 'sandbox.lost':
    case 'sandbox.releasing':
    case 'sandbox.released':
      return { ...state, ...foldSandbox(state, event) };
    case 'repository.cloned':
      return { ...state, base: { commit: event.commit, branch: event.branch } };
    case 'conversation.started':
      return { ...state, conversations: state.conversations + 1, conversation: begun(event), displaced: false };
    case 'conversation.ended':
    case 'model.requested':
    case 'model.failed':
    case 'note.added':
    case 'context.summarised':
    case 'context.pruned':
    case 'tool.finished':
      return { ...state, conversation: talk(conversationOf(state, event), event) };
    case 'tool.started': {
      const conversation = talk(conversationOf(state, event), event);
      return { ...state, conversation, touched: state.touched || mayTouch(conversation.role, event.name) };
    }
    case 'model.answered': {
      const usage = {
        inputTokens: state.usage.inputTokens + event.usage.inputTokens,
        cachedInputTokens: state.usage.cachedInputTokens + event.usage.cachedInputTokens,
        outputTokens: state.usage.outputTokens + event.usage.outputTokens,
        reasoningTokens: state.usage.reasoningTokens + event.usage.reasoningTokens,
        costUSD: state.usage.costUSD + event.costUSD,
        unpricedCalls: state.usage.unpricedCalls + (event.unpriced ? 1 : 0),
      };
      return { ...state, steps: state.steps + 1, usage, conversation: talk(conversationOf(state, event), event) };
    }
    case 'plan.submitted':
      return {
        ...state,
        plan: { revision: event.revision, title: event.title, steps: event.steps, checks: event.checks },
        reviewRounds: 0,
      };
    case 'plan.approved':
      return { ...state, approvedRevision: event.revision };
    case 'plan.updated': {
      if (!state.plan) throw new ImpossibleLogError(event, 'there is no plan');
      const status = new Map(event.steps.map((one) => [one.id, one.status]));
      return {
        ...state,
        plan: { ...state.plan, steps: state.plan.steps.map((one) => ({ ...one, status: status.get(one.id) ?? one.status })) },
      };
    }
    case 'input.received': {
      if (state.inputIds.has(event.id)) throw new ImpossibleLogError(event, `input ${event.id} was received already`);
      const input = {
        id: event.id,
        message: event.message,
        author: event.author,
        when: event.when,
        planStep: event.planStep,
        answerTo: event.answerTo,
        question: undefined,
        time: event.time,
        applied: undefined,
      };
      return { ...state, inputs: [...state.inputs, input], inputIds: new Set([...state.inputIds, event.id]) };
    }
    case 'input.applied': {
      const ids = new Set(event.ids);
      return { ...state, inputs: state.inputs.map((input) => (ids.has(input.id) ? { ...input, applied: event.as } : input)) };
    }
    case 'question.asked':
      return {
        ...state,
        questions: state.questions + 1,
        question: { id: event.id, text: event.text, conversation: event.conversation, callId: event.callId },
      };
    case 'question.answered': {
      const text = state.question?.text;
      const inputs = state.inputs.map((input) => (input.id === event.inputId ? { ...input, question: text } : input));
      return { ...state, question: undefined, inputs };
    }
    case 'iteration.started':
      return {
        ...state,
        iteration: event.iteration,
        programmerSummary: undefined,
        conversation: state.conversation?.ended ? undefined : state.conversation,
      };
    case 'programmer.finished':
      return { ...state, programmerSummary: event.summary };
    case 'worktree.committed': {
      const { iteration, commit, tree, filesChanged, additions, deletions, notes = [] } = event;
      // Where all was taken back there is nothing to restore.
      const checkpoint = commit === state.base?.commit ? undefined : state.checkpoint;
      const made = { iteration, commit, tree, filesChanged, additions, deletions, notes };
      return { ...state, commit: made, checkpoint, touched: false };
    }
    case 'verification.started':
    case 'verification.recorded':
    case 'tests.isolated':
    case 'tests.compared':
      return { ...state, ...foldCheck(state, event) };
    case 'review.submitted': {
      const { iteration, tree, by, verdict, findings, summary } = event;
      return {
        ...state,
        reviews: [...state.reviews, { iteration, tree, by, verdict, findings, summary }],
        reviewRounds: state.reviewRounds + (verdict === 'request_changes' ? 1 : 0),
      };
    }
    case 'limit.warned':
      return { ...state, warned: new Set([...state.warned, event.limit]) };
    case 'publish.started':
      return { ...state, publishing: { branch: event.branch, commit: event.commit } };
    case 'publish.finished': {
      const { type: _type, seq: _seq, epoch: _epoch, time: _time, format: _format, ...published } = event;
      return { ...state, publishing: undefined, published };
    }
    case 'log.line':
    case 'repository.requested':
    case 'model.output':
    case 'tool.output':
      return state;
    case 'checkpoint.saved':
    case 'checkpoint.failed':
      return { ...state, ...foldCheckpoint(state, event) };
    default:
      // A format this operator knows has no other kinds.
      throw new ImpossibleLogError(event satisfies never, 'its type is unknown');
  }
}
