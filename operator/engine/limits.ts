/** What a session may use, and how much of it is used. */
import type { EventOf } from './events.ts';
import type { Intent } from './intent.ts';
import { type SessionState, WORKING } from './state.ts';

export type LimitName = EventOf<'limit.warned'>['limit'];
export type LimitUse = { limit: LimitName; used: number; allowed: number; message: string };

const WARN_AT = 0.8;

/** Working time up to now, in ms. */
function workedMs(state: SessionState, { now, since }: Pick<Intent, 'now' | 'since'>): number {
  if (!WORKING.has(state.phase) || !state.lastTime) return state.workedMs;
  return state.workedMs + Math.max(0, now - Math.max(since, Date.parse(state.lastTime)));
}

/** Working time that is left, in ms. Publishing is not held back: see limits in decide.ts. */
export function timeLeftMs(state: SessionState, intent: Intent): number {
  if (!WORKING.has(state.phase) || state.phase === 'Publishing') return Number.POSITIVE_INFINITY;
  return Math.max(0, intent.limits.timeoutSeconds * 1000 - workedMs(state, intent));
}

/** The first limit that is reached; the session must not go on before it is raised. */
export function reachedLimit(state: SessionState, intent: Intent): LimitUse | undefined {
  return uses(state, intent).find((use) => use.used >= use.allowed);
}

/** Limits of which four fifths are used and nobody was told yet. */
export function limitsToWarnOf(state: SessionState, intent: Intent): LimitUse[] {
  return uses(state, intent).filter(
    (use) => use.used / use.allowed >= WARN_AT && use.used < use.allowed && !state.warned.has(use.limit),
  );
}

function uses(state: SessionState, intent: Intent): LimitUse[] {
  const { limits } = intent;
  const seconds = Math.floor(workedMs(state, intent) / 1000);
  const tokens = state.usage.inputTokens + state.usage.outputTokens;
  return [
    use('maxSteps', state.steps, limits.maxSteps, `${state.steps} of ${limits.maxSteps} model calls are used`),
    use('maxTokens', tokens, limits.maxTokens, `${tokens} of ${limits.maxTokens} tokens are used`),
    use(
      'maxCostUSD',
      state.usage.costUSD,
      limits.maxCostUSD,
      `$${state.usage.costUSD.toFixed(2)} of $${limits.maxCostUSD} are spent`,
    ),
    use('timeoutSeconds', seconds, limits.timeoutSeconds, `${seconds} of ${limits.timeoutSeconds} s of working time are used`),
  ];
}

function use(limit: LimitName, used: number, allowed: number, message: string): LimitUse {
  return { limit, used, allowed, message };
}
