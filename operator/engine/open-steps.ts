/**
 * What ending the work says of steps that were never marked: a session must not be Completed with a plan that looks as if
 * nothing was done, nor claim steps that nobody asked about.
 */
import { cut } from '../api/conditions.ts';
import type { PlanStep } from './event-parts.ts';
import type { SessionState } from './state.ts';

/** How the one refusal of a round begins: by it the next finish is told from the first. */
const ASKS = 'Not finished yet: ';
const SHOWN_STEPS = 10;
const TITLE_CHARS = 80;

export type Ending =
  /** Words for the programmer, who may have forgotten something. */
  | { ask: string }
  /** Steps that are completed with the work; `told` when the programmer was asked about them and left them as they were. */
  | { completed: string[]; told: boolean };

/**
 * Whether the work may end. The only step there is, and the last one when it was begun, end with the work; about steps that
 * were not marked the programmer is asked once in a conversation. Pure.
 */
export function endingOf({ plan, conversation }: Pick<SessionState, 'plan' | 'conversation'>): Ending {
  const steps = plan?.steps ?? [];
  const open = steps.filter(isOpen);
  const [first] = open;
  const plain = open.length <= 1 && (first?.status !== 'pending' || steps.length === 1);
  const told = conversation?.turns.some(
    (turn) => turn.kind === 'result' && turn.name === 'finish' && typeof turn.text === 'string' && turn.text.startsWith(ASKS),
  );
  if (plain || told) return { completed: open.map(({ id }) => id), told: !plain };
  const names = open.slice(0, SHOWN_STEPS).map(({ id, title }) => `[${id}] ${cut(title, TITLE_CHARS)}`);
  if (open.length > SHOWN_STEPS) names.push(`and ${open.length - SHOWN_STEPS} more`);
  return {
    ask: `${ASKS}${open.length === 1 ? 'a step of the plan is' : `${open.length} steps of the plan are`} not marked: ${names.join('; ')}. What was forgotten, do now. Then mark each with update_plan as completed or skipped and call finish again, both in one answer. A step that is still open then counts as completed.`,
  };
}

/** What is still to be done of a plan, for who has just marked some of it. Pure. */
export function openWords(steps: readonly Pick<PlanStep, 'id' | 'status'>[]): string {
  const those = (status: PlanStep['status']) => steps.filter((step) => step.status === status).map(({ id }) => id);
  const [begun, pending] = [those('in_progress'), those('pending')];
  const parts = [
    ...(begun.length > 0 ? [`In progress: ${begun.join(', ')}.`] : []),
    ...(pending.length > 0 ? [`Pending: ${pending.join(', ')}.`] : []),
  ];
  return parts.join(' ') || 'All steps are done.';
}

/** Whether nothing was said yet of how the step ended. */
export function isOpen({ status }: Pick<PlanStep, 'status'>): boolean {
  return status === 'pending' || status === 'in_progress';
}
