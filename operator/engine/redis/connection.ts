/**
 * One connection to Redis that is always there or on its way: it reconnects by itself, sends nothing twice, and fails a
 * command within seconds when there is no answer. What becomes of a command whose answer was lost is the caller's to find out.
 *
 *   new ──start──► connecting ──► logged in, database selected: usable ──(lost, silent, refused)──► connecting …
 */
import type { Redis, RedisOptions } from 'ioredis';
import { errorCode } from '../../error-code.ts';
import { describeError, type Logger } from '../../logger.ts';
import type { RedisAddress } from './address.ts';
import { failureOf, isReply } from './failure.ts';

export type RedisConnectionOptions = {
  address: RedisAddress;
  /** Shown in the server's list of clients, and in messages: what is kept there. */
  purpose: string;
  logger: Logger;
  /** The errors that `run` throws. */
  unavailable: (message: string, cause?: unknown) => Error;
  damaged: (message: string, cause?: unknown) => Error;
  /** Those that differ from DEADLINES. */
  deadlines?: Partial<RedisDeadlines>;
};

/** In ms. */
export type RedisDeadlines = {
  /** How long a command waits for a connection that is not there just now. */
  patienceMs: number;
  /** How long nothing may come from the server while it owes an answer; then the connection is given up. */
  silenceMs: number;
  /** Between two tries to connect, at most. */
  retryMs: number;
  /** Between two questions whether the server is there, where nothing is asked of it otherwise. */
  askMs: number;
};

const DEADLINES: RedisDeadlines = { patienceMs: 1_000, silenceMs: 3_000, retryMs: 2_000, askMs: 5_000 };

export class RedisConnection {
  readonly deadlines: RedisDeadlines;
  readonly #redis: Redis;
  readonly #options: RedisConnectionOptions;
  readonly #pending = new Set<Promise<unknown>>();
  /** Those who wait until it is usable. */
  readonly #waiting = new Set<() => void>();
  readonly #usableListeners: ((redis: Redis) => void)[] = [];
  #state: 'new' | 'started' | 'closed' = 'new';
  #usable = false;
  /** Why it is not usable, once that is known. */
  #trouble: string | undefined;
  #told: string | undefined;
  /** Whether the server answered something of the connection's beginning with an error. */
  #refused = false;
  /** Since it was usable last. */
  #attempts = 0;

