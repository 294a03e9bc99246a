/** Daytona sandboxes on the server of the tests, through the real SDK. */
import { openSandbox } from '../../../operator/sandbox/commands.ts';
import { DaytonaTransport, type DaytonaTransportOptions } from '../../../operator/sandbox/daytona/transport.ts';
import type { Sandbox } from '../../../operator/sandbox/sandbox.ts';
import type { SandboxHandle, SandboxOwner, SandboxSpec } from '../../../operator/sandbox/transport.ts';
import { patience } from '../eventually.ts';
import { processesIn } from './processes.ts';
import { DaytonaServer } from './server.ts';

export class DaytonaSandboxes {
  readonly server: DaytonaServer;
  readonly #owners = new Map<string, SandboxOwner>();
  readonly #opened: Sandbox[] = [];
  #count = 0;

  private constructor(server: DaytonaServer) {
    this.server = server;
  }

  static async start(): Promise<DaytonaSandboxes> {
    return new DaytonaSandboxes(await DaytonaServer.start());
  }

  /** As another operator would have it. */
  transport(options: Partial<DaytonaTransportOptions> = {}): DaytonaTransport {
    const { url, apiKey } = this.server;
    return new DaytonaTransport({ apiKey, apiUrl: url, target: 'us', installation: 'test', image: 'ubuntu:22.04', ...options });
  }

  owner(name = `session-${++this.#count}`): SandboxOwner {
    return { uid: crypto.randomUUID(), name, namespace: 'default' };
  }

  async provision(spec: SandboxSpec = {}): Promise<SandboxHandle> {
    const owner = this.owner();
    const handle = await this.transport().provision(owner, spec, patience());
    this.#owners.set(handle.identity.uid, owner);
    return handle;
  }

  async findAgain(handle: SandboxHandle): Promise<SandboxHandle> {
    const owner = this.#owners.get(handle.identity.uid);
    const found = owner && (await this.transport().find(owner, {}, patience()));
    if (!found) throw new Error('the sandbox is gone');
    return found;
  }

  /** Ready for commands, until the end of the tests. */
  async open(handle: SandboxHandle): Promise<Sandbox> {
    const sandbox = await openSandbox(handle, { epoch: 1, livenessMs: 300 });
    this.#opened.push(sandbox);
    return sandbox;
  }

  /** Processes that work for the session: commands, and the runner with what serves it. */
  processCount(handle: SandboxHandle): number {
    return processesIn(`${handle.root}/`).length;
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((one) => one.close()));
    await this.server.close();
  }
}
