/**
 * The event log port. The log is the lock: an append proves with its epoch that the writer still owns the session,
 * and with the expected sequence that it has seen everything that was written. Every adapter passes test/conformance/log.ts.
 */
import type { NewEvent, SessionEvent } from './events.ts';

/** The epoch is not the session's current one: somebody else claimed it. The writer must stop at once. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** The sequence is not the next one although the epoch is right: the writer has missed events. */
export class SequenceError extends Error {
  override readonly name = 'SequenceError';
}

/** The session is claimed by another holder whose claim is still good until `expiresAt` (ms since 1970). */
export class ClaimedError extends Error {
  override readonly name = 'ClaimedError';
  readonly holder: string;
  readonly expiresAt: number;
  constructor(uid: string, holder: string, expiresAt: number) {
    super(`session ${uid} is claimed by ${holder} until ${new Date(expiresAt).toISOString()}`);
    this.holder = holder;
    this.expiresAt = expiresAt;
  }
}

/** The log cannot be reached or cannot write now (disk full, connection refused). Trying again later may succeed. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
}

/**
 * The stored log cannot be trusted or understood: damaged, truncated, or made by a newer version. Nothing was changed on
 * disk and trying again does not help; the message says what a person can do.
 */
export class LogDamagedError extends Error {
  override readonly name = 'LogDamagedError';
}

/** Right to append to one session's log. Good while it is renewed; lost for good once another epoch exists. */
export type Claim = { readonly uid: string; readonly holder: string; readonly epoch: number; readonly lastSeq: number };

/** How long a claim lasts without renewal, in milliseconds. */
export const CLAIM_TTL_MS = 6_000;

export interface EventLog {
  /**
   * Takes the session for `holder` with a new epoch, above every earlier one and above `floor.epoch`.
   * @throws ClaimedError while another holder's claim is good
   * @throws LogUnavailableError
   */
  claim(uid: string, holder: string, floor?: { epoch: number }): Promise<Claim>;
  /**
   * Resolves once nobody's claim on the session is good: never made, run out, or given back, of which it hears within a
   * second. A claim under the waiter's own name counts as well. Cheap enough to wait for thousands of sessions.
   * @param onHeld told who holds it, each time that it is found held
   * @throws LogUnavailableError | the signal's reason
   */
  untilFree(uid: string, onHeld: (holder: string) => void, signal: AbortSignal): Promise<void>;
  /** Extends the claim by CLAIM_TTL_MS. @throws FencedError when the claim was lost */
  renew(claim: Claim): Promise<void>;
  /** Gives the session back; later appends with the claim's epoch fail. Does nothing when the claim was lost already. */
  release(claim: Claim): Promise<void>;
  /**
   * Appends events with consecutive sequence numbers from `expectedSeq + 1` (the first event of a session has 1),
   * all or none, and resolves once they are on disk.
   * @throws FencedError | SequenceError | LogUnavailableError
   */
  append(uid: string, epoch: number, expectedSeq: number, events: readonly NewEvent[]): Promise<SessionEvent[]>;
  /** Events with a sequence above `afterSeq`, in order; at most `limit` (default: all). */
  read(uid: string, afterSeq: number, limit?: number): Promise<SessionEvent[]>;
  /** The last sequence and epoch, {0, 0} for a session that has no log. */
  head(uid: string): Promise<{ epoch: number; lastSeq: number }>;
  /**
   * Events after `afterSeq`, first those stored, then new ones as they are appended, none left out or doubled, until the
   * signal aborts or the session is deleted. A slow reader holds nothing up: what it missed is read from storage.
   * @throws LogUnavailableError when the log is closed meanwhile
   */
  subscribe(uid: string, afterSeq: number, signal: AbortSignal): AsyncIterable<SessionEvent>;
  /** Removes the session's events and claim. */
  delete(uid: string): Promise<void>;
  /** UIDs that have a log. */
  sessions(): Promise<string[]>;
  close(): Promise<void>;
}
