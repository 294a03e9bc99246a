/** What becomes of a session when an action could not be done: tried again after a while, paused, or failed with words for the user. */
import { GitError } from '../sandbox/git/git.ts';
import { SandboxUnavailableError } from '../sandbox/transport.ts';
import { BlobMissingError, BlobTooLargeError, BlobUnavailableError } from './blob.ts';
import type { PauseReason } from './event-parts.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import { LogDamagedError, LogUnavailableError } from './log.ts';
import { ModelUnavailableError } from './ports.ts';

/** passing: the same may succeed later without anybody changing anything; `pause` is why the session pauses when it does not. */
export type Fault = PassingFault | FinalFault;
/** `retryAt`: before when the same would fail again, in ms since 1970, where that is known. */
type PassingFault = { kind: 'passing'; pause: PauseReason; reason: string; message: string; retryAt?: number | undefined };
type FinalFault = { kind: 'final'; reason: string; message: string };

const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 60_000;
/** However long somebody asks to wait. */
const LONGEST_ASKED_MS = 10 * 60_000;
/** Tries in a row, eight minutes together, before the session pauses. */
export const MAX_TRIES = 12;

/** Milliseconds to wait after the n-th failed try in a row, counted from 1; `askedMs`: at least that long, within ten minutes. */
export function delayAfter(tries: number, firstMs = FIRST_DELAY_MS, askedMs = 0): number {
  return Math.max(Math.min(LONGEST_DELAY_MS, firstMs * 2 ** (tries - 1)), Math.min(askedMs, LONGEST_ASKED_MS));
}

/** The fault that an error stands for; undefined when it is none that a session is prepared for. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof SandboxUnavailableError) {
    const { reason, message, permanent, retryAt } = error;
    if (permanent) return { kind: 'final', reason, message };
    return { kind: 'passing', pause: reason === 'StorageFull' ? 'StorageFull' : 'SandboxUnavailable', reason, message, retryAt };
  }
  if (error instanceof GitError) {
    const { reason, message, transient } = error;
    if (reason === 'StorageFull') return { kind: 'passing', pause: 'StorageFull', reason, message };
    return transient ? { kind: 'passing', pause: 'RepositoryUnavailable', reason, message } : { kind: 'final', reason, message };
  }
  // Its Secret went away in this moment; the next look at the profiles says so.
  if (error instanceof ModelUnavailableError) {
    const { reason, message } = error;
    return { kind: 'passing', pause: 'ProviderAccess', reason, message };
  }
  const { message } = error instanceof Error ? error : { message: '' };
  if (error instanceof BlobUnavailableError)
    return { kind: 'passing', pause: 'StorageFull', reason: 'StorageUnavailable', message };
  if (error instanceof BlobTooLargeError) return { kind: 'final', reason: 'TooLargeToStore', message };
  if (error instanceof BlobMissingError) return { kind: 'final', reason: 'StorageDamaged', message };
  return undefined;
}

/** A condition reason for what ends a task. */
export function troubleOf(error: unknown): string {
  if (error instanceof LogUnavailableError) return 'LogUnavailable';
  return error instanceof LogDamagedError || error instanceof ImpossibleLogError ? 'LogDamaged' : 'EngineError';
}
