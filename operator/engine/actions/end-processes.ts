/** Ends what a session's commands left running in the background, when the session is over. */
import { describeError } from '../../logger.ts';
import type { SandboxOwner } from '../../sandbox/transport.ts';
import type { EventBody } from '../events.ts';
import type { EngineDeps } from '../ports.ts';
import type { SessionState } from '../state.ts';

/** How long processes have to heed TERM, and all of it, in ms. */
const GRACE_MS = 300;
const DEADLINE_MS = 5_000;

export function endsSession(events: readonly EventBody[]): boolean {
  return events.some(({ type }) => type === 'session.finished');
}

/**
 * To be done before the end is recorded, so that a crash in between repeats it. Files stay for the next message. A
 * session does not fail to end for a process that cannot be ended: deleting the session tries again.
 */
export async function endProcesses({ sandbox }: SessionState, owner: SandboxOwner, deps: EngineDeps): Promise<void> {
  if (!sandbox) return;
  try {
    await deps.transport(sandbox.type)?.quiesce(owner, AbortSignal.timeout(DEADLINE_MS), { graceMs: GRACE_MS });
  } catch (error) {
    deps.logger.warn('not all processes of a session that is over could be ended', {
      uid: owner.uid,
      error: describeError(error),
    });
  }
}
