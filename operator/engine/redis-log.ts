/**
 * The event log in Redis, for any number of operators. Redis runs each script alone and to its end, so what a script checks
 * still holds when it writes; and with `appendfsync always` it answers only once what it wrote is on disk.
 *
 *   append ──► [ epoch is mine? · events are whole? · sequence is next? · announce · write ] ──► answer
 *                        └ refused: nothing was written
 *
 * Invariants: an append whose answer was lost can be made again and is stored once. A log that is shorter than it was seen
 * here lost what was acknowledged, and is never written to again.
 */
import type { Redis } from 'ioredis';
import { describeError, type Logger } from '../logger.ts';
import { FORMAT, type NewEvent, type SessionEvent } from './events.ts';
import {
  CLAIM_TTL_MS,
  type Claim,
  ClaimedError,
  type EventLog,
  FencedError,
  LogDamagedError,
  LogUnavailableError,
  SequenceError,
} from './log.ts';
import type { RedisAddress } from './redis/address.ts';
import { RedisConnection, type RedisDeadlines } from './redis/connection.ts';
import { durabilityFindings } from './redis/durability.ts';
import { follow } from './redis/follow.ts';
import { keysLike, keysOf, PREFIX } from './redis/keys.ts';
import { RedisNews } from './redis/news.ts';
import { APPEND, answerOf, CLAIM, DELETE, HOLDER, numberAt, READ, RELEASE, RENEW, textsAt } from './redis/scripts.ts';
import { parseStoredEvent } from './stored-event.ts';
import { type Held, untilFree } from './until-free.ts';

export type RedisEventLogOptions = {
  address: RedisAddress;
  /** Begins the names of all keys and channels, and keeps installations apart. */
  prefix: string;
  logger: Logger;
  /** Milliseconds since 1970, where time is held; left out, the clock of Redis decides about claims. */
  now?: () => number;
  /** Of its connections, where they differ from the usual ones. */
  deadlines?: Partial<RedisDeadlines>;
};

/** Events that are read with one answer. */
const PAGE = 128;
/** Names that one step of a search looks at. */
const SCAN_COUNT = 1_000;
/** Sessions whose last sequence is remembered. */
const REMEMBERED = 50_000;

export class RedisEventLog implements EventLog {
  readonly #commands: RedisConnection;
  readonly #news: RedisNews;
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #now: (() => number) | undefined;
  /** The last sequence that was seen here of each session, least lately seen first. */
  readonly #seen = new Map<string, number>();
  readonly #closed = new AbortController();
  readonly #told = new Set<string>();
  #findings: readonly string[] = [];

