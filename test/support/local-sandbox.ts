import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openSandbox } from '../../operator/sandbox/commands.ts';
import type { IsolationMethod } from '../../operator/sandbox/local/isolation.ts';
import { LocalTransport } from '../../operator/sandbox/local/transport.ts';
import type { Sandbox } from '../../operator/sandbox/sandbox.ts';
import { patience } from './eventually.ts';

/** A real local sandbox below a folder; it and everything that runs in it is gone when it goes out of scope. */
export async function localSandbox(
  folder: string,
  isolation: IsolationMethod = 'none',
  path = process.env.PATH ?? '',
): Promise<{ sandbox: Sandbox } & AsyncDisposable> {
  const transport = new LocalTransport({
    workspaceDir: join(folder, 'workspace'),
    isolation,
    hidden: [],
    hostEnvironment: { PATH: path },
    home: '/nonexistent',
  });
  const uid = randomUUID();
  const owner = { uid, name: `session-${uid}`, namespace: 'default' };
  const signal = patience();
  const sandbox = await openSandbox(await transport.provision(owner, {}, signal), { epoch: 1, signal });
  return {
    sandbox,
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await transport.dispose(owner, patience());
    },
  };
}
