/** Logs in a Redis as tests use them: opened for one test, followed, and refused. */
import { randomUUID } from 'node:crypto';
import type { NewEvent, SessionEvent } from '../../operator/engine/events.ts';
import { type EventLog, LogUnavailableError } from '../../operator/engine/log.ts';
import { redisAddress } from '../../operator/engine/redis/address.ts';
import { RedisEventLog, type RedisEventLogOptions } from '../../operator/engine/redis-log.ts';
import { eventually } from './eventually.ts';
import { KeepingLogger } from './keeping-logger.ts';
import { type RedisConfig, RedisServer } from './redis-server.ts';

/** A log that has reached its server. */
export async function redisLog({ url, prefix }: { url: string; prefix: string }): Promise<RedisEventLog> {
  const log = await RedisEventLog.open({ address: redisAddress(url), prefix, logger: new KeepingLogger() });
  await eventually('Redis', () => log.head('nobody'));
  return log;
}

/** One server for a file's tests, others for single tests, and the logs opened in them. */
export class RedisLogs {
  #shared: RedisServer | undefined;
  /** What the running test works with. */
  #redis: RedisServer | undefined;
  #opened = new AsyncDisposableStack();

  async start(): Promise<void> {
    this.#shared = await RedisServer.start();
  }

  async stop(): Promise<void> {
    await this.#shared?.[Symbol.asyncDispose]();
  }

  get redis(): RedisServer {
    const redis = this.#redis ?? this.#shared;
    if (!redis) throw new Error('there is no server yet');
    return redis;
  }

  /** A server for this test alone; from now on it is `redis`. */
  async own(config: RedisConfig = {}): Promise<RedisServer> {
    this.#redis = this.adopt(await RedisServer.start(config));
    return this.#redis;
  }

  /** A log with keys of its own that has reached its server, closed after the test. */
  async open(options: Partial<RedisEventLogOptions> = {}): Promise<RedisEventLog> {
    const log = await this.openUnreached(options);
    await eventually('Redis', () => log.head('nobody'));
    return log;
  }

  /** As `open`, whether there is a server or not. */
  async openUnreached(options: Partial<RedisEventLogOptions> = {}): Promise<RedisEventLog> {
    const address = options.address ?? this.redis.address;
    const all = { prefix: `t-${randomUUID()}`, logger: new KeepingLogger(), ...options, address };
    return this.#opened.adopt(await RedisEventLog.open(all), (log) => log.close());
  }

  /** Is disposed after the test, the last one first. */
  adopt<T extends AsyncDisposable>(one: T): T {
    return this.#opened.use(one);
  }

  /** Call after each test. All is disposed, whatever becomes of one. */
  async clear(): Promise<void> {
    const opened = this.#opened;
    this.#opened = new AsyncDisposableStack();
    (this.#redis ?? this.#shared)?.line.pass();
    this.#redis = undefined;
    await opened.disposeAsync();
  }
}

export function lines(...texts: string[]): NewEvent[] {
  return texts.map((text) => ({ time: '2030-01-02T03:04:05.678Z', type: 'log.line', level: 'info', text }));
}

export function textOf(event: SessionEvent): string {
  return event.type === 'log.line' ? event.text : event.type;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

export type Follower = { seen: number[]; done: Promise<void>; end: () => Promise<void> };

/** Follows a session from its start and keeps the sequences that it was given. */
export function following(log: EventLog, uid: string): Follower {
  const stop = new AbortController();
  const seen: number[] = [];
  const done = (async () => {
    for await (const { seq } of log.subscribe(uid, 0, stop.signal)) seen.push(seq);
  })();
  done.catch(() => undefined);
  return {
    seen,
    done,
    end: () => {
      stop.abort();
      return done;
    },
  };
}

/** What an operation fails with. */
export async function refusal(operation: Promise<unknown>): Promise<string> {
  return operation.then(
    () => 'nothing: it succeeded',
    (error: unknown) => (error instanceof LogUnavailableError ? error.message : `another error: ${error}`),
  );
}

/** Milliseconds since 1970 by the clock of Redis. */
export async function timeOf(redis: RedisServer): Promise<number> {
  const [seconds, micros] = await redis.admin.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

export async function subscriptionsOf(redis: RedisServer): Promise<number> {
  const channels: unknown = await redis.admin.pubsub('CHANNELS');
  return Array.isArray(channels) ? channels.length : -1;
}
