/**
 * The session's status as a pure projection: of the folded log where it is known, and of why nothing happens where it is
 * not. When it is written is decided elsewhere.
 */
import { cut, replaceConditions, setCondition } from '../api/conditions.ts';
import type { AgentSession, Condition, SessionResult } from '../api/resources.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';
import { verified } from '../engine/evidence.ts';
import type { SessionView } from '../engine/session-tasks.ts';
import { evidenceOn, type SessionState } from '../engine/state.ts';
import type { Hold } from './policies.ts';
import type { SessionProfiles } from './profile-resolution.ts';
import { NOT_FINISHED, outsideConditions, sessionConditions } from './session-conditions.ts';
import { fitStatus } from './status-size.ts';

/** What is known of a session besides its object. */
export type Known = { view: SessionView | undefined; profiles: SessionProfiles; hold: Hold | undefined };

/** The status that the session should have; never above 32 KiB. @param now ms since 1970 */
export function projectStatus(session: AgentSession, known: Known, now: number): AgentSessionStatus {
  const { view } = known;
  return fitStatus(view && isLoaded(session, view) ? fromState(session, view, known, now) : withoutState(session, known, now));
}

/**
 * Whether the view knows at least what the status says already. A log that is behind its mirror is for the engine to
 * report, and never shown as progress.
 */
export function isLoaded({ status }: AgentSession, { state }: SessionView): boolean {
  return state.lastSeq > 0 && state.lastSeq >= (status?.log?.lastSeq ?? 0);
}

/** The status of a session that is being deleted: as it was, with what keeps it. @param now ms since 1970 */
export function withRemoval({ metadata, status = {} }: AgentSession, { reason, message }: Hold, now: number): AgentSessionStatus {
  const deleted = { type: 'Deleted', status: 'False', reason, message } as const;
  const conditions = setCondition(status.conditions ?? [], deleted, now, metadata.generation ?? 0);
  return { ...status, conditions: [...conditions] };
}

/** The status as it was, with why nothing happens. */
function withoutState(session: AgentSession, known: Known, now: number): AgentSessionStatus {
  const before: AgentSessionStatus = session.status ?? {};
  const phase = before.phase ?? 'Queued';
  // A session that only waits for its beginning has been understood as its object is now.
  const generation = phase === 'Queued' ? (session.metadata.generation ?? 0) : (before.observedGeneration ?? 0);
  const news = [...outsideConditions(known.profiles, waitingOf(known)), ...(phase === 'Queued' ? [NOT_FINISHED] : [])];
  const conditions = news.reduce<readonly Condition[]>(
    (all, condition) => setCondition(all, condition, now, generation),
    before.conditions ?? [],
  );
  return { ...before, phase, observedGeneration: generation, conditions: [...conditions] };
}

function fromState(session: AgentSession, view: SessionView, known: Known, now: number): AgentSessionStatus {
  const { state, observedGeneration } = view;
  const before = session.status?.conditions ?? [];
  const profile = before.find(({ type }) => type === 'ProfileResolved');
  // What becomes of the profile later says nothing about a session that is over.
  const profiles = state.finished && profile ? { ...known.profiles, ...asResolved(profile) } : known.profiles;
  const sandboxWait = view.waitsForSandbox ? view.waiting : undefined;
  const conditions = sessionConditions(state, profiles, waitingOf(known), session.spec.approvedPlan, sandboxWait);
  const { plan, question, sandbox, startTime } = state;
  const result = resultOf(state);
  return {
    phase: state.phase,
    observedGeneration,
    conditions: replaceConditions(before, conditions, now, observedGeneration),
    ...(plan && {
      plan: {
        revision: plan.revision,
        title: cut(plan.title, 256),
        steps: plan.steps.slice(0, 30).map(({ id, title, status }) => ({ id: cut(id, 63), title: cut(title, 200), status })),
      },
    }),
    ...(question && { question: { id: cut(question.id, 63), text: cut(question.text, 2048) } }),
    // What was given back is nowhere to be found under its name.
    ...(sandbox &&
      state.sandboxReleased !== 'done' && {
        sandbox: { type: sandbox.type, name: cut(sandbox.name, 1024), uid: cut(sandbox.uid, 128) },
      }),
    iteration: state.iteration,
    steps: state.steps,
    usage: {
      inputTokens: state.usage.inputTokens,
      outputTokens: state.usage.outputTokens,
      // Of calls without a price alone there is no cost to tell.
      ...((state.usage.unpricedCalls === 0 || state.usage.costUSD > 0) && { costUSD: Number(state.usage.costUSD.toFixed(6)) }),
      ...(state.usage.unpricedCalls > 0 && { unpricedCalls: state.usage.unpricedCalls }),
    },
    log: { epoch: state.epoch, lastSeq: state.lastSeq },
    recentLogs: state.recentLogs.slice(-20).map((line) => cut(line, 300)),
    ...(result && { result }),
    ...(startTime !== undefined && { startTime }),
    ...(state.finished && { completionTime: state.finished.time }),
  };
}

/** What came out, once the session is over. Also of one that failed or was cancelled, as far as it got. */
function resultOf(state: SessionState): SessionResult | undefined {
  const { finished, commit, published, programmerSummary } = state;
  if (!finished || (!commit && !published)) return undefined;
  const work = commit ?? published;
  const summary = published?.summary ?? programmerSummary;
  const evidence = commit ? evidenceOn(state, commit.tree) : [];
  return {
    ...(summary !== undefined && { summary: cut(summary, 4096) }),
    ...(published && { branch: cut(published.branch, 255), pushed: published.pushed }),
    ...(work && {
      commit: cut(work.commit, 64),
      filesChanged: work.filesChanged,
      additions: work.additions,
      deletions: work.deletions,
    }),
    verified: verified(state),
    evidence: evidence.slice(-32).map(({ command, exitCode, tree, durationMs, counted }) => ({
      command: cut(command, 300),
      exitCode,
      tree: cut(tree, 64),
      durationMs: Math.round(durationMs),
      counted,
    })),
  };
}

/** Why nothing happens. While another operator works on the session it is for that one to say how it goes. */
function waitingOf({ hold, view }: Known): Hold | undefined {
  return hold ?? (view?.waiting?.reason === 'Claimed' ? undefined : view?.waiting);
}

function asResolved({ status, reason, message }: Condition): Pick<SessionProfiles, 'ok' | 'reason' | 'message'> {
  return { ok: status === 'True', reason, message };
}

/** Fields that change all the time while a session works; a change of others is a transition, which is written at once. */
const COUNTERS = ['steps', 'usage', 'log', 'recentLogs'] as const satisfies readonly (keyof AgentSessionStatus)[];

/** The part of a status of which every change is a transition. */
export function withoutCounters(status: AgentSessionStatus): AgentSessionStatus {
  const rest = { ...status };
  for (const field of COUNTERS) delete rest[field];
  return rest;
}
