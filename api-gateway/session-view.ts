/** A session as REST shows it. */
import type { AgentSession } from '../operator/api/resources.ts';
import type { Noun } from '../operator/engine/log-lines.ts';
import { redactUrl } from '../operator/sandbox/git/repository-url.ts';
import { linesFor, type Picture } from './picture.ts';
import { partOf, sessionSchema } from './schema/crd.ts';
import { toRest } from './schema/rest-names.ts';

/** What lists show: everything that the object itself says. */
export function summaryOf(session: AgentSession, picture: Pick<Picture, 'status' | 'phase' | 'reason' | 'message'>) {
  const { metadata, spec, status = {} } = session;
  const schema = sessionSchema().status;
  const show = (name: keyof typeof status & string) => toRest(status[name], partOf(schema, name)) ?? null;
  const finished = picture.status === 'COMPLETED' || picture.status === 'FAILED' || picture.status === 'CANCELLED';
  return {
    id: metadata.name,
    status: picture.status,
    result: finished ? show('result') : null,
    phase: picture.phase,
    reason: picture.reason ?? null,
    message: picture.message ?? null,
    goal: spec.goal,
    repo_url: redactUrl(spec.repository.url),
    ref: spec.repository.ref ?? null,
    mode: spec.mode ?? 'auto',
    author: spec.author ?? null,
    iteration: status.iteration ?? 0,
    steps: status.steps ?? 0,
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0, ...usageOf(show('usage')) },
    created_at: metadata.creationTimestamp ?? null,
    started_at: status.startTime ?? null,
    finished_at: finished ? (status.completionTime ?? null) : null,
  };
}

/** What GET of one session answers. */
export function viewOf(picture: Picture, noun: Noun) {
  const { session, state } = picture;
  const { spec, status = {} } = session;
  const schema = sessionSchema();
  const { id, status: shown, result, ...rest } = summaryOf(session, picture);
  return {
    id,
    status: shown,
    logs: linesFor(noun, picture.logs),
    result,
    ...rest,
    ...(state && { iteration: state.iteration, steps: state.steps, usage: usageOfState(state.usage) }),
    plan: planOf(picture) ?? null,
    question: picture.question ?? null,
    activity: picture.doing ? { summary: picture.doing.summary, since: picture.doing.since } : null,
    inputs: (spec.inputs ?? []).map(({ id: inputId, message, author, time, when }) => ({
      id: inputId,
      message,
      author: author ?? null,
      sent_at: time ?? null,
      when: when ?? 'queued',
      applied: state?.inputs.find((one) => one.id === inputId)?.applied ?? null,
    })),
    limits: toRest(spec.limits ?? {}, partOf(schema.spec, 'limits')),
    suspended: spec.suspend ?? false,
    conditions: toRest(status.conditions ?? [], partOf(schema.status, 'conditions')),
  };
}

/** The current plan, with all that the log knows of it. */
export function planOf({ session, state, plan, phase, question }: Picture) {
  const known = state?.plan ?? session.status?.plan;
  if (!known || !plan) return undefined;
  const approved = session.spec.approvedPlan === known.revision || state?.approvedRevision === known.revision;
  return {
    revision: known.revision,
    title: known.title ?? '',
    steps: (known.steps ?? []).map((step) => ({
      id: step.id,
      title: step.title,
      ...('details' in step && typeof step.details === 'string' && { details: step.details }),
      status: step.status,
    })),
    checks: state?.plan?.checks ?? [],
    approved,
    waiting_for_approval: phase === 'WaitingForUser' && !question && !approved,
  };
}

function usageOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function usageOfState(usage: { inputTokens: number; outputTokens: number; costUSD: number }) {
  return { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens, cost_usd: usage.costUSD };
}
