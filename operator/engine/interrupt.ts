import type { AgentSession } from '../api/resources.ts';
import type { Action } from './action.ts';

/** Why a running action is stopped. An action's signal aborts with one of these, or with the cause of a lost claim. */
export type InterruptKind =
  /** The user cancelled, suspended, or sent a message that interrupts: what runs is ended and recorded. */
  | 'cancelled'
  | 'suspended'
  | 'message'
  /** The working time that the session may use is over. */
  | 'time-limit'
  /** The operator stops in an orderly way: commands are ended and recorded. */
  | 'stopping'
  /** The session is being deleted. */
  | 'deleted'
  /** The session goes to another owner, or the process ends without touching commands: nothing is recorded. */
  | 'released'
  | 'fenced';

export class Interrupt extends Error {
  override readonly name = 'Interrupt';
  readonly kind: InterruptKind;
  constructor(kind: InterruptKind) {
    super(`interrupted: ${kind}`);
    this.kind = kind;
  }
}

/** Whether the effect is ended and its end recorded, rather than left for the next owner to find. */
export function endsCommands(reason: unknown): reason is Interrupt {
  return reason instanceof Interrupt && reason.kind !== 'released' && reason.kind !== 'fenced';
}

/** What a change of the object interrupts, if anything. A message ends only what a model hears of: its calls and its commands. */
export function interruptedBy(
  before: AgentSession,
  after: AgentSession,
  doing: Action['do'] | undefined,
): InterruptKind | undefined {
  if (after.spec.cancelled && !before.spec.cancelled) return 'cancelled';
  if (after.spec.suspend && !before.spec.suspend) return 'suspended';
  if (doing !== 'call-model' && doing !== 'run-tool') return undefined;
  const known = new Set(before.spec.inputs?.map((input) => input.id));
  const fresh = (after.spec.inputs ?? []).some((input) => input.when === 'now' && !known.has(input.id));
  return fresh ? 'message' : undefined;
}
