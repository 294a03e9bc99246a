/** What the reconciler remembers of a session between two looks at it. All of it can be lost: it is found out anew after a restart. */
import type { AgentSession } from '../api/resources.ts';
import type { Cleanup, Snapshot } from './policies.ts';

export type SessionRecord = {
  /** The object as it was seen or written last. */
  session: AgentSession;
  /** Versions that our own writes have replaced, until the cache has moved on from them. */
  replaced: Set<string>;
  /** When the status was written last, ms since 1970; 0 when it was not. */
  writtenAt: number;
  handed: Snapshot['handed'];
  cleanup: Cleanup;
  /** Ends a removal that is under way. */
  abortCleanup: AbortController | undefined;
  /** How many reviews were announced; undefined until the log was seen for the first time. */
  reviews: number | undefined;
};

export function newRecord(session: AgentSession): SessionRecord {
  return {
    session,
    replaced: new Set(),
    writtenAt: 0,
    handed: undefined,
    cleanup: { state: 'none' },
    abortCleanup: undefined,
    reviews: undefined,
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
