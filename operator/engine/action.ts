/** What a session may do next. */
import type { ConversationRole, RecordedCall } from './event-parts.ts';
import type { EventBody } from './events.ts';

export type Action =
  /** A transition that needs no effect. */
  | { do: 'record'; events: EventBody[] }
  /** Find or make the sandbox and have the repository in it. */
  | { do: 'provision' }
  /** Begin a conversation: gather what the role is told first. */
  | { do: 'open-conversation'; role: ConversationRole }
  | { do: 'call-model'; profile: string; diagnose: boolean }
  | { do: 'run-tool'; call: RecordedCall }
  /** Put the worktree back to a commit, then record. */
  | { do: 'reset-worktree'; commit: string; events: EventBody[] }
  | { do: 'commit' }
  | { do: 'verify'; command: string; tree: string }
  | { do: 'publish'; commit: string }
  /** Something is due later; a change of the object may come first. */
  | { do: 'wait'; until: number; reason: string; message: string }
  /** Only a change of the object can move the session on. */
  | { do: 'idle' };

/** A transition that needs no effect. */
export function record(...events: EventBody[]): Action {
  return { do: 'record', events };
}
