/** Conditions as Kubernetes means them: one per type, with the moment at which its status last changed. */
import type { Condition } from './resources.ts';

/** The longest message that the schema admits, in characters. */
export const MAX_CONDITION_MESSAGE = 1024;

export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * The conditions with one of them set. Its lastTransitionTime moves only when its status does, and an existing
 * condition keeps its place. The list given is not changed; it is returned itself when nothing is different.
 * @param now ms since 1970
 */
export function setCondition(
  conditions: readonly Condition[],
  next: NewCondition,
  now: number,
  observedGeneration: number,
): readonly Condition[] {
  const before = conditions.find(({ type }) => type === next.type);
  const condition = conditionAfter(before, next, now, observedGeneration);
  if (before === condition) return conditions;
  return before ? conditions.map((other) => (other === before ? condition : other)) : [...conditions, condition];
}

/**
 * The whole list anew: exactly the conditions given, in their order, each with the time of its last transition kept
 * from `before`. What is not given any more is stale and goes.
 * @param now ms since 1970
 */
export function replaceConditions(
  before: readonly Condition[],
  next: readonly NewCondition[],
  now: number,
  observedGeneration: number,
): Condition[] {
  return next.map((condition) =>
    conditionAfter(
      before.find(({ type }) => type === condition.type),
      condition,
      now,
      observedGeneration,
    ),
  );
}

function conditionAfter(before: Condition | undefined, next: NewCondition, now: number, observedGeneration: number): Condition {
  const condition: Condition = {
    type: next.type,
    status: next.status,
    observedGeneration,
    lastTransitionTime: before?.status === next.status ? before.lastTransitionTime : rfc3339(now),
    reason: next.reason,
    message: cut(next.message, MAX_CONDITION_MESSAGE),
  };
  const unchanged =
    before?.status === condition.status &&
    before.reason === condition.reason &&
    before.message === condition.message &&
    before.observedGeneration === observedGeneration;
  return before && unchanged ? before : condition;
}

/** Text of at most `max` characters; what was cut off is shown by an ellipsis. Never splits a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = max - 1;
  const splits = text.charCodeAt(end - 1) >= 0xd800 && text.charCodeAt(end - 1) <= 0xdbff;
  return `${text.slice(0, splits ? end - 1 : end)}…`;
}

/** The time as metav1.Time has it: whole seconds, UTC. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
