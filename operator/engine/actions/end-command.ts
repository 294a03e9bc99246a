/** Ends a command that was interrupted, whatever it does to stay. */
import { describeError } from '../../logger.ts';
import { withDeadline } from '../../sandbox/deadline.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { ActionContext } from './context.ts';

/** A command that does not heed TERM has a second; what is not over then does not hear. */
const CANCEL_MS = 1_500;
const QUIESCE_MS = 5_000;

/**
 * Through the sandbox; where that has no effect, because a command took the runner's messages for example, everything in
 * the sandbox is ended from outside. Its files stay, and the next use of the sandbox finds it anew.
 */
export async function endCommand(sandbox: Sandbox, op: string, context: ActionContext): Promise<void> {
  const { deps, owner } = context;
  try {
    await withDeadline(sandbox.cancel(op), { ms: CANCEL_MS, late: () => new Error(`it was not over after ${CANCEL_MS} ms`) });
  } catch (error) {
    deps.logger.warn('a command could not be ended; ending its sandbox', { uid: owner.uid, error: describeError(error) });
    await deps.transport(sandbox.identity.type)?.quiesce(owner, AbortSignal.timeout(QUIESCE_MS), { graceMs: 0 });
    await context.forget();
  }
}
