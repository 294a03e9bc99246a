/** Keeps a sandbox from being stopped for want of use: the model may think for long, and nothing else tells the service of it. */
import type { Sandbox } from '@daytonaio/sdk';
import type { DaytonaClient } from './client.ts';
import { statusOf } from './faults.ts';

/**
 * Tells the service again and again that the sandbox is in use, until that is disposed of.
 * @param everyMs in ms
 * @param onGone hears that there is no such sandbox any more
 */
export function keepAlive(client: DaytonaClient, sandbox: Sandbox, everyMs: number, onGone: () => void): Disposable {
  const timer = setInterval(() => {
    client
      .call('keep a sandbox', () => sandbox.refreshActivity(), { raw: true, repeatable: true })
      .catch((error: unknown) => {
        if (statusOf(error) === 404) onGone();
      });
  }, everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