  private constructor(client: typeof Redis, options: RedisConnectionOptions) {
    this.#options = options;
    this.deadlines = { ...DEADLINES, ...options.deadlines };
    const redis = new client(clientOptions(options, this.deadlines.silenceMs, () => this.#retryDelay()));
    this.#redis = redis;
    redis.on('connect', () => {
      this.#refused = false;
    });
    redis.on('error', (error: unknown) => {
      this.#refused = isReply(error);
      this.#trouble = troubleOf(error);
    });
    redis.on('ready', () => this.#ready());
    redis.on('close', () => this.#lost());
  }

  /** Loads the client; nothing is connected before `start` or the first `run`. */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const { Redis: client } = await import('ioredis');
    return new RedisConnection(client, options);
  }

  /** The server, for people: never with user or password. */
  get where(): string {
    const { host, port } = this.#options.address;
    return `Redis at ${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** The client while it may be used. */
  get client(): Redis | undefined {
    return this.#isUsable ? this.#redis : undefined;
  }

  /** Calls the listener whenever the connection has become usable. */
  onUsable(listener: (redis: Redis) => void): void {
    this.#usableListeners.push(listener);
  }

  /** Calls the listener with what is published on a channel that the client subscribed to. */
  onMessage(listener: (channel: string, message: string) => void): void {
    this.#redis.on('message', listener);
  }

  /** Begins to connect; does nothing when it has begun. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    // What fails here comes as an event, and is tried again.
    this.#redis.connect().catch(() => undefined);
  }

  /** Runs commands once there is a connection. @throws the options' errors */
  run<T>(commands: (redis: Redis) => Promise<T>): Promise<T> {
    const running = this.#run(commands);
    this.#pending.add(running);
    const done = () => this.#pending.delete(running);
    running.then(done, done);
    return running;
  }

  /** Waits for what was asked for until now; everything after it fails. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await Promise.allSettled(this.#pending);
    this.#usable = false;
    this.#redis.disconnect();
    this.#redis.stream?.destroy();
  }

  /** The client knows of an end a little before it tells. */
  get #isUsable(): boolean {
    return this.#usable && this.#redis.status === 'ready' && this.#redis.stream.writable;
  }

  async #run<T>(commands: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#state === 'closed') throw this.#unavailable('it is closed');
    this.start();
    if (!this.#isUsable) await this.#untilUsable();
    try {
      return await commands(this.#redis);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async #untilUsable(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.deadlines.patienceMs);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
    if (!this.#isUsable) throw this.#unavailable(`it cannot be reached (${this.#trouble ?? 'no answer'})`);
  }

  #ready(): void {
    // The client goes on in database 0 when it may not use the one it was told to.
    if (this.#refused) {
      this.#redis.disconnect(true);
      return;
    }
    this.#usable = true;
    this.#attempts = 0;
    const { logger, purpose } = this.#options;
    if (this.#told !== undefined) logger.info(`${this.where} is reached again`, { purpose });
    this.#told = undefined;
    this.#trouble = undefined;
    for (const wake of this.#waiting) wake();
    for (const tell of this.#usableListeners) tell(this.#redis);
  }

  /** The client's own count begins anew with every connection, also with one that is of no use. */
  #retryDelay(): number {
    return Math.min(this.deadlines.retryMs, 25 * 2 ** Math.min(++this.#attempts, 10)) * (0.75 + Math.random() / 2);
  }

  #lost(): void {
    this.#usable = false;
    const trouble = this.#trouble ?? 'the connection was closed';
    if (this.#state !== 'started' || this.#told !== undefined) return;
    this.#told = trouble;
    const { logger, purpose } = this.#options;
    logger.warn(`${this.where} cannot be reached; trying again and again`, { purpose, error: trouble });
  }

  #unavailable(text: string, cause?: unknown): Error {
    return this.#options.unavailable(`the ${this.#options.purpose} in ${this.where}: ${text}`, cause);
  }

  #translate(error: unknown): Error {
    // The client's error carries the command with all it was given, which is nobody's business.
    const cause = new Error(describeError(error));
    if (!isReply(error)) return this.#unavailable(`the connection was lost (${this.#trouble ?? 'closed'})`, cause);
    const { kind, text } = failureOf(error.message);
    if (kind === 'unavailable') return this.#unavailable(text, cause);
    return this.#options.damaged(`the ${this.#options.purpose} in ${this.where}: ${text}`, cause);
  }
}

function clientOptions({ address, purpose }: RedisConnectionOptions, silenceMs: number, retryDelay: () => number) {
  const { host, port, tls, database, username, password } = address;
  return {
    host,
    port,
    ...(username !== undefined && { username }),
    ...(password && { password: password.reveal() }),
    ...(tls && { tls: {} }),
    db: database,
    connectionName: `swe-agent-${purpose.replaceAll(' ', '-')}`,
    protocol: 2,
    lazyConnect: true,
    disableClientInfo: true,
    // A server that is loading says so to each command.
    enableReadyCheck: false,
    // Who asked decides whether to ask again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    socketTimeout: silenceMs,
    connectTimeout: silenceMs,
    disconnectTimeout: 100,
    retryStrategy: retryDelay,
    // After a failover the same name may lead to the new primary.
    reconnectOnError: (error: Error) => /\bREADONLY\b/.test(error.message),
  } satisfies RedisOptions;
}

/** What the server says is put into our words; the rest is the system's. */
function troubleOf(error: unknown): string {
  if (isReply(error)) return failureOf(error.message).text;
  return errorCode(error) ?? describeError(error);
}