  private constructor(commands: RedisConnection, news: RedisNews, { prefix, logger, now }: RedisEventLogOptions) {
    this.#commands = commands;
    this.#news = news;
    this.#prefix = prefix;
    this.#now = now;
    this.#logger = logger;
    commands.onUsable((redis) => {
      this.#look(redis).catch((error: unknown) =>
        logger.debug('cannot ask Redis how it is set up', { error: describeError(error) }),
      );
    });
  }

  /** Begins to connect and returns at once: what is asked of a log that is not reached fails with LogUnavailableError. */
  static async open(options: RedisEventLogOptions): Promise<RedisEventLog> {
    const { address, logger, prefix, deadlines = {} } = options;
    if (!PREFIX.test(prefix)) throw new RangeError(`${JSON.stringify(prefix)} cannot begin the names of keys`);
    const unavailable = (message: string, cause?: unknown) => new LogUnavailableError(message, { cause });
    const damaged = (message: string, cause?: unknown) => new LogDamagedError(message, { cause });
    const to = (purpose: string) => RedisConnection.open({ address, logger, purpose, deadlines, unavailable, damaged });
    const commands = await to('event log');
    const line = await to('news of events');
    const log = new RedisEventLog(commands, new RedisNews(line, logger), options);
    commands.start();
    return log;
  }

  /** What puts events at risk with this Redis, in words; known once it was reached. */
  get findings(): readonly string[] {
    return this.#findings;
  }

  async claim(uid: string, holder: string, floor: { epoch: number } = { epoch: 0 }): Promise<Claim> {
    const seen = this.#seen.get(uid) ?? 0;
    const { word, rest } = await this.#script(uid, CLAIM, [holder, floor.epoch, CLAIM_TTL_MS, seen, this.#time()]);
    if (word === 'held') throw new ClaimedError(uid, String(rest[0]), (this.#now ?? Date.now)() + numberAt(rest, 1));
    this.#refuse(uid, word, rest);
    const [epoch, lastSeq] = [numberAt(rest, 0), numberAt(rest, 1)];
    this.#see(uid, lastSeq);
    return { uid, holder, epoch, lastSeq };
  }

  async renew({ uid, epoch }: Claim): Promise<void> {
    const { word, rest } = await this.#script(uid, RENEW, [epoch, CLAIM_TTL_MS, this.#time()]);
    if (word === 'fenced') throw fenced(uid, epoch, rest);
  }

  async release({ uid, epoch }: Claim): Promise<void> {
    await this.#script(uid, RELEASE, [epoch, keysOf(this.#prefix, uid).freed]);
  }

  untilFree(uid: string, onHeld: (holder: string) => void, signal: AbortSignal): Promise<void> {
    const { freed } = keysOf(this.#prefix, uid);
    const look = async (): Promise<Held | undefined> => {
      const { word, rest } = await this.#script(uid, HOLDER, [this.#time()]);
      return word === 'held' ? { holder: String(rest[0]), leftMs: numberAt(rest, 1) } : undefined;
    };
    // Also when the subscription begins, or begins anew, since news may have been missed before.
    return untilFree({ look, listen: (hear) => this.#news.listen(freed, hear), onHeld, signal });
  }

  async append(uid: string, epoch: number, expectedSeq: number, events: readonly NewEvent[]): Promise<SessionEvent[]> {
    const stored = events.map((event, index) => ({ ...event, seq: expectedSeq + 1 + index, epoch, format: FORMAT }));
    const rows = stored.map((event) => JSON.stringify(event));
    const { news } = keysOf(this.#prefix, uid);
    const seen = this.#seen.get(uid) ?? 0;
    const { word, rest } = await this.#script(uid, APPEND, [epoch, expectedSeq, seen, news, ...rows]);
    if (word === 'fenced') throw fenced(uid, epoch, rest);
    if (word === 'sequence') {
      const last = numberAt(rest, 0);
      throw new SequenceError(`session ${uid}: an append after event ${expectedSeq}, but the last event is ${last}`);
    }
    this.#refuse(uid, word, rest);
    this.#see(uid, expectedSeq + stored.length);
    return stored;
  }

  async read(uid: string, afterSeq: number, limit = Number.POSITIVE_INFINITY): Promise<SessionEvent[]> {
    const events: SessionEvent[] = [];
    for (let cursor = afterSeq; ; ) {
      const wanted = Math.min(PAGE, limit - events.length);
      const page = wanted > 0 ? await this.#page(uid, cursor, wanted) : undefined;
      events.push(...(page?.events ?? []));
      cursor += page?.events.length ?? 0;
      if (!page || page.events.length === 0 || cursor >= page.lastSeq) return events;
    }
  }

  async head(uid: string): Promise<{ epoch: number; lastSeq: number }> {
    const { epoch, lastSeq } = await this.#page(uid, 0, 0);
    return { epoch, lastSeq };
  }

  subscribe(uid: string, afterSeq: number, signal: AbortSignal): AsyncIterable<SessionEvent> {
    const { news } = keysOf(this.#prefix, uid);
    return follow({
      uid,
      afterSeq,
      signal,
      closed: this.#closed.signal,
      page: (cursor) => this.#page(uid, cursor, PAGE),
      listen: (hear) => this.#news.listen(news, hear),
    });
  }

  async delete(uid: string): Promise<void> {
    await this.#script(uid, DELETE, [keysOf(this.#prefix, uid).news]);
    this.#seen.delete(uid);
  }

  async sessions(): Promise<string[]> {
    const { pattern, uidOf } = keysLike(this.#prefix, 'claim');
    const found = new Set<string>();
    for (let cursor = '0'; ; ) {
      const [next, keys] = await this.#commands.run((redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT));
      for (const key of keys) found.add(uidOf(key));
      if (next === '0') return [...found].sort();
      cursor = next;
    }
  }

  /** Waits for what was asked for until now; every operation after it, and every subscription, fails with LogUnavailable. */
  async close(): Promise<void> {
    await this.#commands.close();
    this.#closed.abort(new LogUnavailableError(`the event log in ${this.#commands.where} is closed`));
    await this.#news.close();
  }

  async #page(uid: string, afterSeq: number, limit: number): Promise<{ epoch: number; lastSeq: number; events: SessionEvent[] }> {
    const { rest } = await this.#script(uid, READ, [afterSeq, limit]);
    const events = textsAt(rest, 2).map((json, index) => parseStoredEvent(uid, afterSeq + 1 + index, json));
    return { epoch: numberAt(rest, 0), lastSeq: numberAt(rest, 1), events };
  }

  /** Sent as text each time: it is smaller than an event, and nothing has to be known of what a server keeps. */
  async #script(uid: string, script: string, args: readonly (string | number)[]): Promise<{ word: string; rest: unknown[] }> {
    const { claim, events } = keysOf(this.#prefix, uid);
    return answerOf(await this.#commands.run((redis) => redis.eval(script, 2, claim, events, ...args)));
  }

  /** @throws LogDamagedError when what is stored cannot be what was stored */
  #refuse(uid: string, word: string, rest: readonly unknown[]): void {
    const { where } = this.#commands;
    if (word === 'lost') {
      throw new LogDamagedError(
        `session ${uid}: the event log ends at ${numberAt(rest, 0)}, but ${this.#seen.get(uid)} events were in it before: ${where} lost acknowledged writes. Restore its data, or create the session again.`,
      );
    }
    if (word === 'torn') {
      throw new LogDamagedError(
        `session ${uid}: ${numberAt(rest, 0)} events were written and ${numberAt(rest, 1)} are there: somebody removed keys from ${where}. Restore its data, or create the session again.`,
      );
    }
  }

  #see(uid: string, lastSeq: number): void {
    const seen = Math.max(lastSeq, this.#seen.get(uid) ?? 0);
    this.#seen.delete(uid);
    this.#seen.set(uid, seen);
    if (this.#seen.size <= REMEMBERED) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  /** A server that was set up anew is another one. Says each thing once. */
  async #look(redis: Redis): Promise<void> {
    this.#findings = await durabilityFindings(redis);
    for (const finding of this.#findings) {
      if (!this.#told.has(finding)) this.#logger.warn(`the event log in ${this.#commands.where} is at risk: ${finding}`);
      this.#told.add(finding);
    }
  }

  /** The time that is held, or nothing. */
  #time(): string {
    return this.#now === undefined ? '' : String(this.#now());
  }
}

function fenced(uid: string, epoch: number, rest: readonly unknown[]): FencedError {
  const holder = String(rest[1]);
  const now = holder === '' ? 'nobody holds it' : `${holder} holds it with epoch ${numberAt(rest, 0)}`;
  return new FencedError(`session ${uid}: epoch ${epoch} has ended, ${now}`);
}
