/**
 * Appends a session's events and keeps the state that they fold to. Events are folded when they happen and reach the disk
 * with the next flush, so that a result and the intent that follows it share one write. `flush` must have resolved before
 * an effect begins.
 */

import { sleep } from '../clock.ts';
import { describeError, type Logger } from '../logger.ts';
import { type EventBody, FORMAT, type NewEvent, type SessionEvent } from './events.ts';
import { apply } from './fold.ts';
import { type Claim, type EventLog, LogUnavailableError } from './log.ts';
import type { SessionState } from './state.ts';

type Pending = { event: NewEvent; after: SessionState };

const RETRY_MS = [100, 250, 500, 1_000, 2_000, 5_000];

export class Recorder {
  readonly #log: EventLog;
  readonly #claim: Claim;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #onStored: (events: readonly SessionEvent[], state: SessionState) => void;
  readonly #onUnavailable: (message: string | undefined) => void;
  #state: SessionState;
  #stored: number;
  #pending: Pending[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    log: EventLog;
    claim: Claim;
    state: SessionState;
    logger: Logger;
    now: () => number;
    /** Told of events once they are on disk, with the state after them: what others may see. */
    onStored: (events: readonly SessionEvent[], state: SessionState) => void;
    /** Told why the log cannot be written, and undefined once it can again. */
    onUnavailable: (message: string | undefined) => void;
  }) {
    this.#log = options.log;
    this.#claim = options.claim;
    this.#state = options.state;
    this.#stored = options.state.lastSeq;
    this.#logger = options.logger;
    this.#now = options.now;
    this.#onStored = options.onStored;
    this.#onUnavailable = options.onUnavailable;
  }

  /** With everything that was emitted, on disk or not: what decisions are made from. */
  get state(): SessionState {
    return this.#state;
  }

  /** Folds events into the state; the next flush stores them. @throws ImpossibleLogError for an event that cannot be */
  emit(...bodies: EventBody[]): void {
    for (const body of bodies) {
      const event: NewEvent = { time: new Date(this.#now()).toISOString(), ...body };
      const stamped: SessionEvent = { ...event, seq: this.#state.lastSeq + 1, epoch: this.#claim.epoch, format: FORMAT };
      this.#state = apply(this.#state, stamped);
      this.#pending.push({ event, after: this.#state });
    }
  }

  /**
   * Stores what was emitted; resolves once it is on disk. Waits while the log is unavailable.
   * @throws FencedError | SequenceError, and the signal's reason when it aborts while the log is unavailable
   */
  flush(signal: AbortSignal): Promise<void> {
    const write = this.#writing.then(() => this.#write(signal));
    // The next flush starts after this one whatever became of it; its own caller hears of the failure.
    this.#writing = write.catch(() => undefined);
    return write;
  }

  async #write(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; this.#pending.length > 0; ) {
      // A copy: events that are emitted while this write is under way belong to the next.
      const batch = [...this.#pending];
      try {
        const events = batch.map(({ event }) => event);
        const stored = await this.#log.append(this.#claim.uid, this.#claim.epoch, this.#stored, events);
        this.#stored += batch.length;
        this.#pending = this.#pending.slice(batch.length);
        this.#onStored(stored, batch.at(-1)?.after ?? this.#state);
        if (attempt > 0) this.#onUnavailable(undefined);
        attempt = 0;
      } catch (error) {
        if (!(error instanceof LogUnavailableError)) throw error;
        this.#logger.warn('cannot write the event log; trying again', { uid: this.#claim.uid, error: describeError(error) });
        this.#onUnavailable(error.message);
        await sleep(RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)] ?? 5_000, signal);
      }
    }
  }
}
