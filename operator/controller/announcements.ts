/**
 * What a person wants to read under `kubectl describe`: the Kubernetes Events that tell one status apart from the next.
 * Pure, and told only of statuses that were written, so that nothing is said twice after a restart.
 */
import type { AgentSession, Condition, Phase } from '../api/resources.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';
import type { Review } from '../engine/state.ts';
import type { EventNote } from '../kube/events.ts';
import { redactUrl } from '../sandbox/git/repository-url.ts';
import { FINISHED } from './policies.ts';

/** Waits that are told by events of their own or come and go all the time. */
const UNTOLD_WAITS = new Set(['ProviderRetry', 'Claimed']);

/** The events that lead from one status to another. `reviews`: the verdicts that were given in between. */
export function announcements(
  session: AgentSession,
  before: AgentSessionStatus,
  after: AgentSessionStatus,
  reviews: readonly Review[],
): EventNote[] {
  return [
    ...profile(before, after),
    ...started(session, before, after),
    ...sandbox(before, after),
    ...plan(session, before, after),
    ...question(before, after),
    ...iteration(before, after),
    ...checks(before, after),
    ...reviews.map(review),
    ...waiting(before, after),
    ...outcome(before, after),
  ];
}

function profile(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const was = conditionOf(before, 'ProfileResolved');
  const is = conditionOf(after, 'ProfileResolved');
  if (!is || (was?.status === is.status && was.reason === is.reason)) return [];
  if (is.status === 'True') return [normal('ProfileResolved', 'ResolveProfile', is.message)];
  // A new profile is looked at within moments.
  return is.reason === 'ProfileNotChecked' ? [] : [warning(is.reason, 'ResolveProfile', is.message)];
}

function started({ spec }: AgentSession, before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  if (before.startTime !== undefined || after.startTime === undefined) return [];
  const { url, ref } = spec.repository;
  const what = ref === undefined ? redactUrl(url) : `${redactUrl(url)} at ${ref}`;
  return [normal('Started', 'Start', `Work on ${what} begins, in ${spec.mode ?? 'auto'} mode.`)];
}

function sandbox(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const notes: EventNote[] = [];
  const was = conditionOf(before, 'SandboxReady');
  const is = conditionOf(after, 'SandboxReady');
  const renewed = before.sandbox?.uid !== after.sandbox?.uid;
  if (is?.status === 'True' && (was?.status !== 'True' || renewed)) notes.push(normal('SandboxReady', 'Provision', is.message));
  if (is?.reason === 'SandboxLost' && was?.reason !== 'SandboxLost') notes.push(warning('SandboxLost', 'Provision', is.message));
  if (is?.reason === 'Released' && was?.reason !== 'Released') notes.push(normal('SandboxReleased', 'Release', is.message));
  const isolation = conditionOf(after, 'Isolated');
  if (isolation?.status === 'False' && conditionOf(before, 'Isolated')?.status !== 'False') {
    notes.push(warning('NotIsolated', 'Provision', isolation.message));
  }
  return notes;
}

function plan({ metadata }: AgentSession, before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const notes: EventNote[] = [];
  const { plan: is } = after;
  if (!is) return notes;
  const count = is.steps?.length ?? 0;
  if (before.plan?.revision !== is.revision) {
    const title = is.title === undefined ? '' : `: ${is.title}`;
    notes.push(
      normal('PlanReady', 'Plan', `Plan revision ${is.revision} has ${count} ${count === 1 ? 'step' : 'steps'}${title}`),
    );
  }
  const approval = conditionOf(after, 'PlanApproved');
  const wasWaiting = before.phase === 'WaitingForUser' && before.plan?.revision === is.revision;
  const waits = approval?.reason === 'WaitingForApproval' || approval?.reason === 'OtherRevision';
  if (after.phase === 'WaitingForUser' && waits && !after.question && !wasWaiting) {
    const command = `kubectl patch agentsession ${metadata.name} -n ${metadata.namespace} --type merge -p '{"spec":{"approvedPlan":${is.revision}}}'`;
    notes.push(normal('WaitingForApproval', 'Plan', `Plan revision ${is.revision} waits for approval: ${command}`));
  }
  if (approval?.reason === 'OtherRevision' && conditionOf(before, 'PlanApproved')?.message !== approval.message) {
    notes.push(warning('OtherRevision', 'Approve', approval.message));
  }
  if (approval?.reason === 'Approved' && conditionOf(before, 'PlanApproved')?.reason !== 'Approved') {
    notes.push(normal('PlanApproved', 'Approve', approval.message));
  }
  return notes;
}

