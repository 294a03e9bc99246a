/** When the model of a profile is tried again. Pure, and the same in every operator, so that they agree on whose turn it is. */
import { createHash } from 'node:crypto';
import { type AIProfile, PROBE_ANNOTATION } from '../api/resources.ts';
import type { AIProfileStatus } from '../api/types.gen.ts';
import { PROBE_DEADLINE_MS } from '../llm/probe.ts';

/** An operator that has not told the result by then is taken to be gone. */
export const CLAIM_MS = PROBE_DEADLINE_MS + 30_000;
/** Between two tries of a profile that keeps changing, or that operators of different versions see differently. */
const LEAST_GAP_MS = 2_000;
/** After a failure that may pass: doubled with each further one. */
const FIRST_RETRY_MS = 15_000;
const LONGEST_RETRY_MS = 30 * 60_000;
/** An account that was used up may be topped up or have a new day. */
const QUOTA_RETRY_MS = 30 * 60_000;
/** Times are made longer or shorter by up to this part of them, so that not all profiles come at once. */
const JITTER = 0.2;
const REQUESTED_CHARS = 128;

export type Probe = NonNullable<AIProfileStatus['probe']>;

/** What a user's wish to have the model tried is told by; undefined when nobody ever wished. */
export function requestOf(profile: AIProfile): string | undefined {
  return profile.metadata.annotations?.[PROBE_ANNOTATION]?.slice(0, REQUESTED_CHARS);
}

/** Whether an operator is at it, as far as the status says. */
export function isProbing({ probe, lastProbeTime }: AIProfileStatus): boolean {
  return probe !== undefined && (lastProbeTime === undefined || Date.parse(lastProbeTime) < Date.parse(probe.startTime));
}

/**
 * Milliseconds until a profile is to be tried, 0 or less: now. Infinity: when it changes.
 * @param version what would be tried, as of versionOf
 * @param intervalMs between tries of a profile that does not change; Infinity for none
 */
export function probeDueIn(profile: AIProfile, version: string, now: number, intervalMs: number): number {
  const status = profile.status ?? {};
  const { probe, lastProbeTime } = status;
  if (!probe) return 0;
  const began = Date.parse(probe.startTime);
  if (probe.of !== version || probe.requested !== requestOf(profile)) return began + LEAST_GAP_MS - now;
  if (isProbing(status) || lastProbeTime === undefined) return began + CLAIM_MS - now;
  return Date.parse(lastProbeTime) + jittered(waitAfter(status, probe, intervalMs), probe) - now;
}

function waitAfter({ conditions = [] }: AIProfileStatus, { failures = 0 }: Probe, intervalMs: number): number {
  if (failures > 0) return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
  const reason = conditions.find(({ type }) => type === 'Ready')?.reason;
  return reason === 'QuotaExceeded' ? QUOTA_RETRY_MS : intervalMs;
}

/** The same for every operator that looks at this try. */
function jittered(ms: number, { of, startTime }: Probe): number {
  if (!Number.isFinite(ms)) return ms;
  const share = createHash('sha256').update(`${of} ${startTime}`).digest().readUInt32BE() / 2 ** 32;
  return Math.round(ms * (1 - JITTER + 2 * JITTER * share));
}
