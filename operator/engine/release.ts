/**
 * When the sandbox of a session at rest is given back: what it holds costs others room, and a message that takes the
 * session up again finds its files in the last checkpoint. Sandboxes on the operator's own machine are kept.
 */
import type { Phase } from '../api/resources.ts';
import type { SessionState } from './state.ts';

/** How long a session rests before its sandbox is given back, in milliseconds; 0: for ever. */
export type ReleaseTimes = {
  /** Completed, Failed, Cancelled. */
  finishedMs: number;
  /** Paused, WaitingForUser. */
  waitingMs: number;
};

export const NEVER: ReleaseTimes = { finishedMs: 0, waitingMs: 0 };

/** How long a session may rest in the phase with its sandbox; 0: for ever, or it does not rest. */
export function restOf(phase: Phase, { finishedMs, waitingMs }: ReleaseTimes): number {
  switch (phase) {
    case 'Completed':
    case 'Failed':
    case 'Cancelled':
      return finishedMs;
    case 'WaitingForUser':
    case 'Paused':
      return waitingMs;
    default:
      return 0;
  }
}

/** When it is due, in ms since 1970; 0: what was begun is to be ended at once. Undefined: never, as things are. */
export function releaseAt(state: SessionState, times: ReleaseTimes): number | undefined {
  const { sandboxHeld, sandboxReleased, phase, phaseSince } = state;
  if (sandboxHeld === undefined || sandboxHeld === 'local') return undefined;
  const rest = restOf(phase, times);
  if (rest === 0) return undefined;
  if (sandboxReleased === 'begun') return 0;
  // What is nowhere else is not thrown away, as long as anybody may want it.
  if (unsaved(state) && state.checkpointProblem !== undefined) return undefined;
  return Date.parse(phaseSince) + rest;
}

/** Whether the sandbox may hold work that is in no checkpoint. A cancelled session never needs it again. */
export function unsaved({ touched, phase, sandbox, sandboxLost, base }: SessionState): boolean {
  return touched && phase !== 'Cancelled' && sandbox !== undefined && sandboxLost === undefined && base !== undefined;
}
