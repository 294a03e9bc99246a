/** The conversation with the runner in a sandbox: requests with answers, events, and a new connection when one is lost. */
import { EventEmitter } from 'node:events';
import { pause, withDeadline } from './deadline.ts';
import { encodeRequest, MAX_LINE_BYTES, parseLine, type RunnerEvent } from './protocol.ts';
import { SandboxFencedError } from './sandbox.ts';
import { storageFull } from './storage-full.ts';
import { type Channel, ChannelClosedError, type SandboxHandle, SandboxUnavailableError } from './transport.ts';

const CONNECT_MS = 20_000;
const ANSWER_MS = 30_000;
const RETRY_DELAYS_MS = [0, 50, 250, 1000];

export type Reply = { word: string; rest: string };

type Connection = {
  channel: Channel;
  tools: ReadonlySet<string>;
  waiting: Map<number, { resolve(reply: Reply): void; reject(error: unknown): void }>;
};

/**
 * Invariant: at most one connection; whatever waited for an answer on a lost one is sent again on the next. That is safe
 * because every request means the same the second time: a command is claimed before it starts.
 */
export class Runner {
  readonly #handle: Pick<SandboxHandle, 'identity' | 'open'>;
  readonly #epoch: number;
  readonly #connectMs: number;
  readonly #events = new EventEmitter<{ event: [RunnerEvent]; disconnect: [] }>();
  #connection: Promise<Connection> | undefined;
  readonly #close = new AbortController();
  #lastId = 0;

  /** @param connectMs how long one connection may take, in milliseconds */
  constructor(handle: Pick<SandboxHandle, 'identity' | 'open'>, epoch: number, connectMs = CONNECT_MS) {
    this.#handle = handle;
    this.#epoch = epoch;
    this.#connectMs = connectMs;
    this.#events.setMaxListeners(0);
  }

  /** Calls `listener` for what happens to the operation, and with undefined when the connection was lost and events may be missing. */
  watch(op: string, listener: (event: RunnerEvent | undefined) => void): Disposable {
    const onEvent = (event: RunnerEvent): void => {
      if (event.op === op) listener(event);
    };
    const onDisconnect = (): void => listener(undefined);
    this.#events.on('event', onEvent).on('disconnect', onDisconnect);
    return { [Symbol.dispose]: () => void this.#events.off('event', onEvent).off('disconnect', onDisconnect) };
  }

  /** Names of the tools that the sandbox has. */
  async tools(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return this.#connectedly(async (connection) => connection.tools, signal);
  }

  /** Whether a request with these fields fits in a line. */
  fits(verb: string, fields: readonly string[]): boolean {
    const line = encodeRequest(Number.MAX_SAFE_INTEGER, this.#epoch, verb, fields);
    return line !== undefined && Buffer.byteLength(line) < MAX_LINE_BYTES;
  }

  /**
   * Sends a request and waits for its answer.
   * @throws SandboxFencedError | SandboxLostError | SandboxUnavailableError | the signal's reason
   */
  async request(verb: string, fields: readonly string[], signal: AbortSignal): Promise<Reply> {
    return this.#connectedly(async (connection) => this.#checked(await this.#ask(connection, verb, fields, signal)), signal);
  }

  /** Closes the connection, also one that is being made; commands go on. */
  async close(): Promise<void> {
    this.#close.abort(new ChannelClosedError('the sandbox was closed'));
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.channel.close();
  }

  /** Does something over the connection, again over a new one when it was lost meanwhile. */
  async #connectedly<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work(await this.#connected(signal));
      } catch (error) {
        if (!(error instanceof ChannelClosedError) || this.#close.signal.aborted) throw error;
        const delay = RETRY_DELAYS_MS[attempt];
        if (delay === undefined) {
          throw new SandboxUnavailableError('ConnectionLost', 'the connection to the sandbox was lost again and again', {
            permanent: false,
            cause: error,
          });
        }
        await pause(delay, signal);
      }
    }
  }

  #checked(reply: Reply): Reply {
    if (reply.word === 'fenced') {
      throw new SandboxFencedError(
        `the sandbox obeys epoch ${reply.rest}, and this owner's is ${this.#epoch}: somebody else took the session over`,
      );
    }
    if (reply.word === 'full') throw storageFull(this.#handle.identity.type);
    if (reply.word === 'stopping') {
      throw new SandboxUnavailableError('Stopping', 'the sandbox is being stopped and takes no new command', {
        permanent: false,
      });
    }
    return reply;
  }

  async #ask(connection: Connection, verb: string, fields: readonly string[], signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted();
    const id = ++this.#lastId;
    const line = encodeRequest(id, this.#epoch, verb, fields);
    if (line === undefined)
      throw new RangeError(`a field of the ${verb} request holds a character that the protocol needs for itself`);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    connection.waiting.set(id, { resolve, reject });
    try {
      void connection.channel.send(line).catch(reject);
      return await withDeadline(promise, {
        signal,
        ms: ANSWER_MS,
        late: () => {
          // A runner that does not answer is of no use; the next request looks for it anew.
          void connection.channel.close().catch(() => {});
          return new ChannelClosedError(`the sandbox did not answer a ${verb} request within ${ANSWER_MS / 1000} s`);
        },
      });
    } finally {
      connection.waiting.delete(id);
    }
  }

  async #connected(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    this.#close.signal.throwIfAborted();
    this.#connection ??= this.#connect().catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    // Whoever gives up waiting leaves the connecting to the others.
    return withDeadline(this.#connection, { signal });
  }

  /** @throws SandboxUnavailableError also when it takes too long, so that whoever waits is told what for */
  async #connect(): Promise<Connection> {
    const deadline = AbortSignal.timeout(this.#connectMs);
    try {
      return await this.#connectBy(AbortSignal.any([deadline, this.#close.signal]));
    } catch (error) {
      if (!deadline.aborted || error !== deadline.reason) throw error;
      const message = `the sandbox could not be connected to within ${this.#connectMs / 1000} s`;
      throw new SandboxUnavailableError('ConnectionLost', message, { permanent: false, cause: error });
    }
  }

  async #connectBy(signal: AbortSignal): Promise<Connection> {
    const channel = await this.#handle.open(signal);
    const connection: Connection = { channel, tools: new Set(), waiting: new Map() };
    const ended = this.#listen(connection);
    try {
      const hello = this.#checked(await this.#ask(connection, 'hello', [], signal));
      connection.tools = new Set(hello.rest.split(',').filter(Boolean));
      void ended.then(() => this.#lost(connection));
      return connection;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  async #listen(connection: Connection): Promise<void> {
    try {
      for await (const text of connection.channel.lines()) {
        const line = parseLine(text);
        if (line.type === 'event') this.#events.emit('event', line.event);
        else if (line.type === 'reply') connection.waiting.get(line.id)?.resolve({ word: line.word, rest: line.rest });
      }
    } catch {
      // How a connection ended says nothing about the commands; what matters is that it did.
    }
    const error = new ChannelClosedError('the connection to the sandbox was lost');
    for (const { reject } of connection.waiting.values()) reject(error);
  }

  async #lost(connection: Connection): Promise<void> {
    this.#connection = undefined;
    await connection.channel.close().catch(() => {});
    this.#events.emit('disconnect');
  }
}
