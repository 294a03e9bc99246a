/** One Daytona sandbox: its conversations, and its files through commands and uploads of the toolbox. */
import { randomBytes } from 'node:crypto';
import type { Sandbox } from '@daytonaio/sdk';
import { contentIn, expectInstalled, type FileStat, pathBelow, plainPathBelow, readInPieces, statIn } from '../link-files.ts';
import type { Channel, Isolation, SandboxHandle, SandboxIdentity } from '../transport.ts';
import { type ChannelOptions, SessionChannel } from './channel.ts';
import { type DaytonaClient, unavailable } from './client.ts';
import { isTimeout } from './faults.ts';
import { type FileReply, type FileRequest, fileCommand } from './files.ts';
import { type InSandboxOptions, inSandbox } from './in-sandbox.ts';

/** What goes through one command; larger files are uploaded, and read in pieces. */
const INLINE_BYTES = 64 * 1024;
/** Pieces that are under way at once. */
const WINDOW = 3;
const EXECUTE_SECONDS = 60;
const UPLOAD_SECONDS = 10 * 60;
/** For how long following is not tried after it was refused. */
const POLLING_MS = 10 * 60_000;

export type DaytonaHandleOptions = {
  client: DaytonaClient;
  sandbox: Sandbox;
  identity: SandboxIdentity;
  isolation: Isolation;
  root: string;
  toolbox: string;
  tickSeconds: number;
  /** How often the service is told that the sandbox is in use while somebody is connected to it, in ms. */
  aliveMs: number;
  /** As in ChannelOptions. */
  silenceMs?: ChannelOptions['silenceMs'];
  /** As in InSandboxOptions. */
  ready: InSandboxOptions['ready'];
  /** Whether the sandbox was stopped by the platform after this handle was given out. */
  stopped: () => boolean;
};

export class DaytonaHandle implements SandboxHandle {
  readonly identity: SandboxIdentity;
  readonly isolation: Isolation;
  readonly root: string;
  readonly #options: DaytonaHandleOptions;
  #pollsUntil = 0;

  constructor(options: DaytonaHandleOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.isolation = options.isolation;
    this.root = options.root;
  }

  async open(signal: AbortSignal): Promise<Channel> {
    const { client, sandbox, root, toolbox, tickSeconds, aliveMs, silenceMs, stopped } = this.#options;
    const options = {
      client,
      sandbox,
      root,
      toolbox,
      tickSeconds,
      aliveMs,
      ...(silenceMs && { silenceMs }),
      polls: () => Date.now() < this.#pollsUntil,
      refused: () => {
        this.#pollsUntil = Date.now() + POLLING_MS;
      },
    };
    const connect = async (): Promise<Channel> => {
      // A conversation would start the runner again.
      if (stopped()) throw unavailable('Stopping', 'the sandbox was stopped; find it anew to use it again');
      return SessionChannel.open(options, signal);
    };
    try {
      return await this.#inSandbox('connect to a sandbox', connect, signal);
    } catch (error) {
      // Who connects gives it so long, and then has to know what it was.
      if (!isTimeout(error)) throw error;
      throw unavailable('DaytonaUnreachable', 'the sandbox at Daytona could not be connected to in time', error);
    }
  }

  async put(path: string, bytes: Uint8Array, options: { mode?: number; signal: AbortSignal }): Promise<void> {
    const { mode = 0o644, signal } = options;
    plainPathBelow(this.root, path);
    const { client, sandbox } = this.#options;
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const reply = await this.#inSandbox(
      'write a file',
      async () => {
        const token = randomBytes(8).toString('hex');
        const install = { verb: 'install', fields: [(mode & 0o7777).toString(8), token, path] } as const;
        if (bytes.length <= INLINE_BYTES) {
          const stage = { verb: 'put', fields: ['1', String(bytes.length), token], body: bytes } as const;
          return this.#ask([stage, install], signal);
        }
        const upload = () => sandbox.fs.uploadFile(whole, `${this.root}/.run/put/${token}`, UPLOAD_SECONDS);
        await client.call('take a file', upload, { signal, ms: UPLOAD_SECONDS * 1000, raw: true });
        return this.#ask([install], signal);
      },
      signal,
    );
    expectInstalled(path, reply, this.identity.type);
  }

  async get(path: string, range: { offset: number; length: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const { signal } = range;
    pathBelow(this.root, path);
    return readInPieces(range, WINDOW, async (from, wanted) => {
      const request = { verb: 'get', fields: [String(from), String(wanted), path] } as const;
      return contentIn(path, await this.#inSandbox('read a file', () => this.#ask([request], signal), signal));
    });
  }

  async stat(path: string, signal: AbortSignal): Promise<FileStat | undefined> {
    pathBelow(this.root, path);
    const request = { verb: 'stat', fields: [path] } as const;
    return statIn(path, await this.#inSandbox('look at a file', () => this.#ask([request], signal), signal));
  }

  /** Has the requests done in order, in one command. @returns the last answer */
  async #ask(requests: readonly FileRequest[], signal: AbortSignal): Promise<FileReply> {
    const { client, sandbox, toolbox } = this.#options;
    const { command, parse } = fileCommand(this.root, toolbox, requests);
    const execute = () => sandbox.process.executeCommand(command, undefined, undefined, EXECUTE_SECONDS);
    const options = { signal, ms: (EXECUTE_SECONDS + 10) * 1000, raw: true };
    return parse((await client.call('reach files', execute, options)).result);
  }

  #inSandbox<T>(doing: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { client, ready } = this.#options;
    return inSandbox({ doing, apiUrl: client.apiUrl, ready, signal }, work);
  }
}
