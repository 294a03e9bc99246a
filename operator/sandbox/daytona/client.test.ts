import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DaytonaSandboxes } from '../../../test/support/daytona/sandboxes.ts';

const run = promisify(execFile);

/** A process that lists sandboxes, and says how many there are. */
const LISTS = `
  const { DaytonaTransport } = await import(${JSON.stringify(join(import.meta.dirname, 'transport.ts'))});
  const [apiKey, apiUrl] = process.argv.slice(1);
  const transport = new DaytonaTransport({ apiKey, apiUrl, installation: 'test', image: 'ubuntu:22.04' });
  console.log((await transport.listOrphans(new Set(), AbortSignal.timeout(60_000))).length);
  console.warn('a warning of its own');
`;

describe('the SDK of Daytona', () => {
  let sandboxes: DaytonaSandboxes;
  let folder: string;
  beforeAll(async () => {
    sandboxes = await DaytonaSandboxes.start();
    folder = mkdtempSync(join(tmpdir(), 'daytona-client-'));
  });
  afterAll(async () => {
    await sandboxes.close();
    rmSync(folder, { recursive: true });
  });

  it('writes nothing to the log about the names of the settings, and goes where it is told', async () => {
    const { url, apiKey } = sandboxes.server;
    writeFileSync(join(folder, '.env'), 'DAYTONA_SERVER_URL=http://127.0.0.1:2/api\n');
    const env = { PATH: process.env.PATH, HOME: folder, DAYTONA_SERVER_URL: 'http://127.0.0.1:1/api' };
    const asked = sandboxes.server.timesAsked('listSandboxes');
    const written = await run(process.execPath, ['--input-type=module', '-e', LISTS, apiKey, url], { cwd: folder, env });
    expect(written).toEqual({ stdout: '0\n', stderr: 'a warning of its own\n' });
    expect(sandboxes.server.timesAsked('listSandboxes')).toBe(asked + 1);
  });
});
