/** One Daytona sandbox: its conversations, and its files through commands and uploads of the toolbox. */
import { randomBytes } from 'node:crypto';
import type { Sandbox } from '@daytonaio/sdk';
import { pause } from '../deadline.ts';
import { canCarry } from '../protocol.ts';
import { storageFull } from '../runner.ts';
import { PathError } from '../sandbox.ts';
import {
  type Channel,
  type Isolation,
  type SandboxHandle,
  type SandboxIdentity,
  SandboxLostError,
  SandboxUnavailableError,
} from '../transport.ts';
import { SessionChannel } from './channel.ts';
import { type DaytonaClient, unavailable } from './client.ts';
import { faultOf, statusOf } from './faults.ts';
import { type FileReply, type FileRequest, fileCommand } from './files.ts';

/** What goes through one command; larger files are uploaded, and read in pieces. */
const INLINE_BYTES = 64 * 1024;
const CHUNK_BYTES = 512 * 1024;
/** Pieces that are under way at once. */
const WINDOW = 3;
const EXECUTE_SECONDS = 60;
const UPLOAD_SECONDS = 10 * 60;
/** For how long a sandbox that sleeps is waited for before that is somebody else's decision. */
const READY_MS = 60_000;
const RETRY_DELAYS_MS = [0, 250, 1000, 2500];
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
  /**
   * Waits until the sandbox runs, and starts it when it was stopped.
   * @throws SandboxLostError | SandboxUnavailableError | the signal's reason
   */
  ready: (signal: AbortSignal) => Promise<void>;
  /** Whether the sandbox was stopped by the platform after this handle was given out. */
  stopped: () => boolean;
};

