/** What a session's phase is called and looks like, in one place for every view. */

export type Tone = 'idle' | 'busy' | 'ok' | 'warn' | 'bad';
export type StatusMark =
  | 'queued'
  | 'working'
  | 'waiting'
  | 'paused'
  | 'completed'
  | 'unverified'
  | 'failed'
  | 'cancelled'
  | 'deleting';
export type StatusLook = { label: string; tone: Tone; mark: StatusMark };

const WAITING: StatusLook = { label: 'Waiting for you', tone: 'warn', mark: 'waiting' };

const LOOKS: Readonly<Record<string, StatusLook>> = {
  Queued: { label: 'Queued', tone: 'idle', mark: 'queued' },
  Provisioning: { label: 'Preparing', tone: 'busy', mark: 'working' },
  Planning: { label: 'Planning', tone: 'busy', mark: 'working' },
  WaitingForUser: WAITING,
  Programming: { label: 'Programming', tone: 'busy', mark: 'working' },
  Reviewing: { label: 'Reviewing', tone: 'busy', mark: 'working' },
  Publishing: { label: 'Publishing', tone: 'busy', mark: 'working' },
  Completed: { label: 'Completed', tone: 'ok', mark: 'completed' },
  Paused: { label: 'Paused', tone: 'warn', mark: 'paused' },
  Failed: { label: 'Failed', tone: 'bad', mark: 'failed' },
  Cancelled: { label: 'Cancelled', tone: 'idle', mark: 'cancelled' },
};

const UNKNOWN: StatusLook = { label: 'Working', tone: 'busy', mark: 'working' };

/** @param session what lists and views say of it */
export function statusLook(session: {
  phase: string;
  deleted_at?: string | null;
  result?: { verified: boolean } | null;
}): StatusLook {
  if (session.deleted_at) return { label: 'Being deleted', tone: 'idle', mark: 'deleting' };
  if (session.phase === 'Completed' && session.result && !session.result.verified) {
    return { label: 'Unverified', tone: 'idle', mark: 'unverified' };
  }
  return LOOKS[session.phase] ?? UNKNOWN;
}
