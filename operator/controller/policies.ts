/**
 * What is to be done about a session now: an ordered list of small rules over a snapshot, of which the first that applies
 * decides. Adding a rule is adding a function. What happens within a session is not decided here but in engine/decide.ts.
 */
import { type AgentSession, FINALIZER, type Phase } from '../api/resources.ts';
import type { SessionView } from '../engine/session-tasks.ts';
import type { SessionProfiles } from './profile-resolution.ts';

/** Everything a decision is made on. Times in ms since 1970. */
export type Snapshot = {
  session: AgentSession;
  profiles: SessionProfiles;
  view: SessionView | undefined;
  /** What the engine was given last by this process, and when. */
  handed: { generation: number; profiles: string; at: number } | undefined;
  /** Whether the session may run as far as the number of running sessions goes. */
  slotOpen: boolean;
  maxRunning: number;
  cleanup: Cleanup;
  /** When the sandbox of a session at rest is to be given back, and whether that may begin now. */
  release: { at: number | undefined; open: boolean };
  now: number;
};

/**
 * How far the removal of a deleted session's belongings is. `since`: the first attempt of this process; `error`: why the last
 * one failed; `final`: another would fail as well.
 */
export type Cleanup =
  | { state: 'none' }
  | { state: 'running'; since: number; tries: number; error?: string }
  | { state: 'failed'; since: number; at: number; tries: number; error: string; final: boolean }
  | { state: 'done' };

/** Why a session is not worked on although it wants to be. */
export type Hold = { reason: string; message: string };

export type Decision =
  | { do: 'add-finalizer' }
  /**
   * Give the newest object to the engine. `slot`: it takes a place among the running sessions. `hold`: it has none, and the
   * engine is not to take the session before it has.
   */
  | { do: 'run'; slot: boolean; hold?: Hold }
  /** Start, or start again, to remove what belongs to the session. */
  | { do: 'clean-up' }
  /** `incomplete`: that not everything could be removed, and why. */
  | { do: 'remove-finalizer'; incomplete?: string }
  | { do: 'delete'; reason: string }
  /** Give it to the engine, which gives back its sandbox; it takes no place for that. */
  | { do: 'release' }
  /** Nothing; look again at the latest after a while. */
  | { do: 'rest'; hold?: Hold; waitsForSlot?: true; recheckInMs?: number };

/** A deleted session is let go after this time even if not everything could be removed. */
export const CLEANUP_DEADLINE_MS = 60_000;
/** Doubled with every try. */
const CLEANUP_RETRY_MS = { first: 2_000, most: 16_000 };
/** From then on a removal that is under way is spoken of. */
export const CLEANUP_SLOW_MS = 10_000;
/** A task that ended with work left is not started again before this time, unless the object changed. */
export const RESTART_MS = 5_000;
export const RESTART_AFTER_ERROR_MS = 30_000;

/** Before a sandbox that could not be given back is tried to again. */
export const RELEASE_RETRY_MS = 300_000;
/** How many are given back at the same time, and when those beyond that are looked at again. */
export const MAX_RELEASES = 8;
const RELEASES_FULL_MS = 1_000;

type Policy = (snapshot: Snapshot) => Decision | undefined;

const POLICIES: Policy[] = [
  removed,
  withoutFinalizer,
  expired,
  settled,
  atWork,
  elsewhere,
  endedInTrouble,
  controlled,
  withoutProfile,
  withoutSlot,
];

/** Total: what no rule holds back runs. */
export function decide(snapshot: Snapshot): Decision {
  for (const policy of POLICIES) {
    const decision = policy(snapshot);
    if (decision) return decision;
  }
  return { do: 'run', slot: true };
}

function removed({ session, cleanup, now }: Snapshot): Decision | undefined {
  if (!session.metadata.deletionTimestamp) return undefined;
  // Somebody else's finalizer may keep an object that ours, taken away by hand, no longer does.
  if (!session.metadata.finalizers?.includes(FINALIZER)) return { do: cleanup.state === 'none' ? 'clean-up' : 'rest' };
  switch (cleanup.state) {
    case 'none':
      return { do: 'clean-up' };
    case 'done':
      return { do: 'remove-finalizer' };
    case 'running': {
      const left = cleanup.since + CLEANUP_DEADLINE_MS - now;
      if (left <= 0) return gaveUp(cleanup.error ?? 'it was not done in time');
      if (cleanup.error !== undefined) return { do: 'rest', hold: notRemoved(cleanup.error), recheckInMs: left };
      const quiet = cleanup.since + CLEANUP_SLOW_MS - now;
      return quiet > 0 ? { do: 'rest', recheckInMs: quiet } : { do: 'rest', hold: beingRemoved(), recheckInMs: left };
    }
    case 'failed': {
      if (cleanup.final)
        return { do: 'remove-finalizer', incomplete: `Not everything of the session was removed: ${cleanup.error}` };
      const again = nextCleanupAt(cleanup);
      const left = (again ?? cleanup.since + CLEANUP_DEADLINE_MS) - now;
      if (left > 0) return { do: 'rest', hold: notRemoved(cleanup.error), recheckInMs: left };
      return again !== undefined ? { do: 'clean-up' } : gaveUp(cleanup.error);
    }
    default:
      return cleanup satisfies never;
  }
}

function gaveUp(why: string): Decision {
  return {
    do: 'remove-finalizer',
    incomplete: `Not everything of the session was removed within ${CLEANUP_DEADLINE_MS / 1000} s: ${why}`,
  };
}

/** When a removal that failed is tried again, in ms since 1970; undefined when that was the last try. */
export function nextCleanupAt({ since, at, tries, final }: Omit<Cleanup & { state: 'failed' }, 'error'>): number | undefined {
  const next = at + Math.min(CLEANUP_RETRY_MS.first * 2 ** (tries - 1), CLEANUP_RETRY_MS.most);
  return final || next >= since + CLEANUP_DEADLINE_MS ? undefined : next;
}

