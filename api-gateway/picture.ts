/**
 * Where a session is, from its object and its log together. The operator writes status from the log, so the log is never
 * behind: who has just read an event must not be told that nothing happened.
 */
import type { AgentSession, Phase } from '../operator/api/resources.ts';
import { fold } from '../operator/engine/fold.ts';
import { ImpossibleLogError } from '../operator/engine/impossible-log.ts';
import { type EventLog, LogDamagedError, LogUnavailableError } from '../operator/engine/log.ts';
import { type LogContext, logLines, type Noun, nextLogContext, startLine } from '../operator/engine/log-lines.ts';
import { INITIAL_STATE, type SessionState } from '../operator/engine/state.ts';

export type RestStatus = 'QUEUED' | 'RUNNING' | 'WAITING_FOR_USER' | 'COMPLETED' | 'FAILED' | 'PAUSED' | 'CANCELLED';

export const REST_STATUSES: Readonly<Record<Phase, RestStatus>> = {
  Queued: 'QUEUED',
  Provisioning: 'RUNNING',
  Planning: 'RUNNING',
  WaitingForUser: 'WAITING_FOR_USER',
  Programming: 'RUNNING',
  Reviewing: 'RUNNING',
  Publishing: 'RUNNING',
  Completed: 'COMPLETED',
  Paused: 'PAUSED',
  Failed: 'FAILED',
  Cancelled: 'CANCELLED',
};

/** Every status, once. */
export const STATUSES: readonly RestStatus[] = [...new Set(Object.values(REST_STATUSES))];

export type Picture = {
  session: AgentSession;
  phase: Phase;
  status: RestStatus;
  /** Why the session is where it is: a stable word and a sentence. */
  reason: string | undefined;
  message: string | undefined;
  plan: { revision: number; steps: readonly { id: string }[] } | undefined;
  question: { id: string; text: string } | undefined;
  /** `resume` as it was when the platform paused the session; a higher one resumes it. */
  pausedAt: number | undefined;
  /** Running tool call, as the log's lines tell it. */
  doing: LogContext['doing'];
  /** The fold of the log; undefined when the log cannot be read or told. */
  state: SessionState | undefined;
  /** The log for people, from its first line. */
  logs: readonly string[];
};

type Projection = { seq: number; state: SessionState | undefined; context: LogContext; lines: string[]; finishedSeq: number };

/** Sessions whose logs are kept folded, so that a poll reads only what is new. A cache: what is dropped is read again. */
const MAX_KEPT = 32;
/** Events that are read at a time. */
const PAGE = 1000;

export class Pictures {
  readonly #log: EventLog;
  readonly #kept = new Map<string, Promise<Projection>>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  async of(session: AgentSession): Promise<Picture> {
    const projection = await this.#project(session.metadata.uid ?? '');
    return pictureOf(session, projection);
  }

  /** One after the other for each session, each going on where the one before stopped. */
  async #project(uid: string): Promise<Projection | undefined> {
    const before = this.#kept.get(uid);
    const next = this.#readOn(uid, before);
    this.#kept.delete(uid);
    this.#kept.set(uid, next);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    try {
      return await next;
    } catch (error) {
      if (this.#kept.get(uid) === next) this.#kept.delete(uid);
      if (error instanceof LogUnavailableError || error instanceof LogDamagedError) return undefined;
      throw error;
    }
  }

  async #readOn(uid: string, before: Promise<Projection> | undefined): Promise<Projection> {
    let at = (await before?.catch(() => undefined)) ?? nothing();
    const { lastSeq } = await this.#log.head(uid);
    // The log lost events that were read before: what was made of them is not true any more.
    if (at.seq > lastSeq) at = nothing();
    while (at.seq < lastSeq) {
      const events = await this.#log.read(uid, at.seq, PAGE);
      if (events.length === 0) break;
      const lines = [...at.lines];
      let { context, finishedSeq } = at;
      for (const event of events) {
        lines.push(...logLines(event, context));
        context = nextLogContext(context, event);
        if (event.type === 'session.finished') finishedSeq = event.seq;
      }
      at = { seq: events.at(-1)?.seq ?? at.seq, state: foldOrNot(events, at.state), context, lines, finishedSeq };
    }
    return at;
  }
}

