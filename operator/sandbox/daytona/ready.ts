/** Waiting until a sandbox runs: it may be on its way there, asleep, or never come to it. */
import type { Sandbox } from '@daytonaio/sdk';
import { pause } from '../deadline.ts';
import { type NoticeListener, SandboxLostError, SandboxUnavailableError } from '../transport.ts';
import { type DaytonaClient, unavailable } from './client.ts';
import { faultOf, isPassing, statusOf } from './faults.ts';
import { verdictOf } from './state.ts';

const START_MS = 10 * 60_000;
/** How long the request that starts a sandbox may take; whether it did is looked up then. */
const REQUEST_SECONDS = 30;

export type ReadyOptions = {
  client: DaytonaClient;
  sandbox: Sandbox;
  /** How long it may take, in ms; default 10 minutes. */
  startMs?: number | undefined;
  signal: AbortSignal;
  /** Hears that it sleeps and is started again, and undefined when it runs. */
  onNotice?: NoticeListener | undefined;
};

/**
 * Waits until it runs; starts it when it sleeps. That it was just about to stop is found out and waited for.
 * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
 */
export async function whenReady(options: ReadyOptions): Promise<void> {
  const { client, sandbox, startMs = START_MS, signal, onNotice } = options;
  let noticed = false;
  const patience = AbortSignal.timeout(startMs);
  const both = AbortSignal.any([signal, patience]);
  try {
    for (let delay = 50; ; delay = Math.min(delay * 1.5, 2000)) {
      await refresh(client, sandbox, both);
      const verdict = verdictOf(sandbox.state);
      switch (verdict.kind) {
        case 'ready':
          if (noticed) onNotice?.(undefined);
          return;
        case 'gone':
          throw new SandboxLostError(`the sandbox ${sandbox.name} at Daytona is gone`);
        case 'failed': {
          const message = `the sandbox ${sandbox.name} at Daytona failed (${sandbox.state}): ${sandbox.errorReason ?? 'no reason given'}`;
          throw unavailable(verdict.reason, message, undefined, verdict.reason === 'ImageUnavailable');
        }
        case 'asleep':
          noticed = true;
          onNotice?.({
            reason: 'SandboxStarting',
            message: `the sandbox ${sandbox.name} was ${sandbox.state} and is started again`,
          });
          await start(client, sandbox, both);
          break;
        case 'passing':
          await pause(delay, both);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!patience.aborted) throw error;
    const message = `the sandbox ${sandbox.name} at Daytona did not start within ${startMs / 1000} s; its state is ${sandbox.state}`;
    throw unavailable('SandboxNotStarted', message, error);
  }
}

/**
 * As `whenReady`, of one that ran before: what fails now is lost, and another takes its place.
 * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
 */
export async function whenReadyAgain(options: ReadyOptions): Promise<void> {
  try {
    await whenReady(options);
  } catch (error) {
    if (error instanceof SandboxUnavailableError && verdictOf(options.sandbox.state).kind === 'failed') {
      throw new SandboxLostError(error.message, { cause: error });
    }
    throw error;
  }
}

/** Has the sandbox as it is now. @throws SandboxLostError | SandboxUnavailableError | the signal's reason */
export async function refresh(client: DaytonaClient, sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  try {
    await client.call('look at a sandbox', () => sandbox.refreshData(), { signal, repeatable: true, raw: true });
  } catch (error) {
    signal.throwIfAborted();
    if (statusOf(error) === 404) throw new SandboxLostError(`the sandbox ${sandbox.name} at Daytona is gone`, { cause: error });
    throw faultOf(error, 'look at a sandbox', client.apiUrl);
  }
}

async function start(client: DaytonaClient, sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  try {
    await client.call('start a sandbox', () => sandbox.start(REQUEST_SECONDS), {
      signal,
      ms: (REQUEST_SECONDS + 5) * 1000,
      raw: true,
    });
  } catch (error) {
    signal.throwIfAborted();
    const status = statusOf(error);
    // It was in between two states, or somebody else was faster: the next look tells.
    if (status !== 400 && status !== 409 && !(isPassing(error) && status !== 429)) {
      throw faultOf(error, 'start a sandbox', client.apiUrl);
    }
    await pause(200, signal);
  }
}
