/** What the reconciler remembers of a session between two looks at it. All of it can be lost: it is found out anew after a restart. */
import type { AgentSession } from '../api/resources.ts';
import type { ProcessResult } from '../kube/work-queue.ts';
import type { Cleanup, Hold, Snapshot } from './policies.ts';

/** After a write that somebody else was ahead of; the newer object is on its way to the cache. */
export const CONFLICT: ProcessResult = { requeueAfterMs: 20 };

export type SessionRecord = {
  /** The object as it was seen or written last. */
  session: AgentSession;
  /** Versions that our own writes have replaced, until the cache has moved on from them. */
  replaced: Set<string>;
  /** When the status was written last, ms since 1970; 0 when it was not. */
  writtenAt: number;
  /** What was written last of a session whose log is not known here: why nothing happens. */
  held: Hold | undefined;
  handed: Snapshot['handed'];
  cleanup: Cleanup;
  /** Ends a removal that is under way. */
  abortCleanup: AbortController | undefined;
  /** Whether the object is gone, so that a removal that fails is not tried again. */
  vanished: boolean;
  /** How many reviews were announced; undefined until the log was seen for the first time. */
  reviews: number | undefined;
  /** In [0, 1): how much later than others this operator gives back the session's sandbox. */
  late: number;
};

export function newRecord(session: AgentSession, late = 0): SessionRecord {
  return {
    session,
    replaced: new Set(),
    writtenAt: 0,
    held: undefined,
    handed: undefined,
    cleanup: { state: 'none' },
    abortCleanup: undefined,
    vanished: false,
    reviews: undefined,
    late,
  };
}

/**
 * The newest object: what was written last as long as the cache shows a version that our own writes replaced, else what
 * the cache shows. A write is only made over the version it was decided on, so nobody else's can be among those.
 */
export function newest(record: SessionRecord, cached: AgentSession): AgentSession {
  if (record.replaced.has(cached.metadata.resourceVersion ?? '')) return record.session;
  record.replaced.clear();
  record.session = cached;
  return cached;
}

/** Remembers what the server made of a write. */
export function wrote(record: SessionRecord, over: AgentSession, result: AgentSession): void {
  record.session = result;
  record.replaced.add(over.metadata.resourceVersion ?? '');
}

/**
 * Whether somebody took away what was written here of a session that this operator does not know from its log: one that
 * knows it better, or means to. Said again at once, it would be taken away again, and so on for ever.
 */
export function contradicted({ held }: SessionRecord, before: Hold | undefined, now: Hold | undefined): boolean {
  if (!held || now?.reason !== held.reason) return false;
  return before?.reason !== held.reason || before.message !== held.message;
}
