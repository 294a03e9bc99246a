import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { through } from '../../test/support/changed-transport.ts';
import { makeRepository, startEngine } from '../../test/support/engine.ts';
import { type ModelServer, startModelServer } from '../../test/support/model-server.ts';
import { ScriptedSessions } from '../../test/support/scripted-sessions.ts';
import { GitError } from '../sandbox/git/git.ts';
import { type SandboxHandle, SandboxLostError, SandboxUnavailableError } from '../sandbox/transport.ts';
import { MAX_TRIES } from './faults.ts';
import type { EngineDeps } from './ports.ts';

let folder: string;
let repository: string;
let server: ModelServer;
const model = new ScriptedSessions();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swe-setbacks-'));
  mkdirSync(join(folder, 'repository'));
  repository = makeRepository(join(folder, 'repository'), { 'AGENTS.md': '# Sample\n' });
  server = await startModelServer((request) => model.answer(request));
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The real transports, whose sandboxes are made by `make`, which is given the real way. */
const provisioning =
  (
    real: Pick<EngineDeps, 'transport'>,
    make: (provision: () => Promise<SandboxHandle>) => Promise<SandboxHandle>,
  ): EngineDeps['transport'] =>
  (type) => {
    const transport = real.transport(type);
    return transport && through(transport, { provision: (...args) => make(() => transport.provision(...args)) });
  };

describe('tries in a row', () => {
  it('are counted anew after something was done', async () => {
    const left = { sandbox: MAX_TRIES, remote: MAX_TRIES };
    await using engine = await startEngine({
      baseUrl: server.baseUrl,
      replace: (real) => ({
        firstRetryMs: 0.01,
        transport: provisioning(real, async (provision) => {
          if (left.sandbox-- > 0) throw new SandboxUnavailableError('Full', 'there is no place', { permanent: false });
          return provision();
        }),
        publisher: Object.assign(Object.create(real.publisher), {
          publish: async (...args: Parameters<typeof real.publisher.publish>) => {
            if (left.remote-- > 0) throw new GitError('Unreachable', 'connection refused', { transient: true });
            return real.publisher.publish(...args);
          },
        }),
      }),
    });
    engine.apply('twice', { goal: model.on('Go on after each'), repository: { url: repository } });
    const state = await engine.until('twice', (now) => now.finished !== undefined || now.pause !== undefined);
    expect(state.pause).toBeUndefined();
    expect(state.published?.pushed).toBe(true);
    expect(left).toEqual({ sandbox: -1, remote: -1 });
  });

  it('are not counted anew by a sandbox that can be made and is lost before it is of use', async () => {
    let made = 0;
    /** Made and filled, and gone when the planner begins to look around. */
    const lostAtOnce = (handle: SandboxHandle): SandboxHandle => ({
      identity: handle.identity,
      isolation: handle.isolation,
      root: handle.root,
      open: (signal) => handle.open(signal),
      put: (...args) => handle.put(...args),
      get: async (path, range) => {
        if (path.endsWith('/AGENTS.md')) throw new SandboxLostError('it went away');
        return handle.get(path, range);
      },
      stat: (...args) => handle.stat(...args),
    });
    await using engine = await startEngine({
      baseUrl: server.baseUrl,
      replace: (real) => ({
        firstRetryMs: 0.01,
        transport: provisioning(real, async (provision) => {
          made++;
          return lostAtOnce(await provision());
        }),
      }),
    });
    engine.apply('in-vain', { goal: model.on('Never begin'), repository: { url: repository } });
    const state = await engine.until('in-vain', (now) => now.pause !== undefined || now.finished !== undefined || made > 50);
    expect(state.pause).toMatchObject({ reason: 'SandboxUnavailable', message: expect.stringContaining('it went away') });
    expect(made).toBe(MAX_TRIES + 1);
  });
});
