/** What the user wants of a session at this moment, read from its object; the other half of every decision. */
import type { AgentSession, SessionInput } from '../api/resources.ts';
import type { ConversationRole } from './event-parts.ts';
import type { NoProfile } from './ports.ts';
import { NEVER, type ReleaseTimes } from './release.ts';

export type Intent = {
  goal: string;
  repository: { url: string; ref: string | undefined; depth: number };
  mode: 'auto' | 'review';
  author: string;
  inputs: readonly SessionInput[];
  approvedPlan: number | undefined;
  suspend: boolean;
  resume: number;
  cancelled: boolean;
  /** Commands to run as checks; empty when the plan's own are to be used. */
  verify: readonly string[];
  limits: {
    maxSteps: number;
    maxTokens: number;
    maxCostUSD: number;
    timeoutSeconds: number;
    maxReviewRounds: number;
  };
  /** Names of the profiles to use for a role: the chosen one, then its fallbacks; or why there is none now. */
  profiles: Record<ConversationRole, readonly string[] | NoProfile>;
  /** Milliseconds since 1970. */
  now: number;
  /** Since when this owner works on the session: before that nobody did, whatever the log ended with. */
  since: number;
  /** After what rest the operator gives sandboxes back. */
  release: ReleaseTimes;
};

/** The intent of an object whose defaults were applied by the API server. Limits that are not set do not limit. */
export function intentOf(
  session: AgentSession,
  profiles: Intent['profiles'],
  now: number,
  since: number,
  release: ReleaseTimes = NEVER,
): Intent {
  const { spec } = session;
  const limits = spec.limits ?? {};
  return {
    goal: spec.goal,
    repository: { url: spec.repository.url, ref: spec.repository.ref, depth: spec.repository.depth ?? 1 },
    mode: spec.mode ?? 'auto',
    author: spec.author ?? 'unknown',
    inputs: spec.inputs ?? [],
    approvedPlan: spec.approvedPlan,
    suspend: spec.suspend ?? false,
    resume: spec.resume ?? 0,
    cancelled: spec.cancelled ?? false,
    verify: spec.verify ?? [],
    limits: {
      maxSteps: limits.maxSteps ?? 200,
      maxTokens: limits.maxTokens ?? Number.POSITIVE_INFINITY,
      maxCostUSD: limits.maxCostUSD ?? Number.POSITIVE_INFINITY,
      timeoutSeconds: limits.timeoutSeconds ?? 14_400,
      maxReviewRounds: limits.maxReviewRounds ?? 3,
    },
    profiles,
    now,
    since,
    release,
  };
}
