/** How many event streams are open: each costs memory and a connection for as long as its reader likes. */
import type { Response } from 'express';
import type { GatewayMetrics } from '../metrics.ts';
import type { Caller } from './caller.ts';
import { Problem } from './problem.ts';

export type StreamLimits = {
  /** Of callers with one name. */
  perCaller: number;
  inAll: number;
};

/** A person with many windows has a tenth of it; where all callers have one name, it is for a whole team. */
export const STREAM_LIMITS: StreamLimits = { perCaller: 200, inAll: 1_000 };

/** When a place is likely to be free again, in seconds. */
const RETRY_AFTER = '10';

export class OpenStreams {
  readonly #metrics: Pick<GatewayMetrics, 'streamOpened'>;
  readonly #limits: StreamLimits;
  readonly #byCaller = new Map<string, number>();
  #all = 0;

  constructor(metrics: Pick<GatewayMetrics, 'streamOpened'>, limits: StreamLimits = STREAM_LIMITS) {
    this.#metrics = metrics;
    this.#limits = limits;
  }

  /** Counts a stream until its answer is closed. @throws Problem 429 when the caller has too many, 503 when there are too many */
  open({ author }: Caller, response: Response): void {
    // Nobody is left to read it, and its end was told already.
    if (response.closed) return;
    const { perCaller, inAll } = this.#limits;
    const own = this.#byCaller.get(author) ?? 0;
    const headers = { 'Retry-After': RETRY_AFTER };
    if (own >= perCaller) {
      const detail = `${perCaller} event streams of ${author} are open, which is the most for one user. Close some, or windows of the page, and try again.`;
      throw new Problem(429, 'too-many-streams', detail, { headers });
    }
    if (this.#all >= inAll) {
      const detail = `${inAll} event streams are open, which is the most that this server keeps. Try again, or read without a stream: watch=false for lists, format=json for events.`;
      throw new Problem(503, 'too-many-streams', detail, { headers });
    }
    this.#all++;
    this.#byCaller.set(author, own + 1);
    response.once('close', () => this.#closed(author));
    this.#metrics.streamOpened(response);
  }

  #closed(author: string): void {
    this.#all--;
    const left = (this.#byCaller.get(author) ?? 1) - 1;
    if (left > 0) this.#byCaller.set(author, left);
    else this.#byCaller.delete(author);
  }
}
