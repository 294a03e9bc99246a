/** Sandboxes that are sandboxes of Daytona. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '@daytonaio/sdk';
import { KeyedLock } from '../../keyed-lock.ts';
import { pause } from '../deadline.ts';
import { quoteAll } from '../quote.ts';
import {
  type NoticeListener,
  type SandboxHandle,
  SandboxLostError,
  type SandboxOwner,
  type SandboxSpec,
  type SandboxTransport,
  SandboxUnavailableError,
} from '../transport.ts';
import type { ChannelOptions } from './channel.ts';
import { type DaytonaAccess, DaytonaClient, unavailable } from './client.ts';
import { faultOf, isPassing, statusOf } from './faults.ts';
import { DaytonaHandle } from './handle.ts';
import { inSandbox } from './in-sandbox.ts';
import { installationLabels, labelsOf, nameOf, ownerOf } from './labels.ts';
import { resourcesOf } from './resources.ts';
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

/**
 * Minutes without use after which the service stops a sandbox, and after which it deletes one that is stopped. While somebody
 * uses it, it hears of that every five minutes.
 */
const STOP_MINUTES = 60;
const DELETE_MINUTES = 60;
const ALIVE_MS = 5 * 60_000;
const START_MS = 10 * 60_000;
/** How long the request that makes a sandbox may take; whether it did is looked up then. */
const CREATE_SECONDS = 30;
const GONE_MS = 90_000;
const QUIESCE_SCRIPT = readFileSync(join(import.meta.dirname, 'quiesce.sh'), 'utf8');

export class DaytonaTransport implements SandboxTransport {
  readonly type = 'daytona';
  readonly #options: DaytonaTransportOptions;
  readonly #client: DaytonaClient;
  /** Work on one sandbox is done in the order in which it was asked for. */
  readonly #locks = new KeyedLock();
  /** How often the processes of a sandbox were ended; what was handed out before must not start them again. */
  readonly #stops = new Map<string, number>();

  constructor(options: DaytonaTransportOptions) {
    this.#options = options;
    this.#client = new DaytonaClient(options);
  }

