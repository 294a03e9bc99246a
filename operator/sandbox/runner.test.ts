import { expect, it } from '@jest/globals';
import { patience } from '../../test/support/eventually.ts';
import { Runner } from './runner.ts';
import { ChannelClosedError, SandboxUnavailableError } from './transport.ts';

/** Connects to nothing, for as long as it may. */
async function open(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

const unreachable = { open, identity: { type: 'local', name: 'unreachable', uid: 'none' } } as const;

it('a sandbox that is not connected to in time is unavailable for now, with words that say so', async () => {
  const runner = new Runner(unreachable, 1, 5);
  const failure = await runner.tools(patience()).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SandboxUnavailableError);
  expect(failure).toMatchObject({
    reason: 'ConnectionLost',
    message: expect.stringContaining('could not be connected to within'),
  });
});

it('a sandbox that is let go is not connected to any more, and nobody waits for it', async () => {
  const runner = new Runner(unreachable, 1, 1_000_000);
  const failure = runner.tools(patience()).catch((error: unknown) => error);
  await runner.close();
  expect(await failure).toBeInstanceOf(ChannelClosedError);
  await expect(runner.tools(patience())).rejects.toThrow('the sandbox was closed');
});
