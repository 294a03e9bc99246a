/** A log that cannot be folded. */
import type { SessionEvent } from './events.ts';

/** The log holds something that cannot have happened in this order, or that this operator is too old to read. */
export class ImpossibleLogError extends Error {
  override readonly name = 'ImpossibleLogError';
  readonly seq: number;
  constructor(event: SessionEvent, why: string) {
    super(`event ${event.seq} (${event.type}) of the session's log: ${why}`);
    this.seq = event.seq;
  }
}