  async provision(
    owner: SandboxOwner,
    spec: SandboxSpec,
    signal: AbortSignal,
    onNotice?: NoticeListener,
  ): Promise<SandboxHandle> {
    signal.throwIfAborted();
    return this.#locks.hold(this.#nameOf(owner), signal, async () => {
      const sandbox = await this.#findOrCreate(owner, spec, signal);
      try {
        await this.#ready(sandbox, signal, onNotice);
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
    const sandbox = await this.#look(owner, signal);
    if (!sandbox || !this.#belongsTo(sandbox, owner) || isOver(sandbox)) return undefined;
    try {
      await this.#ready(sandbox, signal, onNotice);
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
      const sandbox = await this.#look(owner, signal);
      if (sandbox && this.#belongsTo(sandbox, owner)) await this.#remove(sandbox, signal);
    });
  }

  async quiesce(owner: SandboxOwner, signal: AbortSignal, { graceMs = 1000 }: { graceMs?: number } = {}): Promise<void> {
    signal.throwIfAborted();
    await this.#locks.hold(this.#nameOf(owner), signal, async () => {
      const sandbox = await this.#look(owner, signal);
      // What is stopped has no processes.
      if (!sandbox || !this.#belongsTo(sandbox, owner) || verdictOf(sandbox.state).kind !== 'ready') return;
      this.#stops.set(sandbox.id, this.#stopsOf(sandbox.id) + 1);
      try {
        await this.#endProcesses(sandbox, graceMs, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (await this.#sleeps(sandbox, signal)) return;
        throw faultOf(error, 'end the processes of a sandbox', this.#client.apiUrl);
      }
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

  /** The name is what makes it never two: the service has one sandbox of a name, and it is looked up before it is made. */
  async #findOrCreate(owner: SandboxOwner, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.#look(owner, signal);
      if (found && !ownerOf(found.labels, this.#options.installation)) {
        const message = `the sandbox ${found.name} at Daytona belongs to somebody else; delete it or rename the session`;
        throw unavailable('NameTaken', message);
      }
      if (found && this.#belongsTo(found, owner) && !isOver(found)) return found;
      // A name is used again only after its sandbox is gone: what was there belongs to nobody any more.
      if (found) await this.#remove(found, signal);
      await this.#client.check(signal);
      try {
        return await this.#create(owner, spec, signal);
      } catch (error) {
        signal.throwIfAborted();
        // It was made, and failed while it started: why is told by its state.
        const failed = statusOf(error) === undefined && !isPassing(error) ? await this.#look(owner, signal) : undefined;
        if (failed && this.#belongsTo(failed, owner)) return failed;
        // Made by another operator, or by a request whose answer was lost: both are found by the name.
        const looksAgain = statusOf(error) === 409 || (isPassing(error) && statusOf(error) !== 429);
        if (!looksAgain || attempt === 5) throw faultOf(error, 'make a sandbox', this.#client.apiUrl);
        await pause(attempt * 100, signal);
      }
    }
  }

  async #create(owner: SandboxOwner, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    const { installation } = this.#options;
    const { snapshot, target, ephemeral, networkAllowList, networkBlockAll } = spec.daytona ?? {};
    const daytona = await this.#client.daytona(target);
    const common = {
      name: this.#nameOf(owner),
      labels: labelsOf(owner, installation),
      envVars: environment(spec),
      public: false,
      autoStopInterval: STOP_MINUTES,
      autoDeleteInterval: ephemeral ? 0 : DELETE_MINUTES,
      ...(networkAllowList !== undefined && { networkAllowList }),
      ...(networkBlockAll !== undefined && { networkBlockAll }),
    };
    const resources = resourcesOf(spec);
    const make = (): Promise<Sandbox> =>
      snapshot === undefined
        ? daytona.create({ ...common, image: spec.image ?? this.#options.image, resources }, { timeout: CREATE_SECONDS })
        : daytona.create({ ...common, snapshot }, { timeout: CREATE_SECONDS });
    return this.#client.call('make a sandbox', make, { signal, ms: (CREATE_SECONDS + 5) * 1000, raw: true });
  }

  /**
   * Waits until it runs; starts it when it sleeps. That it was just about to stop is found out and waited for.
   * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
   */
  async #ready(sandbox: Sandbox, signal: AbortSignal, onNotice?: NoticeListener): Promise<void> {
    const { startMs = START_MS } = this.#options;
    let noticed = false;
    const patience = AbortSignal.timeout(startMs);
    const both = AbortSignal.any([signal, patience]);
    try {
      for (let delay = 50; ; delay = Math.min(delay * 1.5, 2000)) {
        await this.#refresh(sandbox, both);
        const verdict = verdictOf(sandbox.state);
        switch (verdict.kind) {
          case 'ready':
            if (noticed) onNotice?.(undefined);
            return;
          case 'gone':
            throw new SandboxLostError(`the sandbox ${sandbox.name} at Daytona is gone`);
          case 'failed': {
            const message = `the sandbox ${sandbox.name} at Daytona failed (${sandbox.state}): ${sandbox.errorReason ?? 'no reason given'}`;
            throw unavailable(verdict.reason, message, undefined, verdict.reason === 'ImageUnavailable');
          }
          case 'asleep':
            noticed = true;
            onNotice?.({
              reason: 'SandboxStarting',
              message: `the sandbox ${sandbox.name} was ${sandbox.state} and is started again`,
            });
            await this.#start(sandbox, both);
            break;
          case 'passing':
            await pause(delay, both);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!patience.aborted) throw error;
      const message = `the sandbox ${sandbox.name} at Daytona did not start within ${startMs / 1000} s; its state is ${sandbox.state}`;
      throw unavailable('SandboxNotStarted', message, error);
    }
  }

  async #start(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call('start a sandbox', () => sandbox.start(CREATE_SECONDS), {
        signal,
        ms: (CREATE_SECONDS + 5) * 1000,
        raw: true,
      });
    } catch (error) {
      signal.throwIfAborted();
      const status = statusOf(error);
      // It was in between two states, or somebody else was faster: the next look tells.
      if (status !== 400 && status !== 409 && !(isPassing(error) && status !== 429)) {
        throw faultOf(error, 'start a sandbox', this.#client.apiUrl);
      }
      await pause(200, signal);
    }
  }

  async #refresh(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call('look at a sandbox', () => sandbox.refreshData(), { signal, repeatable: true, raw: true });
    } catch (error) {
      signal.throwIfAborted();
      if (statusOf(error) === 404) throw new SandboxLostError(`the sandbox ${sandbox.name} at Daytona is gone`, { cause: error });
      throw faultOf(error, 'look at a sandbox', this.#client.apiUrl);
    }
  }

  /** It may stop by itself in this very moment. */
  #inSandbox<T>(doing: string, sandbox: Sandbox, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const ready = (until: AbortSignal) => this.#ready(sandbox, until);
    return inSandbox({ doing, apiUrl: this.#client.apiUrl, ready, signal }, work);
  }

  /**
   * As `#ready`, of one that ran before: what fails now is lost, and another takes its place.
   * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
   */
  async #readyAgain(sandbox: Sandbox, signal: AbortSignal, onNotice?: NoticeListener): Promise<void> {
    try {
      await this.#ready(sandbox, signal, onNotice);
    } catch (error) {
      if (error instanceof SandboxUnavailableError && verdictOf(sandbox.state).kind === 'failed') {
        throw new SandboxLostError(error.message, { cause: error });
      }
      throw error;
    }
  }

  async #handle(owner: SandboxOwner, sandbox: Sandbox, signal: AbortSignal, onNotice?: NoticeListener): Promise<SandboxHandle> {
    const root = await this.#rootOf(sandbox, signal);
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
      ready: (until) => this.#readyAgain(sandbox, until, onNotice),
      stopped: () => this.#stopsOf(sandbox.id) !== stops,
    });
  }

  async #endProcesses(sandbox: Sandbox, graceMs: number, signal: AbortSignal): Promise<void> {
    const root = await this.#rootOf(sandbox, signal);
    const args = [QUIESCE_SCRIPT, 'swe-agent-quiesce', root, String(Math.ceil(graceMs / 10)), sandbox.id];
    const seconds = Math.ceil(graceMs / 1000) + 15;
    const command = `/bin/sh -c ${quoteAll(args)}`;
    const execute = () => sandbox.process.executeCommand(command, undefined, undefined, seconds);
    const options = { signal, ms: (seconds + 5) * 1000, repeatable: true, raw: true };
    await this.#client.call('end the processes of a sandbox', execute, options);
  }

