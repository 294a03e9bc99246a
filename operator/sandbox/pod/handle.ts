/** One Pod as a sandbox: its link, made anew whenever it was lost, and the files through it. */
import { randomBytes } from 'node:crypto';
import { KubeError } from '../../kube/client.ts';
import type { ContainerFate, ExecOptions, ExecRequest, ExecSession } from '../../kube/exec.ts';
import { KubeUnreachableError } from '../../kube/http-transport.ts';
import { pause, withDeadline } from '../deadline.ts';
import {
  CHUNK_BYTES,
  contentIn,
  expectInstalled,
  type FileStat,
  pathBelow,
  plainPathBelow,
  readInPieces,
  statIn,
} from '../link-files.ts';
import { storageFull } from '../storage-full.ts';
import {
  type Channel,
  ChannelClosedError,
  type Isolation,
  type SandboxHandle,
  type SandboxIdentity,
  SandboxUnavailableError,
} from '../transport.ts';
import type { FirstLink } from './arrival.ts';
import { linkCommand, PodLink } from './link.ts';

/** Pieces that are under way at once. */
const WINDOW = 4;
/** How long a link is looked for again and again before that is somebody else's decision. */
const LINK_MS = 15_000;
const CONNECT_MS = 5_000;
/** Five seconds in all, well within what a connection may take: a container that ends under load takes several links with it before the next one runs. */
const RETRY_DELAYS_MS = [0, 100, 500, 1500, 3000];
/** A link that serves files only is given back after this long. */
const IDLE_MS = 30_000;

export type PodExec = (request: Pick<ExecRequest, 'command' | 'stdin'>, options: ExecOptions) => Promise<ExecSession>;

/** Where commands can be started, as long as this container runs. */
export type RunningContainer = { exec: PodExec; fate: ContainerFate };

export type PodHandleOptions = {
  identity: SandboxIdentity;
  isolation: Isolation;
  root: string;
  /**
   * Waits until the Pod's container runs.
   * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
   */
  container: (signal: AbortSignal) => Promise<RunningContainer>;
  /** Tells when the Pod is no more. */
  whenOver?: (gone: (message: string) => void) => Disposable;
  /** Whether the sandbox was stopped after this handle was given out. */
  stopped: () => boolean;
  /** A link that was made before, attached to the runner, for the first `open`; undefined when it failed. Never rejects. */
  first?: Promise<FirstLink | undefined>;
};

export class PodHandle implements SandboxHandle {
  readonly identity: SandboxIdentity;
  readonly isolation: Isolation;
  readonly root: string;
  readonly #options: PodHandleOptions;
  #link: Promise<PodLink> | undefined;
  /** The one that is being made just now. */
  #making: Promise<PodLink> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #busy = 0;
  /** Until it is opened for the first time. */
  #first: Promise<FirstLink | undefined> | undefined;

  constructor(options: PodHandleOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.isolation = options.isolation;
    this.root = options.root;
    this.#first = options.first;
    if (!this.#first) return;
    this.#link = this.#first.then(
      (first) => first?.link ?? Promise.reject(new ChannelClosedError('no link came of the first tries')),
    );
    this.#link.catch(() => undefined);
    this.#rest();
  }