const LETS_GO = `${CLEANUP_DEADLINE_MS / 1000} s after the first try the session goes all the same.`;

function notRemoved(error: string): Hold {
  return {
    reason: 'CleanupFailed',
    message: `Not everything of the session could be removed, which is tried again: ${error}. ${LETS_GO}`,
  };
}

function beingRemoved(): Hold {
  return { reason: 'CleanupPending', message: `What belongs to the session is still being removed. ${LETS_GO}` };
}

/** Before anything exists that only the finalizer's owner removes. */
function withoutFinalizer({ session }: Snapshot): Decision | undefined {
  return session.metadata.finalizers?.includes(FINALIZER) ? undefined : { do: 'add-finalizer' };
}

function expired(snapshot: Snapshot): Decision | undefined {
  const due = expiry(snapshot);
  if (due === undefined || snapshot.now < due) return undefined;
  return { do: 'delete', reason: `finished more than ${snapshot.session.spec.ttlSecondsAfterFinished} s ago` };
}

/** Everything that the object says was taken into account, and only a change of it can lead on. */
function settled(snapshot: Snapshot): Decision | undefined {
  if (!isSettled(snapshot.session) || snapshot.view?.running) return undefined;
  const { now } = snapshot;
  const release = nextRelease(snapshot);
  if (release !== undefined && release <= now && snapshot.release.open) return { do: 'release' };
  const due = [expiry(snapshot), release === undefined ? undefined : Math.max(release, now + RELEASES_FULL_MS)];
  const next = Math.min(...due.filter((at) => at !== undefined));
  return Number.isFinite(next) ? { do: 'rest', recheckInMs: next - now } : { do: 'rest' };
}

/** One that came to nothing is not tried again without pause. */
function nextRelease({ release: { at }, handed }: Snapshot): number | undefined {
  if (at === undefined || !handed || handed.at < at) return at;
  return handed.at + RELEASE_RETRY_MS;
}

/** The engine has it, and knows all that there is to know. */
function atWork({ session, view, handed, profiles }: Snapshot): Decision | undefined {
  const current = handed?.generation === (session.metadata.generation ?? 0) && handed.profiles === profiles.fingerprint;
  return view?.running && !view.unclaimed && current ? { do: 'rest' } : undefined;
}

/** Another operator has it: it takes no place here, and is followed only in case that one dies. */
function elsewhere({ view, maxRunning }: Snapshot): Decision | undefined {
  return view && isElsewhere(view) ? { do: 'run', slot: false, hold: noPlace(maxRunning) } : undefined;
}

export function isElsewhere({ running, unclaimed, waiting }: SessionView): boolean {
  return running && unclaimed === true && waiting?.reason === 'Claimed';
}

/** Its task ended and left work: tried again, but not without pause. */
function endedInTrouble({ session, view, handed, now }: Snapshot): Decision | undefined {
  if (!view || view.running || !handed || handed.generation !== (session.metadata.generation ?? 0)) return undefined;
  // A view that is further than the status only has to be written down.
  if (RESTING.has(view.state.phase) && view.observedGeneration === handed.generation) return { do: 'rest' };
  const left = handed.at + (view.waiting ? RESTART_AFTER_ERROR_MS : RESTART_MS) - now;
  if (left <= 0) return undefined;
  return {
    do: 'rest',
    recheckInMs: left,
    ...(view.waiting && { hold: { reason: view.waiting.reason, message: view.waiting.message } }),
  };
}

/** Cancelling and pausing need neither a model nor a place. */
function controlled({ session }: Snapshot): Decision | undefined {
  return session.spec.cancelled || session.spec.suspend ? { do: 'run', slot: false } : undefined;
}

/** Without a model nothing is begun or taken up again; what runs says itself what it misses. */
function withoutProfile({ view, profiles }: Snapshot): Decision | undefined {
  if (profiles.ok || view?.running) return undefined;
  return { do: 'rest', hold: { reason: profiles.reason, message: profiles.message } };
}

function withoutSlot({ slotOpen, maxRunning, view }: Snapshot): Decision | undefined {
  if (slotOpen) return undefined;
  const hold = noPlace(maxRunning);
  // What is ours goes on with what it knows; the news wait for a place.
  if (view?.running && !view.unclaimed) return { do: 'rest', waitsForSlot: true, hold };
  return { do: 'run', slot: false, hold };
}

function noPlace(maxRunning: number): Hold {
  const message = `${maxRunning} ${maxRunning === 1 ? 'session runs' : 'sessions run'} already, which is the operator's limit; this one starts when it is its turn.`;
  return { reason: 'WaitingForSlot', message };
}

/** Phases in which only a change of the object leads on. */
export const RESTING: ReadonlySet<Phase> = new Set(['WaitingForUser', 'Paused', 'Completed', 'Failed', 'Cancelled']);
export const FINISHED: ReadonlySet<Phase> = new Set(['Completed', 'Failed', 'Cancelled']);

/** Whether nothing is to be done about a session that its status does not say already. */
export function isSettled({ metadata, status }: AgentSession): boolean {
  return status?.phase !== undefined && RESTING.has(status.phase) && status.observedGeneration === metadata.generation;
}

function expiry({ session }: Snapshot): number | undefined {
  const { status, spec } = session;
  if (!isSettled(session) || !status?.phase || !FINISHED.has(status.phase)) return undefined;
  if (spec.ttlSecondsAfterFinished === undefined || status.completionTime === undefined) return undefined;
  return Date.parse(status.completionTime) + spec.ttlSecondsAfterFinished * 1000;
}
