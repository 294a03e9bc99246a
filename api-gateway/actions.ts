/** What users do to a session, each a pure decision over its picture: the change of the spec, and what is answered. */
import type { AgentSessionSpec } from '../operator/api/types.gen.ts';
import { only } from './http/body.ts';
import { type FieldError, invalid, Problem } from './http/problem.ts';
import type { Picture } from './picture.ts';
import { isRecord } from './record.ts';
import { partOf, sessionSchema } from './schema/crd.ts';
import { shown } from './schema/field-errors.ts';
import { fromRest, toRest } from './schema/rest-names.ts';
import { inputSchema, schemaErrors } from './session-request.ts';

/** `spec` is a merge patch; without it nothing has to change. */
export type Decision<T> = { spec?: object; answer: T };

/** Messages that a session takes in its life. */
export const MAX_INPUTS = 50;

/** What a caller may say in the body of approve. */
export function approvalOf(body: Record<string, unknown>): number | undefined {
  only(body, ['revision']);
  const { revision } = body;
  if (revision === undefined || revision === null) return undefined;
  if (typeof revision === 'number' && Number.isInteger(revision) && revision >= 1) return revision;
  throw invalid([{ field: 'revision', message: `must be a whole number from 1 on, not ${shown(revision)}` }]);
}

/** Approves the plan that is shown, or the revision named if it is that one. */
export function approve(picture: Picture, revision: number | undefined): Decision<{ revision: number; message: string }> {
  const { plan, question, phase, session } = picture;
  refuseCancelled(picture, 'approved');
  const { approvedPlan } = session.spec;
  if (plan && approvedPlan === plan.revision && (revision ?? approvedPlan) === approvedPlan) {
    return { answer: { revision: approvedPlan, message: `Plan ${approvedPlan} was approved before.` } };
  }
  if (plan && revision !== undefined && revision !== plan.revision) {
    const detail =
      revision < plan.revision
        ? `Plan ${revision} was replaced by plan ${plan.revision}. Read the new plan, then approve revision ${plan.revision}.`
        : `There is no plan ${revision} yet; the newest is plan ${plan.revision}.`;
    throw new Problem(409, 'stale-revision', detail);
  }
  if (!plan || phase !== 'WaitingForUser') {
    const mode = session.spec.mode === 'review' ? '' : ' A session in auto mode does not wait for approval.';
    throw new Problem(409, 'nothing-to-approve', `The session is ${picture.status}; no plan waits for approval.${mode}`);
  }
  if (question) {
    const detail = `The session waits for an answer, not for approval. Send the answer to …/input with answer_to ${question.id}.`;
    throw new Problem(409, 'nothing-to-approve', detail);
  }
  return {
    spec: { approvedPlan: plan.revision },
    answer: { revision: plan.revision, message: `Plan ${plan.revision} is approved; the session goes on.` },
  };
}

export type NewInput = Required<Pick<NonNullable<AgentSessionSpec['inputs']>[number], 'id' | 'author' | 'time'>> &
  Record<string, unknown>;

/** The input that a body and its idempotency key ask for; checked against the schema when it is added. */
export function inputOf(
  body: Record<string, unknown>,
  given: { key: string | undefined; author: string; now: number; newId: () => string },
): NewInput {
  const errors: FieldError[] = [];
  const input = fromRest(body, inputSchema(), '', errors);
  if (errors.length > 0) throw invalid(errors);
  const fields = isRecord(input) ? input : {};
  const { id, ...rest } = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  if (id !== undefined && typeof id !== 'string') throw invalid([{ field: 'id', message: `must be a string, not ${shown(id)}` }]);
  return { ...rest, id: id ?? given.key ?? given.newId(), author: given.author, time: new Date(given.now).toISOString() };
}

/** Adds a message. The same id with the same message is the same message. */
export function addInput(picture: Picture, input: NewInput): Decision<{ input_id: string; message: string }> {
  const { session } = picture;
  const inputs = session.spec.inputs ?? [];
  const before = inputs.find(({ id }) => id === input.id);
  if (before) {
    if (before.message === input.message) return { answer: { input_id: input.id, message: 'The message was received before.' } };
    throw new Problem(409, 'id-in-use', `Another message has the id ${input.id}. Leave id out to have one made.`);
  }
  const object = { ...session, spec: { ...session.spec, inputs: [...inputs, input] } };
  const errors = schemaErrors(object).flatMap(({ field, message }) => {
    const own = `inputs[${inputs.length}]`;
    return field.startsWith(own) ? [{ field: field.slice(own.length + 1), message }] : [];
  });
  if (typeof input.message === 'string' && input.message !== '' && input.message.trim() === '') {
    errors.push({ field: 'message', message: 'must not be blank' });
  }
  if (errors.length > 0) throw invalid(errors);
  refuseCancelled(picture, 'sent a message');
  if (inputs.length >= MAX_INPUTS) {
    const detail = `All ${MAX_INPUTS} messages of this session are used up. Start a new session from its branch: POST /agent/sessions with ref ${session.status?.result?.branch ?? 'set to the branch'}.`;
    throw new Problem(409, 'inputs-used-up', detail);
  }
  refuseUnknownReferences(picture, input);
  return { spec: { inputs: [...inputs, input] }, answer: { input_id: input.id, message: whatHappensNext(picture, input) } };
}