  /** Whether it was stopped or deleted meanwhile, and with it all that ran in it. */
  async #sleeps(sandbox: Sandbox, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#refresh(sandbox, signal);
    } catch (error) {
      if (error instanceof SandboxLostError) return true;
      throw error;
    }
    return verdictOf(sandbox.state).kind !== 'ready';
  }

  async #rootOf(sandbox: Sandbox, signal: AbortSignal): Promise<string> {
    const ask = () => sandbox.getUserHomeDir();
    const options = { signal, repeatable: true, raw: true };
    const home = await this.#client.call('tell the home directory of a sandbox', ask, options);
    if (!home?.startsWith('/'))
      throw unavailable('SandboxFailed', `the sandbox ${sandbox.name} at Daytona has no home directory`);
    return `${home === '/' ? '' : home}/swe-agent`;
  }

  /** Deletes it and waits until it is gone, and with it every process in it. */
  async #remove(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const patience = AbortSignal.timeout(GONE_MS);
    const both = AbortSignal.any([signal, patience]);
    try {
      for (let delay = 50; ; delay = Math.min(delay * 1.5, 2000)) {
        if (verdictOf(sandbox.state).kind !== 'gone') {
          await this.#client.call('delete a sandbox', () => sandbox.delete(CREATE_SECONDS), {
            signal: both,
            repeatable: true,
            raw: true,
          });
        }
        await this.#refresh(sandbox, both);
        if (sandbox.state === 'destroyed') break;
        await pause(delay, both);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (patience.aborted) {
        const message = `the sandbox ${sandbox.name} at Daytona does not go away; delete it there`;
        throw unavailable('SandboxNotDeleted', message, error);
      }
      if (!(error instanceof SandboxLostError) && statusOf(error) !== 404) {
        throw faultOf(error, 'delete a sandbox', this.#client.apiUrl);
      }
    }
    this.#stops.delete(sandbox.id);
  }

  #look(owner: SandboxOwner, signal: AbortSignal): Promise<Sandbox | undefined> {
    return this.#client.get(this.#nameOf(owner), signal);
  }

  #nameOf(owner: SandboxOwner): string {
    return nameOf(owner, this.#options.installation);
  }

  #belongsTo(sandbox: Sandbox, owner: SandboxOwner): boolean {
    return ownerOf(sandbox.labels, this.#options.installation)?.uid === owner.uid;
  }

  #stopsOf(id: string): number {
    return this.#stops.get(id) ?? 0;
  }
}

function toolboxIn(root: string): string {
  return `${root}/.toolbox`;
}

/** Whether it will never be of use again. */
function isOver(sandbox: Sandbox): boolean {
  const { kind } = verdictOf(sandbox.state);
  return kind === 'gone' || kind === 'failed';
}

/** What the session asks for; the rest of a command's environment is set where the runner is started. */
function environment(spec: SandboxSpec): Record<string, string> {
  const { http, https, noProxy } = spec.network?.proxy ?? {};
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries({ HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: noProxy })) {
    if (value !== undefined) Object.assign(values, { [name]: value, [name.toLowerCase()]: value });
  }
  for (const { name, value } of spec.env ?? []) values[name] = value;
  return values;
}