type Stat = { type: 'file' | 'directory' | 'other'; size: number; mode: number };

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
    const { client, sandbox, root, toolbox, tickSeconds, aliveMs, stopped } = this.#options;
    const options = {
      client,
      sandbox,
      root,
      toolbox,
      tickSeconds,
      aliveMs,
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
    const parts = this.#named(path)
      .slice(this.root.length + 1)
      .split('/');
    if (path === this.root || parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new PathError(`${path} is not a plain path below ${this.root}`);
    }
    const { client, sandbox } = this.#options;
    const reply = await this.#inSandbox(
      'write a file',
      async () => {
        const token = randomBytes(8).toString('hex');
        const install = { verb: 'install', fields: [(mode & 0o7777).toString(8), token, path] } as const;
        if (bytes.length <= INLINE_BYTES) {
          const stage = { verb: 'put', fields: ['1', String(bytes.length), token], body: bytes } as const;
          return (await this.#ask([stage, install], signal)).at(-1);
        }
        const upload = () => sandbox.fs.uploadFile(Buffer.from(bytes), `${this.root}/.run/put/${token}`, UPLOAD_SECONDS);
        await client.call('take a file', upload, { signal, ms: UPLOAD_SECONDS * 1000, raw: true });
        return (await this.#ask([install], signal)).at(-1);
      },
      signal,
    );
    if (reply?.word === 'refused') throw new PathError(refusal(path, reply.rest));
    if (reply?.word !== 'ok') throw storageFull();
  }

  async get(path: string, range: { offset: number; length: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const { offset, length, signal } = range;
    this.#named(path);
    const read = async (from: number): Promise<Buffer | undefined> => {
      const wanted = Math.min(CHUNK_BYTES, offset + length - from);
      const fields = [String(from), String(wanted), path];
      const [reply] = await this.#inSandbox('read a file', () => this.#ask([{ verb: 'get', fields }], signal), signal);
      if (reply?.word === 'outside') throw new PathError(`${path} leads out of the sandbox`);
      return reply?.word === 'ok' ? reply.bytes : undefined;
    };
    const first = await read(offset);
    if (first === undefined || first.length < CHUNK_BYTES || length <= CHUNK_BYTES) return first;
    const chunks = [first];
    // Where the end is nobody has said: a row of pieces, then the next one, until one is short.
    for (let from = offset + CHUNK_BYTES; from < offset + length; from += WINDOW * CHUNK_BYTES) {
      const starts = Array.from({ length: WINDOW }, (_, index) => from + index * CHUNK_BYTES).filter(
        (at) => at < offset + length,
      );
      for (const piece of await Promise.all(starts.map(read))) {
        if (piece) chunks.push(piece);
        if (!piece || piece.length < CHUNK_BYTES) return Buffer.concat(chunks);
      }
    }
    return Buffer.concat(chunks);
  }

  async stat(path: string, signal: AbortSignal): Promise<Stat | undefined> {
    this.#named(path);
    const [reply] = await this.#inSandbox('look at a file', () => this.#ask([{ verb: 'stat', fields: [path] }], signal), signal);
    const { word = '', rest = '' } = reply ?? {};
    if (word === 'outside') throw new PathError(`${path} leads out of the sandbox`);
    if (word !== 'file' && word !== 'directory' && word !== 'other') return undefined;
    const [mode = '', size = ''] = rest.split(' ');
    return { type: word, size: /^\d+$/.test(size) ? Number(size) : 0, mode: modeOf(mode) };
  }

  async #ask(requests: readonly FileRequest[], signal: AbortSignal): Promise<FileReply[]> {
    const { client, sandbox, toolbox } = this.#options;
    const { command, parse } = fileCommand(this.root, toolbox, requests);
    const execute = () => sandbox.process.executeCommand(command, undefined, undefined, EXECUTE_SECONDS);
    const options = { signal, ms: (EXECUTE_SECONDS + 10) * 1000, raw: true };
    return parse((await client.call('reach files', execute, options)).result);
  }

  #named(path: string): string {
    if (path !== this.root && !path.startsWith(`${this.root}/`)) throw new PathError(`${path} is not below ${this.root}`);
    if (!canCarry(path))
      throw new PathError(`${JSON.stringify(path.slice(0, 200))} holds control characters and cannot be used as a path`);
    return path;
  }

  /**
   * Does something in the sandbox, again when it failed although the sandbox is there, or is there again: everything here may be
   * done twice.
   */
  async #inSandbox<T>(doing: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { client } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        if (isOwn(error) || statusOf(error) === 401) throw faultOf(error, doing, client.apiUrl);
        // Why it failed the state of the sandbox tells best.
        await this.#ready(signal);
        const delay = RETRY_DELAYS_MS[attempt];
        if (delay === undefined) {
          const fault = faultOf(error, doing, client.apiUrl);
          throw fault instanceof SandboxUnavailableError
            ? unavailable(fault.reason, fault.message, error)
            : unavailable('ConnectionLost', 'the connection to the sandbox was lost again and again', error);
        }
        await pause(delay, signal);
      }
    }
  }

  /** Waits a while until the sandbox runs. */
  async #ready(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.ready(AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]));
    } catch (error) {
      signal.throwIfAborted();
      if (!isTimeout(error)) throw error;
      throw unavailable('SandboxNotStarted', `the sandbox at Daytona did not start again within ${READY_MS / 1000} s`, error);
    }
  }
}

/** Whether a deadline passed that an AbortSignal kept. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

/** Errors that another try would meet as well. */
function isOwn(error: unknown): boolean {
  return (
    error instanceof SandboxUnavailableError ||
    error instanceof SandboxLostError ||
    error instanceof PathError ||
    error instanceof RangeError
  );
}

/** `-rwsr-x--T` as a number. */
function modeOf(text: string): number {
  const bits = [...text.slice(1, 10)];
  const special = ['sS', 'sS', 'tT'];
  return bits.reduce((mode, letter, index) => {
    const set = letter !== '-' && letter !== 'S' && letter !== 'T' ? 1 << (8 - index) : 0;
    const group = Math.floor(index / 3);
    const extra = index % 3 === 2 && special[group]?.includes(letter) ? 1 << (11 - group) : 0;
    return mode | set | extra;
  }, 0);
}

function refusal(path: string, why: string): string {
  switch (why) {
    case 'link':
      return `${path} runs through a symbolic link or something that is not a directory`;
    case 'directory':
      return `${path} is a directory`;
    default:
      return `${path} lies in a directory that cannot be written to`;
  }
}
