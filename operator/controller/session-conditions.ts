/** The conditions of a session: what the folded log says, in the words of Kubernetes. */
import type { NewCondition } from '../api/conditions.ts';
import { verified } from '../engine/evidence.ts';
import { evidenceOn, type SessionState, WORKING } from '../engine/state.ts';
import type { Hold } from './policies.ts';
import type { SessionProfiles } from './profile-resolution.ts';

/**
 * All conditions that say something about the session now, in a fixed order; what does not apply yet is left out.
 * @param asked the revision that `spec.approvedPlan` names
 */
export function sessionConditions(
  state: SessionState,
  profiles: SessionProfiles,
  waiting: Hold | undefined,
  asked: number | undefined,
  /** What keeps the sandbox from being ready, while it is waited for. */
  sandboxWait?: Hold,
): NewCondition[] {
  return [
    profileResolved(profiles),
    sandboxReady(state, sandboxWait),
    isolated(state),
    planApproved(state, asked),
    progressing(state, waiting),
    verification(state),
    finished(state),
  ].filter((condition) => condition !== undefined);
}

/** The conditions that can be told of a session whose log is not known here. */
export function outsideConditions(profiles: SessionProfiles, waiting: Hold | undefined): NewCondition[] {
  return [profileResolved(profiles), ...(waiting ? [held(waiting)] : [])];
}

export const NOT_FINISHED: NewCondition = {
  type: 'Finished',
  status: 'False',
  reason: 'NotFinished',
  message: 'The session is not finished.',
};

function profileResolved({ ok, reason, message }: SessionProfiles): NewCondition {
  return { type: 'ProfileResolved', status: ok ? 'True' : 'False', reason: word(reason), message };
}

function sandboxReady(state: SessionState, wait: Hold | undefined): NewCondition {
  const { sandbox, sandboxLost } = state;
  const type = 'SandboxReady';
  if (sandbox && sandboxLost === undefined && !wait)
    return { type, status: 'True', reason: 'Ready', message: `The ${sandbox.type} sandbox ${sandbox.name} is ready.` };
  const { reason, message } = wait ?? withoutSandbox(state);
  return { type, status: 'False', reason: word(reason), message };
}

/** Why there is none that could be used. */
function withoutSandbox({ sandboxLost, sandboxHeld, sandboxReleased, pause, finished }: SessionState): Hold {
  const message = sandboxLost ?? '';
  if (sandboxReleased === 'begun') return { reason: 'Releasing', message };
  if (sandboxReleased === 'done') return { reason: 'Released', message };
  if (sandboxHeld !== undefined && pause?.reason === 'SandboxUnavailable')
    return { reason: pause.reason, message: pause.message };
  if (sandboxReleased === 'restoring') return { reason: 'Restoring', message: 'A new sandbox is made from the last checkpoint.' };
  if (sandboxLost !== undefined) return { reason: 'SandboxLost', message };
  if (finished) {
    const reason = sandboxHeld === undefined ? 'NotProvisioned' : 'NotReady';
    return { reason, message: 'The session ended before its sandbox was ready.' };
  }
  const reason = sandboxHeld === undefined ? 'NotProvisioned' : 'Provisioning';
  return { reason, message: 'There is no sandbox that is ready yet.' };
}

function isolated({ sandbox }: SessionState): NewCondition | undefined {
  if (!sandbox) return undefined;
  const { isolated: holds, isolation, isolationMessage: message } = sandbox;
  if (!holds) return { type: 'Isolated', status: 'False', reason: 'NotIsolated', message };
  return { type: 'Isolated', status: 'True', reason: word(`${isolation.charAt(0).toUpperCase()}${isolation.slice(1)}`), message };
}

function planApproved(
  { plan, mode, approvedRevision, phase, finished }: SessionState,
  asked: number | undefined,
): NewCondition | undefined {
  if (!plan) return undefined;
  const type = 'PlanApproved';
  const name = `Plan revision ${plan.revision}`;
  if (mode === 'auto') return { type, status: 'True', reason: 'NotNeeded', message: `${name} needs no approval in auto mode.` };
  if (approvedRevision === plan.revision) return { type, status: 'True', reason: 'Approved', message: `${name} was approved.` };
  if (finished) return { type, status: 'False', reason: 'NotApproved', message: `${name} was not approved.` };
  if (phase === 'Planning') return { type, status: 'False', reason: 'Planning', message: 'A new plan is being made.' };
  const message = `${name} waits for approval: set spec.approvedPlan to ${plan.revision}, or send a message to have it changed.`;
  // What approved an earlier revision stays in the spec.
  const other = asked !== undefined && asked !== plan.revision && asked !== approvedRevision;
  if (!other) return { type, status: 'False', reason: 'WaitingForApproval', message };
  const words = asked < plan.revision ? `revision ${asked} was replaced` : `there is no revision ${asked}`;
  return { type, status: 'False', reason: 'OtherRevision', message: `spec.approvedPlan is ${asked}, but ${words}. ${message}` };
}

function progressing(state: SessionState, waiting: Hold | undefined): NewCondition {
  if (waiting) return held(waiting);
  const { phase, phaseReason, phaseMessage: message, question } = state;
  const type = 'Progressing';
  if (WORKING.has(phase)) return { type, status: 'True', reason: word(phaseReason), message: message || `${phase}.` };
  if (phase === 'WaitingForUser' && question) return { type, status: 'False', reason: 'QuestionAsked', message: question.text };
  return { type, status: 'False', reason: word(phaseReason), message };
}

function held({ reason, message }: Hold): NewCondition {
  return { type: 'Progressing', status: 'False', reason: word(reason), message };
}

function verification(state: SessionState): NewCondition | undefined {
  if (!state.commit) return undefined;
  const type = 'Verified';
  const tree = `tree ${state.commit.tree.slice(0, 10)}`;
  const evidence = evidenceOn(state, state.commit.tree);
  if (verified(state)) return { type, status: 'True', reason: 'ChecksPassed', message: `The checks passed on ${tree}.` };
  const failed = evidence.find(({ exitCode }) => exitCode !== 0);
  if (failed) {
    const how = failed.exitCode === -1 ? 'did not come to an end that was seen' : `failed with exit code ${failed.exitCode}`;
    return { type, status: 'False', reason: 'CheckFailed', message: `\`${failed.command}\` ${how} on ${tree}.` };
  }
  const reason = evidence.length > 0 ? 'NoCheckCounts' : 'NotChecked';
  return { type, status: 'False', reason, message: `No check that counts was run by the platform on ${tree}.` };
}

function finished(state: SessionState): NewCondition {
  if (!state.finished) return NOT_FINISHED;
  const { outcome, message } = state.finished;
  return { type: 'Finished', status: 'True', reason: outcome, message };
}

/** A text as a condition reason, which admits only CamelCase words. */
function word(text: string): string {
  const letters = text.replace(/[^A-Za-z0-9_]+(.)?/g, (_, next: string | undefined) => next?.toUpperCase() ?? '').slice(0, 128);
  return /^[A-Za-z]/.test(letters) ? letters : 'Unknown';
}
