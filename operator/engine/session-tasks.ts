/** The engine as the controller sees it: sessions run outside of reconcile workers. */
import type { AgentSession } from '../api/resources.ts';
import type { EventType } from './events.ts';
import type { SessionState } from './state.ts';

export type SessionKey = { namespace: string; name: string; uid: string };

export type SessionView = {
  /** The folded state of the session's log. */
  state: SessionState;
  /** Whether a task works on it here now. */
  running: boolean;
  /** Whether the session is somebody else's, or nobody's, as far as this process knows. */
  unclaimed?: boolean;
  /** Why nothing happens just now, when something outside is waited for. `retryAt` in ms since 1970. */
  waiting?: { reason: string; message: string; retryAt?: number } | undefined;
  /** Whether that is the sandbox. */
  waitsForSandbox?: boolean;
  /** The generation of the object that the state takes into account. */
  observedGeneration: number;
};

export interface SessionTasks {
  /** What is known here of a session; undefined when this process never ran it. */
  view(uid: string): SessionView | undefined;
  /**
   * Starts the session's task, or gives a running one the newest object. Returns at once.
   * @param hold why the session must not be taken before the next call; shown when nobody else has it
   */
  ensure(session: AgentSession, hold?: { reason: string; message: string }): void;
  /** Stops the task, ends running commands or leaves them to be attached to later, and gives the claim back. */
  stop(uid: string, how: 'end-commands' | 'leave-commands', signal: AbortSignal): Promise<void>;
  /**
   * Removes everything of a deleted session that Kubernetes does not: sandbox, log, blobs, claim. The log stays as long as the
   * sandbox does, for whoever looks at the session.
   */
  cleanup(session: AgentSession, signal: AbortSignal): Promise<void>;
  /** Removes what is kept of a session whose sandbox nobody tries to remove any more: log, blobs, claim. */
  forget(uid: string): Promise<void>;
  /** Called when a view changed; `urgent` for a transition that a user waits to see. */
  onChange(listener: (key: SessionKey, urgent: boolean) => void): void;
}

/** Events that a user waits to see at once; others show with the next write of the status. */
export const URGENT: ReadonlySet<EventType> = new Set([
  'session.started',
  'session.paused',
  'session.resumed',
  'session.finished',
  'phase.entered',
  'sandbox.ready',
  'sandbox.lost',
  'sandbox.released',
  'plan.submitted',
  'plan.approved',
  'question.asked',
  'question.answered',
  'publish.finished',
]);
