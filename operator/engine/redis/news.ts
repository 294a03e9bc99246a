/**
 * Tells followers in this process that a session's log has grown, over one connection for all of them. News can be missed
 * while there is no connection; so whenever a subscription begins, or begins anew, its followers are told to look themselves.
 */
import type { Redis } from 'ioredis';
import { describeError, type Logger } from '../../logger.ts';
import type { RedisConnection } from './connection.ts';

/** `last`: the last sequence, 0 for a deleted log; undefined: nobody knows, look. */
export type Hear = (last: number | undefined) => void;

export class RedisNews {
  readonly #connection: RedisConnection;
  readonly #logger: Logger;
  readonly #byChannel = new Map<string, Set<Hear>>();
  #asking: NodeJS.Timeout | undefined;

  /** @param connection for the news alone; it is begun when somebody listens */
  constructor(connection: RedisConnection, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
    connection.onMessage((channel, message) => this.#tell(channel, Number(message)));
    connection.onUsable((redis) => this.#subscribe(redis, [...this.#byChannel.keys()]));
  }

  /** Calls `hear` until the returned function is called; soon for the first time, without knowing anything. */
  listen(channel: string, hear: Hear): () => void {
    const listeners = this.#byChannel.get(channel) ?? new Set();
    if (listeners.size === 0) {
      this.#byChannel.set(channel, listeners);
      this.#begin(channel);
    }
    listeners.add(hear);
    return () => {
      if (!listeners.delete(hear) || listeners.size > 0) return;
      this.#byChannel.delete(channel);
      // Without a connection there is nothing to take back.
      this.#connection.client?.unsubscribe(channel).catch(() => undefined);
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#asking);
    await this.#connection.close();
  }

  #begin(channel: string): void {
    this.#connection.start();
    this.#asking ??= setInterval(() => this.#ask(), this.#connection.deadlines.askMs).unref();
    const { client } = this.#connection;
    if (client) this.#subscribe(client, [channel]);
  }

  #subscribe(redis: Redis, channels: readonly string[]): void {
    if (channels.length === 0) return;
    redis.subscribe(...channels).then(
      () => {
        for (const channel of channels) this.#tell(channel, undefined);
      },
      // When the connection was lost, the next one subscribes again.
      (error: unknown) => this.#logger.warn('cannot hear of new events', { error: describeError(error) }),
    );
  }

  /** A line that nothing is said on may be dead. One that does not answer is given up by the connection, which then makes a new one. */
  #ask(): void {
    if (this.#byChannel.size > 0) this.#connection.client?.ping().catch(() => undefined);
  }

  #tell(channel: string, last: number | undefined): void {
    for (const hear of [...(this.#byChannel.get(channel) ?? [])]) hear(last);
  }
}
