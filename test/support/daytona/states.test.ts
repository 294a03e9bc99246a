import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { patience } from '../eventually.ts';
import { DaytonaSandboxes } from './sandboxes.ts';

/** The states that the SDK's generated client knows. */
const fromSdk = createRequire(createRequire(import.meta.url).resolve('@daytonaio/sdk'));
const { SandboxState }: { SandboxState: Record<string, string> } = fromSdk('@daytona/api-client');

describe('the states of a sandbox on the Daytona server of the tests', () => {
  let sandboxes: DaytonaSandboxes;
  beforeEach(async () => {
    sandboxes = await DaytonaSandboxes.start();
  });
  afterEach(() => sandboxes.close());

  it('are those of the SDK, and follow each other as at the service', async () => {
    const { control } = sandboxes.server;
    const [transport, owner] = [sandboxes.transport(), sandboxes.owner()];
    const again = () => transport.provision(owner, {}, patience());
    const sandbox = control.find((await again()).identity.uid);
    await control.stop(sandbox);
    await again();
    await control.archive(sandbox);
    await again();
    await transport.dispose(owner, patience());
    expect(sandbox.passed).toEqual([
      ...['pending_build', 'pulling_snapshot', 'creating', 'started'],
      ...['stopping', 'stopped', 'starting', 'started'],
      ...['stopping', 'stopped', 'archived', 'restoring', 'started'],
      ...['destroying', 'destroyed'],
    ]);
    const broken = control.find((await again()).identity.uid);
    control.fail(broken, 'the runner went away');
    const missing = transport.provision(sandboxes.owner(), { image: 'missing/image:1' }, patience());
    await expect(missing).rejects.toMatchObject({ reason: 'ImageUnavailable' });
    const all = [sandbox, ...control.all()].flatMap(({ passed }) => passed);
    expect(all).toEqual(expect.arrayContaining(['error', 'build_failed']));
    const known = new Set(Object.values(SandboxState));
    expect(all.filter((state) => !known.has(state))).toEqual([]);
  });
});