function question(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  if (!after.question || before.question?.id === after.question.id) return [];
  return [normal('QuestionAsked', 'Ask', `Question ${after.question.id}: ${after.question.text}`)];
}

function iteration(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const notes: EventNote[] = [];
  const { iteration: is = 0 } = after;
  if (is > (before.iteration ?? 0)) notes.push(normal('IterationStarted', 'Program', `Iteration ${is} of programming begins.`));
  if (before.phase === 'Programming' && after.phase === 'Reviewing')
    notes.push(normal('Reviewing', 'Review', `What iteration ${is} made is checked and reviewed.`));
  return notes;
}

function checks(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const is = conditionOf(after, 'Verified');
  const was = conditionOf(before, 'Verified');
  if (is?.status !== 'True' || (was?.status === 'True' && was.message === is.message)) return [];
  return [normal('ChecksPassed', 'Check', is.message)];
}

function review({ by, verdict, findings, summary }: Review): EventNote {
  if (by === 'checks') return warning('ChecksFailed', 'Review', summary);
  if (verdict === 'approve') return normal('ReviewApproved', 'Review', summary || 'The review approved the work.');
  const count = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`;
  const first = findings[0] ? `: ${findings[0].file ? `${findings[0].file}: ` : ''}${findings[0].problem}` : '';
  return normal('ChangesRequested', 'Review', `The review asks for changes, ${count}${first}`);
}

function waiting(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const is = conditionOf(after, 'Progressing');
  const resting = after.phase === 'WaitingForUser' || after.phase === 'Paused' || isFinished(after.phase);
  if (is?.status !== 'False' || resting || UNTOLD_WAITS.has(is.reason)) return [];
  if (conditionOf(before, 'Progressing')?.reason === is.reason) return [];
  // What is missing of a profile was told with the profile.
  if (conditionOf(after, 'ProfileResolved')?.reason === is.reason) return [];
  return [is.reason === 'WaitingForSlot' ? normal(is.reason, 'Schedule', is.message) : warning(is.reason, 'Wait', is.message)];
}

function outcome(before: AgentSessionStatus, after: AgentSessionStatus): EventNote[] {
  const notes: EventNote[] = [];
  const { phase, result } = after;
  if (before.phase === 'Paused' && phase !== 'Paused' && !isFinished(phase)) {
    notes.push(normal('Resumed', 'Resume', 'The session goes on.'));
  }
  if (result?.branch !== undefined && (before.result?.commit !== result.commit || before.result?.branch !== result.branch)) {
    const where = result.pushed ? 'pushed' : 'kept for download, not pushed';
    const commit = result.commit?.slice(0, 10) ?? '';
    notes.push(normal('Published', 'Publish', `Branch ${result.branch} at ${commit}, ${where}.`));
  }
  const over = phase === 'Paused' || isFinished(phase);
  if (!over || (before.phase === phase && before.completionTime === after.completionTime)) return notes;
  const message = conditionOf(after, 'Progressing')?.message ?? '';
  const reason = conditionOf(after, 'Progressing')?.reason ?? phase;
  if (phase === 'Paused') {
    notes.push(
      reason === 'Suspended' ? normal('Suspended', 'Pause', message) : warning('Paused', 'Pause', `${reason}: ${message}`),
    );
  } else if (phase === 'Failed') notes.push(warning('Failed', 'Finish', `${reason}: ${message}`));
  else if (phase !== undefined) notes.push(normal(phase, 'Finish', message));
  return notes;
}

function isFinished(phase: Phase | undefined): boolean {
  return phase !== undefined && FINISHED.has(phase);
}

function conditionOf(status: AgentSessionStatus, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

function normal(reason: string, action: string, note: string): EventNote {
  return { type: 'Normal', reason, action, note };
}

function warning(reason: string, action: string, note: string): EventNote {
  return { type: 'Warning', reason, action, note };
}
