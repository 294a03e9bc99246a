/** A session as lists show it. */
import { type Fields, fields, flag, list, maybe, number, oneOf, text } from './read.ts';

export const STATUSES = ['QUEUED', 'RUNNING', 'WAITING_FOR_USER', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type SessionStatus = (typeof STATUSES)[number];

/** `cost_usd` is null when no price of what was used is known. */
export type Usage = { input_tokens: number; output_tokens: number; cost_usd: number | null };
export type SandboxPicture = { type: string | null; name: string | null; uid: string | null; image: string | null };

export type SessionResult = {
  summary: string | null;
  branch: string | null;
  commit: string | null;
  pushed: boolean;
  files_changed: number | null;
  additions: number | null;
  deletions: number | null;
  verified: boolean;
  evidence: { command: string; exit_code: number; tree: string | null; duration_ms: number | null; counted: boolean }[];
};

export type SessionSummary = {
  id: string;
  uid: string | null;
  status: SessionStatus;
  phase: string;
  reason: string | null;
  message: string | null;
  goal: string;
  repo_url: string;
  ref: string | null;
  mode: 'auto' | 'review';
  author: string | null;
  /** Name of the profile that the session asks for itself. */
  profile: string | null;
  sandbox: SandboxPicture | null;
  plan_progress: { completed: number; total: number } | null;
  iteration: number;
  steps: number;
  usage: Usage;
  limits: Limits;
  result: SessionResult | null;
  /** RFC 3339, as all times here. */
  created_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  /** When it was asked to go away; it ends what it does first. */
  deleted_at: string | null;
};

export type Limits = {
  max_steps: number | null;
  max_tokens: number | null;
  max_cost_usd: number | null;
  timeout_seconds: number | null;
  max_review_rounds: number | null;
};

export function readSessionSummary(value: unknown): SessionSummary {
  const given = fields(value);
  return {
    id: text(given.id, ''),
    uid: text(given.uid),
    status: oneOf(given.status, STATUSES, 'QUEUED'),
    phase: text(given.phase, 'Queued'),
    reason: text(given.reason),
    message: text(given.message),
    goal: text(given.goal, ''),
    repo_url: text(given.repo_url, ''),
    ref: text(given.ref),
    mode: oneOf(given.mode, ['auto', 'review'], 'auto'),
    author: text(given.author),
    profile: text(given.profile),
    sandbox: maybe(given.sandbox, readSandbox),
    plan_progress: maybe(given.plan_progress, (one) => ({ completed: number(one.completed, 0), total: number(one.total, 0) })),
    iteration: number(given.iteration, 0),
    steps: number(given.steps, 0),
    usage: readUsage(fields(given.usage)),
    limits: readLimits(fields(given.limits)),
    result: maybe(given.result, readResult),
    created_at: text(given.created_at),
    started_at: text(given.started_at),
    finished_at: text(given.finished_at),
    deleted_at: text(given.deleted_at),
  };
}

export function readUsage(given: Fields): Usage {
  return {
    input_tokens: number(given.input_tokens, 0),
    output_tokens: number(given.output_tokens, 0),
    cost_usd: given.cost_usd === null ? null : number(given.cost_usd, 0),
  };
}

export function readLimits(given: Fields): Limits {
  return {
    max_steps: number(given.max_steps),
    max_tokens: number(given.max_tokens),
    max_cost_usd: number(given.max_cost_usd),
    timeout_seconds: number(given.timeout_seconds),
    max_review_rounds: number(given.max_review_rounds),
  };
}

export function readSandbox(given: Fields): SandboxPicture {
  return { type: text(given.type), name: text(given.name), uid: text(given.uid), image: text(given.image) };
}

export function readResult(given: Fields): SessionResult {
  return {
    summary: text(given.summary),
    branch: text(given.branch),
    commit: text(given.commit),
    pushed: flag(given.pushed),
    files_changed: number(given.files_changed),
    additions: number(given.additions),
    deletions: number(given.deletions),
    verified: flag(given.verified),
    evidence: list(given.evidence, (item) => {
      const one = fields(item);
      return {
        command: text(one.command, ''),
        exit_code: number(one.exit_code, -1),
        tree: text(one.tree),
        duration_ms: number(one.duration_ms),
        counted: flag(one.counted, true),
      };
    }),
  };
}
