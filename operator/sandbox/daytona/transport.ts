/** Sandboxes that are sandboxes of Daytona. */
import type { Sandbox } from '@daytonaio/sdk';
import { KeyedLock } from '../../keyed-lock.ts';
import {
  type NoticeListener,
  type SandboxHandle,
  SandboxLostError,
  type SandboxOwner,
  type SandboxSpec,
  type SandboxTransport,
} from '../transport.ts';
import type { ChannelOptions } from './channel.ts';
import { type DaytonaAccess, DaytonaClient, unavailable } from './client.ts';
import { DaytonaHandle } from './handle.ts';
import { inSandbox } from './in-sandbox.ts';
import { installationLabels, nameOf, ownerOf } from './labels.ts';
import { belongsTo, findOrMake, isOver, look, type Site } from './making.ts';
import { endProcesses } from './quiesce.ts';
import { type ReadyOptions, whenReady, whenReadyAgain } from './ready.ts';
import { removeSandbox } from './removal.ts';
import { rootOf, toolboxIn } from './root.ts';
import { verdictOf } from './state.ts';
import { bringToolbox } from './toolbox.ts';

export type DaytonaTransportOptions = DaytonaAccess & {
  /** Which installation's sandboxes they are: several may share an organization. */
  installation: string;
  /** Of sessions that name neither image nor snapshot. */
  image: string;
  /** Folder on this machine with the tools for images without git. */
  toolbox?: string;
  /** A runner that nobody listens to and that runs no command ends after two of these; default 60. */
  tickSeconds?: number;
  /** How often the service is told that a sandbox is in use, in ms; default 5 minutes. */
  aliveMs?: number;
  /** How long a WebSocket may be silent; see ChannelOptions. */
  silenceMs?: ChannelOptions['silenceMs'];
  /** How long a sandbox may take to start, its image included, in ms; default 10 minutes. */
  startMs?: number;
};

const ALIVE_MS = 5 * 60_000;

export class DaytonaTransport implements SandboxTransport {
  readonly type = 'daytona';
  readonly #options: DaytonaTransportOptions;
  readonly #client: DaytonaClient;
  readonly #site: Site;
  /** Work on one sandbox is done in the order in which it was asked for. */
  readonly #locks = new KeyedLock();
  /** How often the processes of a sandbox were ended; what was handed out before must not start them again. */
  readonly #stops = new Map<string, number>();

  constructor(options: DaytonaTransportOptions) {
    this.#options = options;
    this.#client = new DaytonaClient(options);
    this.#site = { client: this.#client, installation: options.installation, image: options.image };
  }

  async provision(
    owner: SandboxOwner,
    spec: SandboxSpec,
    signal: AbortSignal,
    onNotice?: NoticeListener,
  ): Promise<SandboxHandle> {
    signal.throwIfAborted();
    return this.#locks.hold(this.#nameOf(owner), signal, async () => {
      const sandbox = await findOrMake(this.#site, owner, spec, signal);
      try {
        await whenReady({ ...this.#readiness(sandbox, signal), onNotice });
        return await this.#inSandbox('prepare a sandbox', sandbox, signal, async () => {
          const handle = await this.#handle(owner, sandbox, signal, onNotice);
          const tools = { folder: this.#options.toolbox, target: toolboxIn(handle.root), onNotice };
          await bringToolbox(this.#client, sandbox, tools, signal);
          return handle;
        });
      } catch (error) {
        if (!(error instanceof SandboxLostError)) throw error;
        throw unavailable('SandboxFailed', `the sandbox was deleted while it started: ${error.message}`, error);
      }
    });
  }

  async find(
    owner: SandboxOwner,
    _spec: SandboxSpec,
    signal: AbortSignal,
    onNotice?: NoticeListener,
  ): Promise<SandboxHandle | undefined> {
    signal.throwIfAborted();
    const sandbox = await look(this.#site, owner, signal);
    if (!sandbox || !belongsTo(this.#site, sandbox, owner) || isOver(sandbox)) return undefined;
    try {
      await whenReady({ ...this.#readiness(sandbox, signal), onNotice });
      const connect = () => this.#handle(owner, sandbox, signal, onNotice);
      return await this.#inSandbox('connect to a sandbox', sandbox, signal, connect);
    } catch (error) {
      if (error instanceof SandboxLostError) return undefined;
      throw error;
    }
  }

  async dispose(owner: SandboxOwner, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#locks.hold(this.#nameOf(owner), signal, async () => {
      const sandbox = await look(this.#site, owner, signal);
      if (!sandbox || !belongsTo(this.#site, sandbox, owner)) return;
      await removeSandbox(this.#client, sandbox, signal);
      this.#stops.delete(sandbox.id);
    });
  }

  async quiesce(owner: SandboxOwner, signal: AbortSignal, { graceMs = 1000 }: { graceMs?: number } = {}): Promise<void> {
    signal.throwIfAborted();
    await this.#locks.hold(this.#nameOf(owner), signal, async () => {
      const sandbox = await look(this.#site, owner, signal);
      // What is stopped has no processes.
      if (!sandbox || !belongsTo(this.#site, sandbox, owner) || verdictOf(sandbox.state).kind !== 'ready') return;
      this.#stops.set(sandbox.id, this.#stopsOf(sandbox.id) + 1);
      await endProcesses(this.#client, sandbox, graceMs, signal);
    });
  }

  async listOrphans(known: ReadonlySet<string>, signal: AbortSignal): Promise<SandboxOwner[]> {
    const sandboxes = await this.#client.list(installationLabels(this.#options.installation), signal);
    const orphans = new Map<string, SandboxOwner>();
    for (const sandbox of sandboxes) {
      const owner = ownerOf(sandbox.labels, this.#options.installation);
      if (owner && !known.has(owner.uid) && verdictOf(sandbox.state).kind !== 'gone') orphans.set(owner.uid, owner);
    }
    return [...orphans.values()];
  }

  /** It may stop by itself in this very moment. */
  #inSandbox<T>(doing: string, sandbox: Sandbox, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const ready = (until: AbortSignal) => whenReady(this.#readiness(sandbox, until));
    return inSandbox({ doing, apiUrl: this.#client.apiUrl, ready, signal }, work);
  }

  async #handle(owner: SandboxOwner, sandbox: Sandbox, signal: AbortSignal, onNotice?: NoticeListener): Promise<SandboxHandle> {
    const root = await rootOf(this.#client, sandbox, signal);
    const { silenceMs } = this.#options;
    const stops = this.#stopsOf(sandbox.id);
    return new DaytonaHandle({
      client: this.#client,
      sandbox,
      identity: { type: 'daytona', name: this.#nameOf(owner), uid: sandbox.id },
      isolation: {
        isolated: true,
        method: 'daytona',
        message: `Commands run in the sandbox ${sandbox.id} at Daytona, away from the operator's machine.`,
      },
      root,
      toolbox: toolboxIn(root),
      tickSeconds: this.#options.tickSeconds ?? 60,
      aliveMs: this.#options.aliveMs ?? ALIVE_MS,
      ...(silenceMs && { silenceMs }),
      ready: (until) => whenReadyAgain({ ...this.#readiness(sandbox, until), onNotice }),
      stopped: () => this.#stopsOf(sandbox.id) !== stops,
    });
  }

  #readiness(sandbox: Sandbox, signal: AbortSignal): ReadyOptions {
    return { client: this.#client, sandbox, startMs: this.#options.startMs, signal };
  }

  #nameOf(owner: SandboxOwner): string {
    return nameOf(owner, this.#options.installation);
  }

  #stopsOf(id: string): number {
    return this.#stops.get(id) ?? 0;
  }
}
