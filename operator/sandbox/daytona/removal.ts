/** Removing a sandbox, which takes the service a while. */
import type { Sandbox } from '@daytonaio/sdk';
import { pause } from '../deadline.ts';
import { SandboxLostError } from '../transport.ts';
import { type DaytonaClient, unavailable } from './client.ts';
import { faultOf, statusOf } from './faults.ts';
import { refresh } from './ready.ts';
import { verdictOf } from './state.ts';

const GONE_MS = 90_000;
const REQUEST_SECONDS = 30;

/**
 * Deletes it and waits until it is gone, and with it every process in it.
 * @throws SandboxUnavailableError | the signal's reason
 */
export async function removeSandbox(client: DaytonaClient, sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  const patience = AbortSignal.timeout(GONE_MS);
  const both = AbortSignal.any([signal, patience]);
  try {
    for (let delay = 50; ; delay = Math.min(delay * 1.5, 2000)) {
      if (verdictOf(sandbox.state).kind !== 'gone') {
        await client.call('delete a sandbox', () => sandbox.delete(REQUEST_SECONDS), {
          signal: both,
          repeatable: true,
          raw: true,
        });
      }
      await refresh(client, sandbox, both);
      if (sandbox.state === 'destroyed') break;
      await pause(delay, both);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) {
      const message = `the sandbox ${sandbox.name} at Daytona does not go away; delete it there`;
      throw unavailable('SandboxNotDeleted', message, error);
    }
    if (!(error instanceof SandboxLostError) && statusOf(error) !== 404) {
      throw faultOf(error, 'delete a sandbox', client.apiUrl);
    }
  }
}
