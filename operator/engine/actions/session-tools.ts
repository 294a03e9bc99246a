/** Tools that act on the session itself: they change its state and nothing else. */
import {
  parseAskUser,
  parseFinish,
  parseSubmitPlan,
  parseSubmitReview,
  parseUpdatePlan,
} from '../../agent/tools/session-tools.ts';
import type { ToolResult } from '../../agent/tools/tool.ts';
import { INLINE_LIMIT } from '../blob.ts';
import type { PlanStep } from '../event-parts.ts';
import type { EventBody } from '../events.ts';
import { endingOf, openWords } from '../open-steps.ts';
import type { SessionState } from '../state.ts';
import { hiddenOutcome, judgeCheck } from '../verification.ts';
import type { ActionContext } from './context.ts';

/** Without a result the call stays open and is answered later. */
export type SessionToolResult = { result: ToolResult | undefined; events: EventBody[] };

export function runSessionTool(
  name: string,
  callId: string,
  args: Record<string, unknown>,
  { state }: Pick<ActionContext, 'state'>,
): SessionToolResult {
  switch (name) {
    case 'submit_plan':
      return submitPlan(args, state);
    case 'update_plan':
      return updatePlan(args, state);
    case 'finish':
      return finish(args, state);
    case 'submit_review':
      return submitReview(args, state);
    case 'ask_user':
      return askUser(args, callId, state);
    default:
      return error(`There is no tool ${name}.`);
  }
}

function submitPlan(args: Record<string, unknown>, state: SessionState): SessionToolResult {
  const parsed = parseSubmitPlan(args);
  if ('error' in parsed) return error(parsed.error);
  const { title, steps, checks } = parsed.value;
  for (const check of checks) {
    const hidden = hiddenOutcome(check);
    if (hidden)
      return error(`submit_plan: the exit code of the check \`${check}\` says nothing: ${hidden}. Submit the plan again.`);
  }
  const empty = checks.map((check) => ({ check, ...judgeCheck(check, 0, '') })).find((judged) => !judged.counted);
  if (empty)
    return error(
      `The check \`${empty.check}\` ${empty.note ?? 'proves nothing'}. Name commands that run tests of the project, or leave checks out.`,
    );
  const size = Buffer.byteLength(JSON.stringify([steps, checks]));
  if (size > INLINE_LIMIT)
    return error(`submit_plan: the plan has ${size} bytes; at most ${INLINE_LIMIT}. Say less in the details of its steps.`);
  const before = new Map(state.plan?.steps.map((step) => [step.id, step]));
  const merged: PlanStep[] = steps.map((step) => {
    const known = before.get(step.id);
    return { ...step, status: known?.title === step.title ? known.status : 'pending' };
  });
  const revision = (state.plan?.revision ?? 0) + 1;
  return ok(`Plan ${revision} is submitted.`, { type: 'plan.submitted', revision, title, steps: merged, checks }, ended(state));
}

function updatePlan(args: Record<string, unknown>, state: SessionState): SessionToolResult {
  const parsed = parseUpdatePlan(args);
  if ('error' in parsed) return error(parsed.error);
  const known = new Map(state.plan?.steps.map((step) => [step.id, step]));
  const unknown = parsed.value.steps.filter((step) => !known.has(step.id)).map((step) => step.id);
  if (unknown.length > 0)
    return error(`No step ${unknown.join(', ')} in the plan; its steps are ${[...known.keys()].join(', ')}.`);
  const now = new Map(parsed.value.steps.map((step) => [step.id, step.status]));
  const steps = [...known.values()].map(({ id, status }) => ({ id, status: now.get(id) ?? status }));
  return ok(`Updated. ${openWords(steps)}`, { type: 'plan.updated', steps: parsed.value.steps });
}

function finish(args: Record<string, unknown>, state: SessionState): SessionToolResult {
  const parsed = parseFinish(args);
  if ('error' in parsed) return error(parsed.error);
  const unseen = failedBeside(state);
  if (unseen)
    return error(
      `Not finished: ${unseen} in the same answer failed, and you had not seen that yet. Look at it, then call finish alone.`,
    );
  const ending = endingOf(state);
  if ('ask' in ending) return error(ending.ask);
  const steps = ending.completed.map((id) => ({ id, status: 'completed' as const }));
  const settled: EventBody[] = steps.length > 0 ? [{ type: 'plan.updated', steps }] : [];
  if (ending.told) settled.push({ type: 'log.line', level: 'info', text: unmarkedLine(ending.completed) });
  return ok(
    'Finished.',
    ...settled,
    { type: 'programmer.finished', iteration: state.iteration, summary: parsed.value.summary },
    ended(state),
  );
}

function unmarkedLine(ids: readonly string[]): string {
  const which = ids.length === 1 ? `Step ${ids[0]} counts` : `Steps ${ids.join(', ')} count`;
  return `${which} as completed: the programmer ended the work twice without marking ${ids.length === 1 ? 'it' : 'them'}.`;
}

function submitReview(args: Record<string, unknown>, state: SessionState): SessionToolResult {
  const parsed = parseSubmitReview(args);
  if ('error' in parsed) return error(parsed.error);
  const { verdict, findings, summary } = parsed.value;
  const unseen = verdict === 'approve' ? failedBeside(state) : undefined;
  if (unseen)
    return error(
      `Not submitted: ${unseen} in the same answer failed, and you had not seen that yet. Look at it, then submit the review alone.`,
    );
  const tree = state.commit?.tree ?? '';
  const review: EventBody = {
    type: 'review.submitted',
    iteration: state.iteration,
    tree,
    by: 'reviewer',
    verdict,
    findings,
    summary,
  };
  return ok('The review is submitted.', review, ended(state));
}

/** The call stays open: its result is the answer, which arrives as an input. */
function askUser(args: Record<string, unknown>, callId: string, state: SessionState): SessionToolResult {
  const parsed = parseAskUser(args);
  if ('error' in parsed) return error(parsed.error);
  const conversation = state.conversation?.id ?? '';
  const asked: EventBody = {
    type: 'question.asked',
    id: `q${state.questions + 1}`,
    text: parsed.value.question,
    conversation,
    callId,
  };
  const phase: EventBody = {
    type: 'phase.entered',
    phase: 'WaitingForUser',
    reason: 'QuestionAsked',
    message: parsed.value.question.slice(0, 500),
  };
  return { result: undefined, events: [asked, phase] };
}

/** A call of the same answer whose failure the model could not know when it called an end. */
function failedBeside({ conversation }: SessionState): string | undefined {
  const turns = conversation?.turns ?? [];
  const results = turns.slice(turns.findLastIndex((turn) => turn.kind === 'assistant') + 1);
  const failed = results.find((turn) => turn.kind === 'result' && (turn.outcome !== 'ok' || (turn.exitCode ?? 0) !== 0));
  return failed?.kind === 'result' ? failed.name : undefined;
}

function ended(state: SessionState): EventBody {
  return { type: 'conversation.ended', conversation: state.conversation?.id ?? '', reason: 'submitted' };
}

function ok(text: string, ...events: EventBody[]): SessionToolResult {
  return { result: { outcome: 'ok', text }, events };
}

function error(text: string): SessionToolResult {
  return { result: { outcome: 'error', text }, events: [] };
}
