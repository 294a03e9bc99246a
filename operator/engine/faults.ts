/** What becomes of a session when an action could not be done: tried again after a while, paused, or failed with words for the user. */
import { GitError } from '../sandbox/git/git.ts';
import { SandboxUnavailableError } from '../sandbox/transport.ts';
import { BlobMissingError, BlobTooLargeError, BlobUnavailableError } from './blob.ts';
import type { PauseReason } from './event-parts.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import { LogDamagedError, LogUnavailableError } from './log.ts';
import { ModelUnavailableError } from './ports.ts';

/** passing: the same may succeed later without anybody changing anything; `pause` is why the session pauses when it does not. */
export type Fault = { kind: 'passing'; pause: PauseReason; reason: string; message: string } | FinalFault;
type FinalFault = { kind: 'final'; reason: string; message: string };

const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 60_000;
/** Tries in a row, eight minutes together, before the session pauses. */
export const MAX_TRIES = 12;

/** Milliseconds to wait after the n-th failed try in a row, counted from 1. */
export function delayAfter(tries: number, firstMs = FIRST_DELAY_MS): number {
  return Math.min(LONGEST_DELAY_MS, firstMs * 2 ** (tries - 1));
}

/** The fault that an error stands for; undefined when it is none that a session is prepared for. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof SandboxUnavailableError) {
    const { reason, message, permanent } = error;
    if (permanent) return { kind: 'final', reason, message };
    return { kind: 'passing', pause: reason === 'StorageFull' ? 'StorageFull' : 'SandboxUnavailable', reason, message };
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
