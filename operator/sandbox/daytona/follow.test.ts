/** The WebSocket that follows a log, which is the SDK's and says nothing. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';
import { eventually, patience as signal } from '../../../test/support/eventually.ts';
import type { Sandbox } from '../sandbox.ts';
import type { DaytonaTransportOptions } from './transport.ts';

describe('a WebSocket', () => {
  let sandboxes: DaytonaSandboxes;
  beforeEach(async () => {
    sandboxes = await DaytonaSandboxes.start();
  });
  afterEach(() => sandboxes.close());

  const made = async (options: Partial<DaytonaTransportOptions> = {}): Promise<Sandbox> =>
    sandboxes.open(await sandboxes.transport(options).provision(sandboxes.owner(), {}, signal()));

  for (const [what, fault] of [
    ['taken and nothing ever comes over it', 'mutesWebSockets'],
    ['never answered', 'stallsWebSockets'],
  ] as const) {
    it(`that is ${what} is closed, and the log asked for again and again instead`, async () => {
      const { server } = sandboxes;
      server[fault] = true;
      const follows = server.timesAsked('follow');
      const sandbox = await made({ silenceMs: { first: 200, next: 200 } });
      const result = await sandbox.run('op', { command: 'echo one; exit 3', timeoutSeconds: 60 }, { signal: signal() });
      expect(result).toMatchObject({ state: 'exited', exitCode: 3, output: { head: 'one\n' } });
      expect(server.timesAsked('follow')).toBe(follows + 1);
      // The conversation goes on.
      await eventually('the WebSocket to be gone', () => server.following === 0);
    });
  }

  it('that is left does no harm with its last word, and is closed', async () => {
    const { server } = sandboxes;
    const sandbox = await made({ silenceMs: { first: 20_000, next: 200 } });
    const here = () => sandbox.query('echo here', { signal: signal() });
    await here();
    server.muteWebSockets();
    // It is handed over when the connection is ended. An error there would be caught by nobody, and end the process.
    expect(await server.whisper()).toBeGreaterThan(0);
    expect((await here()).output).toBe('here\n');
    await eventually('one to be left', () => server.following === 1);
    expect((await here()).output).toBe('here\n');
    await sandbox.close();
    await eventually('none to be left', () => server.following === 0);
  });
});
