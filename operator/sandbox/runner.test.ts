import { expect, it } from '@jest/globals';
import { Runner } from './runner.ts';
import { SandboxUnavailableError } from './transport.ts';

it('a sandbox that is not connected to in time is unavailable for now, with words that say so', async () => {
  const open = async (signal: AbortSignal): Promise<never> => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    return promise;
  };
  const runner = new Runner({ open }, 1, 5);
  const failure = await runner.tools(AbortSignal.timeout(60_000)).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SandboxUnavailableError);
  expect(failure).toMatchObject({
    reason: 'ConnectionLost',
    message: expect.stringContaining('could not be connected to within'),
  });
});