function refuseUnknownReferences({ question, plan }: Picture, input: NewInput): void {
  const { answerTo, planStep } = input;
  if (answerTo !== undefined && answerTo !== question?.id) {
    const open = question ? `The open one is ${question.id}: ${question.text}` : 'No question is open.';
    throw new Problem(409, 'no-such-question', `There is no open question ${shown(answerTo)}. ${open}`);
  }
  if (planStep !== undefined && plan && !plan.steps.some(({ id }) => id === planStep)) {
    const ids = plan.steps.map(({ id }) => id).join(', ');
    throw invalid([{ field: 'plan_step', message: `${shown(planStep)} is no step of plan ${plan.revision}, which has ${ids}` }]);
  }
}

/** What becomes of a message, by the phase in which it arrives. */
function whatHappensNext({ phase, question }: Picture, { when, answerTo }: NewInput): string {
  if (answerTo !== undefined) return 'It answers the question; the session goes on at once.';
  switch (phase) {
    case 'Queued':
    case 'Provisioning':
      return 'It is part of the goal when planning starts.';
    case 'Planning':
      return 'The planner reads it at its next step.';
    case 'WaitingForUser':
      return `The goal is updated and planning starts at once${question ? '; the open question is withdrawn' : ''}.`;
    case 'Programming':
    case 'Reviewing':
      if (when === 'now') return 'It interrupts what is running and is read at once.';
      if (when === 'next-step') return 'It is read at the next step.';
      return 'It is queued: when this iteration ends, the goal is updated and planning starts again.';
    case 'Publishing':
      return 'When the result is published, the goal is updated and planning starts again.';
    case 'Completed':
    case 'Failed':
      return 'The goal is updated and planning starts at once.';
    case 'Paused':
      return 'It is kept and applied when the session is resumed.';
    case 'Cancelled':
      return 'The session is cancelled.';
    default:
      return phase satisfies never;
  }
}

export function cancel(picture: Picture): Decision<{ message: string }> {
  if (picture.session.spec.cancelled) return { answer: { message: 'The session was cancelled before.' } };
  refuseFinished(picture, 'cancelled');
  return { spec: { cancelled: true }, answer: { message: 'The session ends now. What was done so far is kept.' } };
}

export function suspend(picture: Picture): Decision<{ message: string }> {
  refuseCancelled(picture, 'suspended');
  refuseFinished(picture, 'suspended');
  if (picture.session.spec.suspend) return { answer: { message: 'The session was suspended before.' } };
  return { spec: { suspend: true }, answer: { message: 'The session pauses until it is resumed.' } };
}

/** Takes back the user's own pause, and the platform's. */
export function resume(picture: Picture): Decision<{ message: string }> {
  refuseCancelled(picture, 'resumed');
  refuseFinished(picture, 'resumed');
  const { spec } = picture.session;
  const counter = spec.resume ?? 0;
  const paused = picture.pausedAt !== undefined && counter <= picture.pausedAt;
  if (!spec.suspend && !paused) {
    const message = picture.phase === 'Paused' ? 'The session was resumed before.' : 'The session is not paused.';
    return { answer: { message } };
  }
  return {
    spec: { ...(spec.suspend && { suspend: false }), ...(paused && { resume: counter + 1 }) },
    answer: { message: 'The session goes on.' },
  };
}

/** Changes limits; null puts a limit back to its default. */
export function changeLimits(picture: Picture, body: Record<string, unknown>): Decision<{ message: string; limits: unknown }> {
  const schema = partOf(sessionSchema().spec, 'limits');
  const errors: FieldError[] = [];
  const change = fromRest(body, schema, '', errors);
  const { session } = picture;
  if (!isRecord(change)) throw invalid([{ field: '', message: 'the body must be an object of limits' }]);
  const limits = Object.fromEntries(Object.entries({ ...session.spec.limits, ...change }).filter(([, value]) => value !== null));
  for (const { field, message } of schemaErrors({ ...session, spec: { ...session.spec, limits } })) {
    if (field.startsWith('limits.')) errors.push({ field: field.slice('limits.'.length), message });
  }
  if (errors.length > 0) throw invalid(errors);
  refuseCancelled(picture, 'changed');
  const message = 'The limits are changed. A session that paused at a limit goes on by itself when that limit is raised.';
  const nothing = Object.keys(change).length === 0;
  return { ...(!nothing && { spec: { limits: change } }), answer: { message, limits: toRest(limits, schema) } };
}

function refuseCancelled({ session, phase }: Picture, what: string): void {
  if (!session.spec.cancelled && phase !== 'Cancelled') return;
  throw new Problem(409, 'session-cancelled', `A cancelled session cannot be ${what}. Start a new session.`);
}

function refuseFinished({ phase }: Picture, what: string): void {
  if (phase !== 'Completed' && phase !== 'Failed') return;
  const detail = `The session has ${phase === 'Failed' ? 'failed' : 'completed'}; it cannot be ${what}. Send a message to take it up again.`;
  throw new Problem(409, 'session-finished', detail);
}
