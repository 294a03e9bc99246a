/** The adapter on the real service, where DAYTONA_API_KEY is set; it makes one small sandbox and deletes it. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import { DaytonaTransport } from '../../operator/sandbox/daytona/transport.ts';

const { DAYTONA_API_KEY: apiKey, DAYTONA_API_URL, DAYTONA_SERVER_URL, DAYTONA_TARGET, DAYTONA_TARGET_IMAGE } = process.env;
const apiUrl = DAYTONA_API_URL ?? DAYTONA_SERVER_URL;
/** An image may have to be fetched first. */
const PATIENCE_MS = 15 * 60_000;

if (!apiKey) console.warn('some tests are skipped: without DAYTONA_API_KEY nothing is tried on the real Daytona');

(apiKey ? describe : describe.skip)('a sandbox of the real Daytona', () => {
  it(
    'runs commands, attaches to them, keeps files, is found again and goes',
    async () => {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const options = {
        apiKey: apiKey ?? '',
        installation: `live-test-${randomUUID()}`,
        image: DAYTONA_TARGET_IMAGE ?? 'ubuntu:22.04',
        ...(apiUrl && { apiUrl }),
        ...(DAYTONA_TARGET && { target: DAYTONA_TARGET }),
      };
      const owner = { uid: randomUUID(), name: 'live', namespace: 'test' };
      const transport = new DaytonaTransport(options);
      try {
        const handle = await transport.provision(owner, {}, signal);
        const first = await openSandbox(handle, { epoch: 1 });
        const spec = { command: 'echo out; echo err >&2; exit 7', timeoutSeconds: 60 };
        const result = await first.run('op', spec, { signal });
        expect(result).toMatchObject({ state: 'exited', exitCode: 7, output: { head: 'out\nerr\n' } });
        const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7) % 256));
        await first.upload('large', bytes, signal);
        await first.close();
        const found = await new DaytonaTransport(options).find(owner, {}, signal);
        if (!found) throw new Error('the sandbox was not found again');
        expect(found.identity).toEqual(handle.identity);
        const second = await openSandbox(found, { epoch: 2 });
        expect(await second.attach('op', spec, { signal })).toMatchObject({ state: 'exited', exitCode: 7 });
        const read = await second.download('large', { maxBytes: 2_000_000, signal });
        expect(bytes.equals(Buffer.from(read ?? []))).toBe(true);
        await second.close();
      } finally {
        await transport.dispose(owner, AbortSignal.timeout(120_000));
      }
      expect(await transport.find(owner, {}, signal)).toBeUndefined();
    },
    PATIENCE_MS + 180_000,
  );
});
