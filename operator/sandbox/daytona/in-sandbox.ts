/** Doing something in a sandbox that may stop, or start, at any moment by somebody else's will. */
import { pause } from '../deadline.ts';
import { PathError } from '../sandbox.ts';
import { SandboxLostError, SandboxUnavailableError } from '../transport.ts';
import { unavailable } from './client.ts';
import { faultOf, isTimeout, statusOf } from './faults.ts';

/** For how long a sandbox that sleeps is waited for before that is somebody else's decision. */
const READY_MS = 60_000;
const RETRY_DELAYS_MS = [0, 250, 1000, 2500];

export type InSandboxOptions = {
  /** What is tried, as "Daytona could not …" goes on. */
  doing: string;
  apiUrl: string;
  /**
   * Waits until the sandbox runs, and starts it when it was stopped.
   * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
   */
  ready: (signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
};

/**
 * Does the work, again when it failed although the sandbox is there, or is there again.
 * @param work what may be done twice; throws the SDK's errors as they are
 * @throws SandboxLostError | SandboxUnavailableError | PathError | RangeError | the signal's reason
 */
export async function inSandbox<T>({ doing, apiUrl, ready, signal }: InSandboxOptions, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (isOwn(error) || OF_THE_KEY.has(statusOf(error))) throw faultOf(error, doing, apiUrl);
      // Why it failed the state of the sandbox tells best.
      await readyInTime(ready, signal);
      const delay = RETRY_DELAYS_MS[attempt];
      if (delay === undefined) {
        const fault = faultOf(error, doing, apiUrl);
        throw fault instanceof SandboxUnavailableError
          ? unavailable(fault.reason, fault.message, error)
          : unavailable('ConnectionLost', 'the connection to the sandbox was lost again and again', error);
      }
      await pause(delay, signal);
    }
  }
}

async function readyInTime(ready: InSandboxOptions['ready'], signal: AbortSignal): Promise<void> {
  try {
    await ready(AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]));
  } catch (error) {
    signal.throwIfAborted();
    if (!isTimeout(error)) throw error;
    throw unavailable('SandboxNotStarted', `the sandbox at Daytona did not start again within ${READY_MS / 1000} s`, error);
  }
}

/** Answers that have nothing to do with the sandbox: the key is not accepted, or used too often. */
const OF_THE_KEY: ReadonlySet<number | undefined> = new Set([401, 429]);

/** Errors that another try would meet as well. */
function isOwn(error: unknown): boolean {
  return (
    error instanceof SandboxUnavailableError ||
    error instanceof SandboxLostError ||
    error instanceof PathError ||
    error instanceof RangeError
  );
}
