/** Keeps a status small: etcd, every watcher and every `kubectl get -o yaml` carry it. */
import { cut } from '../api/conditions.ts';
import type { AgentSessionStatus } from '../api/types.gen.ts';

/** Bytes of a status as JSON. */
export const MAX_STATUS_BYTES = 32 * 1024;

/** What is given up, step by step, least missed first; the log and REST still have all of it. */
const REDUCTIONS: ((status: AgentSessionStatus) => AgentSessionStatus)[] = [
  (status) => withLogs(status, 20, 160),
  (status) => withLogs(status, 10, 120),
  (status) => withEvidence(status, 32, 100),
  (status) => withEvidence(status, 10, 80),
  (status) => withMessages(status, 300),
  (status) => withSummary(status, 1024),
  (status) => withSteps(status, 80),
  (status) => withLogs(status, 0, 0),
  (status) => withEvidence(status, 0, 0),
  (status) => withSteps(status, 40),
  (status) => withMessages(status, 100),
  (status) => withSummary(status, 200),
  (status) => withQuestion(status, 500),
];

/** The status within MAX_STATUS_BYTES; the same object when it is already. */
export function fitStatus(status: AgentSessionStatus): AgentSessionStatus {
  let fitted = status;
  for (const reduce of REDUCTIONS) {
    if (sizeOf(fitted) <= MAX_STATUS_BYTES) return fitted;
    fitted = reduce(fitted);
  }
  return fitted;
}

function sizeOf(status: AgentSessionStatus): number {
  return Buffer.byteLength(JSON.stringify(status));
}

function withLogs(status: AgentSessionStatus, lines: number, length: number): AgentSessionStatus {
  if (!status.recentLogs) return status;
  return { ...status, recentLogs: lines === 0 ? [] : status.recentLogs.slice(-lines).map((line) => cut(line, length)) };
}

function withEvidence(status: AgentSessionStatus, count: number, length: number): AgentSessionStatus {
  const { result } = status;
  if (!result?.evidence) return status;
  const evidence = count === 0 ? [] : result.evidence.slice(-count).map((one) => ({ ...one, command: cut(one.command, length) }));
  return { ...status, result: { ...result, evidence } };
}

function withMessages(status: AgentSessionStatus, length: number): AgentSessionStatus {
  if (!status.conditions) return status;
  return { ...status, conditions: status.conditions.map((one) => ({ ...one, message: cut(one.message, length) })) };
}

function withSummary(status: AgentSessionStatus, length: number): AgentSessionStatus {
  const { result } = status;
  return result?.summary === undefined ? status : { ...status, result: { ...result, summary: cut(result.summary, length) } };
}

function withSteps(status: AgentSessionStatus, length: number): AgentSessionStatus {
  const { plan } = status;
  if (!plan) return status;
  const steps = (plan.steps ?? []).map((step) => ({ ...step, title: cut(step.title, length) }));
  return { ...status, plan: { ...plan, ...(plan.title !== undefined && { title: cut(plan.title, length) }), steps } };
}

function withQuestion(status: AgentSessionStatus, length: number): AgentSessionStatus {
  const { question } = status;
  return question ? { ...status, question: { ...question, text: cut(question.text, length) } } : status;
}