  async open(signal: AbortSignal): Promise<Channel> {
    const given = this.#first;
    this.#first = undefined;
    const first = given && (await withDeadline(given, { signal }));
    if (first?.link.open && !this.#options.stopped()) return first.channel;
    return this.#withLink(async (link) => {
      // A runner speaks to one listener: who opens a second channel takes it over, over a link of its own.
      const own = link.attached ? await this.#renew(signal) : link;
      return own.attach(signal);
    }, signal);
  }

  async put(path: string, bytes: Uint8Array, options: { mode?: number; signal: AbortSignal }): Promise<void> {
    const { mode = 0o644, signal } = options;
    plainPathBelow(this.root, path);
    await this.#withLink(async (link) => {
      const token = randomBytes(8).toString('hex');
      const stage = async (index: number) => {
        const piece = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
        return link.request('put', [index === 0 ? '1' : '0', String(piece.length), token], piece);
      };
      const last = Math.max(0, Math.ceil(bytes.length / CHUNK_BYTES) - 1);
      const before = await inWindow([...Array(last).keys()], signal, stage);
      // Asked for in one go: the other end does one after the other, and installs nothing that it could not stage.
      const staging = stage(last);
      const installing = link.request('install', [(mode & 0o7777).toString(8), token, path]);
      installing.catch(() => undefined);
      if ([...before, await staging].some(({ word }) => word !== 'ok')) throw storageFull(this.identity.type);
      expectInstalled(path, await installing, this.identity.type);
    }, signal);
  }

  async get(path: string, range: { offset: number; length: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const { signal } = range;
    pathBelow(this.root, path);
    return this.#withLink(
      (link) =>
        readInPieces(range, WINDOW, async (from, wanted) =>
          contentIn(path, await link.request('get', [String(from), String(wanted), path])),
        ),
      signal,
    );
  }

  async stat(path: string, signal: AbortSignal): Promise<FileStat | undefined> {
    pathBelow(this.root, path);
    return this.#withLink(async (link) => statIn(path, await link.request('stat', [path])), signal);
  }

  onLost(listener: (message: string) => void): Disposable {
    let told = false;
    return (
      this.#options.whenOver?.((message) => {
        if (told) return;
        told = true;
        listener(message);
      }) ?? { [Symbol.dispose]: () => undefined }
    );
  }

  /** Gives back the connection; commands go on. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    (await this.#link?.catch(() => undefined))?.close();
  }

  /** Does something over the link, again over a new one when it was lost meanwhile: everything here may be done twice. */
  async #withLink<T>(work: (link: PodLink) => Promise<T>, signal: AbortSignal): Promise<T> {
    clearTimeout(this.#idle);
    this.#busy++;
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          return await withDeadline(work(await this.#linked(signal)), { signal });
        } catch (error) {
          if (!(error instanceof ChannelClosedError)) throw error;
          const delay = RETRY_DELAYS_MS[attempt];
          if (delay === undefined)
            throw unavailable('ConnectionLost', 'the connection to the Pod was lost again and again', error);
          await pause(delay, signal);
        }
      }
    } finally {
      if (--this.#busy === 0) this.#rest();
    }
  }

  /** Lets go of a link that nobody talks to a runner through. */
  #rest(): void {
    clearTimeout(this.#idle);
    const link = this.#link;
    this.#idle = setTimeout(() => {
      void link?.then(
        (one) => {
          if ((!one.attached || this.#first) && this.#busy === 0) one.close();
        },
        () => undefined,
      );
    }, IDLE_MS);
    this.#idle.unref();
  }

  async #linked(signal: AbortSignal): Promise<PodLink> {
    signal.throwIfAborted();
    const known = this.#link?.catch(() => undefined);
    const link = known && (await withDeadline(known, { signal }));
    if (link?.open) return link;
    return this.#renew(signal);
  }

  /** The newest link; whoever asks while one is being made shares it. */
  async #renew(signal: AbortSignal): Promise<PodLink> {
    const making = this.#making ?? this.#make();
    this.#making = making;
    this.#link = making;
    return withDeadline(making, { signal });
  }

  async #make(): Promise<PodLink> {
    try {
      return await this.#connect(AbortSignal.timeout(LINK_MS));
    } finally {
      this.#making = undefined;
    }
  }

  async #connect(signal: AbortSignal): Promise<PodLink> {
    for (let delay = 100; ; delay = Math.min(delay * 2, 2000)) {
      if (this.#options.stopped()) throw unavailable('Stopping', 'the sandbox was stopped; find it anew to use it again');
      try {
        const { exec, fate } = await this.#options.container(signal);
        const { command, mark } = linkCommand(this.root);
        return new PodLink(await exec({ command, stdin: true }, { fate, connectMs: CONNECT_MS }), mark);
      } catch (error) {
        if (signal.aborted && !(error instanceof SandboxUnavailableError))
          throw unavailable('ClusterUnreachable', 'the Pod could not be reached in time', error);
        const fault = execFault(error);
        if (fault !== 'passing') throw fault ?? error;
        try {
          await pause(delay, signal);
        } catch {
          throw unavailable('ClusterUnreachable', `the Pod cannot be reached: ${messageOf(error)}`, error);
        }
      }
    }
  }
}

/** What a failed exec means: `passing` may succeed at once, undefined is none of its errors. */
export function execFault(error: unknown): 'passing' | SandboxUnavailableError | undefined {
  if (error instanceof KubeUnreachableError) return 'passing';
  // The look at the Pod before it has failed in the same way.
  if (error instanceof SandboxUnavailableError && /^Cluster(Unreachable|Unavailable)$/.test(error.reason)) return 'passing';
  if (!(error instanceof KubeError)) return undefined;
  if (error.code === 401 || error.code === 403) {
    return unavailable(
      'ExecForbidden',
      `commands cannot be started in the Pod: ${error.message}; allow create and get of pods/exec`,
      error,
    );
  }
  // Not there any more, or not there again: the next look at the Pod tells.
  return 'passing';
}

export function unavailable(reason: string, message: string, cause?: unknown, permanent = false): SandboxUnavailableError {
  return new SandboxUnavailableError(reason, message, { permanent, cause });
}

/** Runs the work on each item, a few at a time, in order; stops beginning new ones once the signal aborted. */
async function inWindow<T, R>(items: readonly T[], signal: AbortSignal, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const running: Promise<R>[] = [];
  for (const item of items) {
    signal.throwIfAborted();
    const one = work(item);
    // Awaited below; should an earlier one fail, nobody gets that far.
    one.catch(() => undefined);
    running.push(one);
    if (running.length >= WINDOW) results.push(...(await Promise.all(running.splice(0, 1))));
  }
  return [...results, ...(await Promise.all(running))];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