function nothing(): Projection {
  return { seq: 0, state: INITIAL_STATE, context: {}, lines: [], finishedSeq: 0 };
}

/** A log that cannot be told, or is newer than this gateway, is still shown line by line. */
function foldOrNot(events: Parameters<typeof fold>[0], from: SessionState | undefined): SessionState | undefined {
  try {
    return from && fold(events, from);
  } catch (error) {
    if (error instanceof ImpossibleLogError) return undefined;
    throw error;
  }
}

function pictureOf(session: AgentSession, projection: Projection | undefined): Picture {
  const status = session.status ?? {};
  const state = projection?.state;
  const mirrored = status.log?.lastSeq ?? 0;
  const ahead = state !== undefined && state.lastSeq > mirrored;
  const phase = (ahead ? state.phase : status.phase) ?? 'Queued';
  const finishSeen = status.phase === phase && (!status.log || mirrored >= (projection?.finishedSeq ?? 0));
  const condition = conditionOf(session, phase);
  const plan = ahead ? state.plan : status.plan;
  const removal = session.metadata.deletionTimestamp ? status.conditions?.find(({ type }) => type === 'Deleted') : undefined;
  const reason = (removal?.reason ?? (ahead ? state.phaseReason : condition?.reason)) || undefined;
  return {
    session,
    phase,
    status: statusOf(session, phase, state, finishSeen),
    reason,
    message: (removal?.message ?? (ahead ? state.phaseMessage : condition?.message)) || undefined,
    plan: plan && { revision: plan.revision, steps: plan.steps ?? [] },
    question: ahead ? state.question && { id: state.question.id, text: state.question.text } : status.question,
    pausedAt:
      phase === 'Paused' && reason !== 'Suspended' ? (state?.pause?.resumeCounter ?? session.spec.resume ?? 0) : undefined,
    doing: REST_STATUSES[phase] === 'RUNNING' ? projection?.context.doing : undefined,
    state,
    logs: linesOf(session, projection),
  };
}

/**
 * The status says whose turn it is. When the user has acted and the platform has not yet, it is the platform's; and a
 * session is finished only once its result can be read.
 */
function statusOf(
  { spec, status = {} }: AgentSession,
  phase: Phase,
  state: SessionState | undefined,
  finishSeen: boolean,
): RestStatus {
  const shown = REST_STATUSES[phase];
  const taken = new Set(state?.inputs.flatMap(({ id, applied }) => (applied === undefined ? [] : [id])));
  const untaken = state !== undefined && (spec.inputs ?? []).some(({ id }) => !taken.has(id));
  const plan = state?.plan ?? status.plan;
  const question = state?.question ?? status.question;
  switch (shown) {
    case 'COMPLETED':
    case 'FAILED':
      return !finishSeen || (untaken && !spec.cancelled) ? 'RUNNING' : shown;
    case 'CANCELLED':
      return finishSeen ? shown : 'RUNNING';
    case 'WAITING_FOR_USER':
      return untaken || (!question && plan !== undefined && spec.approvedPlan === plan.revision) ? 'RUNNING' : shown;
    default:
      return shown;
  }
}

/** The condition that says why. */
export function conditionOf({ status }: AgentSession, phase: Phase): { reason: string; message: string } | undefined {
  const of = (type: string) => status?.conditions?.find((one) => one.type === type);
  const profile = of('ProfileResolved');
  if (phase === 'Queued' && profile?.status === 'False') return profile;
  // Finished only repeats the phase; Progressing has the reason that the log gives, also of an end.
  return of('Progressing') ?? profile;
}

function linesOf({ status }: AgentSession, projection: Projection | undefined): readonly string[] {
  const first = startLine('session');
  if (projection) return projection.lines[0] === first ? projection.lines : [first, ...projection.lines];
  const recent = status?.recentLogs ?? [];
  return recent[0] === first ? recent : [first, ...recent];
}

/** The lines as the tasks endpoints give them. */
export function linesFor(noun: Noun, logs: readonly string[]): string[] {
  const [, ...rest] = logs;
  return [startLine(noun), ...rest];
}
