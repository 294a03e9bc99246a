/** How an exec ended, and what the status on the error channel says of it. */
import { isRecord } from './status-error.ts';

export type ExecOutcome =
  | { state: 'exited'; exitCode: number }
  /** Nobody said how the command ended. It may not have started, be running, or have done all of its work. */
  | { state: 'unknown'; reason: UnknownReason; message: string };

/**
 * status: the server says that something failed on the way to the command or back; closed: the connection ended;
 * error: it broke, or carried what cannot be understood; silent: it stayed open and nothing came; deadline; caller: close()
 * or the signal; container: the container or the Pod is no more; truncated: the end of the output is missing.
 */
export type UnknownReason = 'status' | 'closed' | 'error' | 'silent' | 'deadline' | 'caller' | 'container' | 'truncated';

/** The connection of an exec has ended. */
export class ExecEndedError extends Error {
  override readonly name = 'ExecEndedError';
}

/** The server speaks a protocol that cannot do this. */
export class ExecUnsupportedError extends Error {
  override readonly name = 'ExecUnsupportedError';
}

/** Reads a metav1.Status as the error channel carries it. */
export function outcomeOfStatus(text: string): ExecOutcome {
  const status = parsed(text);
  if (!isRecord(status) || typeof status.status !== 'string') {
    return { state: 'unknown', reason: 'error', message: `the status of the command cannot be read: ${text.slice(0, 200)}` };
  }
  if (status.status === 'Success') return { state: 'exited', exitCode: 0 };
  const message = typeof status.message === 'string' ? status.message : JSON.stringify(status).slice(0, 500);
  const exitCode = status.reason === 'NonZeroExitCode' ? exitCodeOf(status.details) : undefined;
  return exitCode === undefined ? { state: 'unknown', reason: 'status', message } : { state: 'exited', exitCode };
}

function exitCodeOf(details: unknown): number | undefined {
  const causes = isRecord(details) && Array.isArray(details.causes) ? details.causes.filter(isRecord) : [];
  const text = causes.find(({ reason }) => reason === 'ExitCode')?.message;
  return typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
