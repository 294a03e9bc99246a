/** A session as REST shows it. */
import type { AgentSession } from '../operator/api/resources.ts';
import type { Noun } from '../operator/engine/log-lines.ts';
import type { SessionState } from '../operator/engine/state.ts';
import { redactUrl } from '../operator/sandbox/git/repository-url.ts';
import { conditionOf, linesFor, type Picture, REST_STATUSES } from './picture.ts';
import { partOf, sessionSchema } from './schema/crd.ts';
import { toRest } from './schema/rest-names.ts';

/** What lists show: everything that the object itself says. */
export function summaryOf(session: AgentSession, picture: Pick<Picture, 'status' | 'phase' | 'reason' | 'message'>) {
  const { metadata, spec, status = {} } = session;
  const schema = sessionSchema().status;
  const show = (name: keyof typeof status & string) => toRest(status[name], partOf(schema, name)) ?? null;
  const finished = picture.status === 'COMPLETED' || picture.status === 'FAILED' || picture.status === 'CANCELLED';
  const steps = status.plan?.steps;
  return {
    id: metadata.name,
    uid: metadata.uid ?? null,
    status: picture.status,
    result: finished ? show('result') : null,
    phase: picture.phase,
    reason: picture.reason ?? null,
    message: picture.message ?? null,
    goal: spec.goal,
    repo_url: redactUrl(spec.repository.url),
    ref: spec.repository.ref ?? null,
    mode: spec.mode ?? 'auto',
    profile: spec.profileRef?.name ?? null,
    sandbox: sandboxOf(session),
    author: spec.author ?? null,
    plan_progress: steps ? progressOf(steps) : null,
    limits: toRest(spec.limits ?? {}, partOf(sessionSchema().spec, 'limits')),
    iteration: status.iteration ?? 0,
    steps: status.steps ?? 0,
    usage: usageOfStatus(record(show('usage'))),
    created_at: metadata.creationTimestamp ?? null,
    started_at: status.startTime ?? null,
    finished_at: finished ? (status.completionTime ?? null) : null,
    deleted_at: metadata.deletionTimestamp ?? null,
  };
}

/** What GET of one session answers. @param lines of the log at most, the last ones; all when left out */
export function viewOf(picture: Picture, noun: Noun, lines = Number.POSITIVE_INFINITY) {
  const { session, state } = picture;
  const { spec, status = {} } = session;
  const schema = sessionSchema();
  const { id, status: shown, result, ...rest } = summaryOf(session, picture);
  return {
    id,
    status: shown,
    logs: lastOf(linesFor(noun, picture.logs), lines),
    result,
    ...rest,
    ...(state && { iteration: state.iteration, steps: state.steps, usage: usageOfState(state.usage) }),
    ...(state?.plan && { plan_progress: progressOf(state.plan.steps) }),
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
    suspended: spec.suspend ?? false,
    conditions: toRest(status.conditions ?? [], partOf(schema.status, 'conditions')),
    ...requestOf(session),
  };
}

function lastOf<T>(list: T[], count: number): T[] {
  return count < list.length ? list.slice(list.length - count) : list;
}

/** What else a request for the same would have, besides what lists show. */
function requestOf(session: AgentSession) {
  const { spec } = session;
  const schema = sessionSchema().spec;
  const sandbox = sandboxOf(session);
  return {
    sandbox: sandbox && { ...record(toRest(spec.sandbox ?? {}, partOf(schema, 'sandbox'))), ...sandbox },
    depth: spec.repository.depth ?? null,
    credentials_secret: spec.repository.credentialsSecretRef?.name ?? null,
    role_profiles: spec.roleProfiles ? toRest(spec.roleProfiles, partOf(schema, 'roleProfiles')) : null,
    priority: spec.priority ?? null,
    verify: spec.verify ?? [],
    publish: spec.publish ? toRest(spec.publish, partOf(schema, 'publish')) : null,
    ttl_seconds_after_finished: spec.ttlSecondsAfterFinished ?? null,
  };
}

/** Where the commands run; null while nobody has decided. */
function sandboxOf({ spec, status }: AgentSession) {
  const { type, image } = spec.sandbox ?? {};
  const found = status?.sandbox;
  if (!found && type === undefined && image === undefined) return null;
  return { type: found?.type ?? type ?? null, name: found?.name ?? null, uid: found?.uid ?? null, image: image ?? null };
}

/** Steps that need no more work, of all. */
function progressOf(steps: readonly { status?: string }[]) {
  const completed = steps.filter(({ status }) => status === 'completed' || status === 'skipped').length;
  return { completed, total: steps.length };
}

/** An item of a list, from the object alone. */
export function itemOf(session: AgentSession) {
  const phase = session.status?.phase ?? 'Queued';
  const condition = conditionOf(session, phase);
  const { reason, message } = { reason: undefined, message: undefined, ...condition };
  return summaryOf(session, { phase, status: REST_STATUSES[phase], reason, message });
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

function record(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

/** Without a price there is no cost, which is not the same as none. */
function usageOfStatus(known: object) {
  const cost = 'unpriced_calls' in known ? null : 0;
  return { input_tokens: 0, output_tokens: 0, cost_usd: cost, unpriced_calls: 0, ...known };
}

function usageOfState({ inputTokens, outputTokens, costUSD, unpricedCalls }: SessionState['usage']) {
  const cost = unpricedCalls > 0 && costUSD === 0 ? null : Number(costUSD.toFixed(6));
  return { input_tokens: inputTokens, output_tokens: outputTokens, cost_usd: cost, unpriced_calls: unpricedCalls };
}
