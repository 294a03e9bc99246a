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
  /** Tell the role what the repository says of a folder that it looked into. */
  | { do: 'hand-guide'; guide: string }
  /** Put the worktree back to a commit, then record. */
  | { do: 'reset-worktree'; commit: string; events: EventBody[] }
  | { do: 'commit' }
  /** Run a check on a commit of the platform's; `seconds` is all the time it may take. */
  | { do: 'verify'; command: string; on: CheckTarget; seconds: number }
  /** Put the result's tests alone on the commit that was cloned. */
  | { do: 'isolate-tests'; commit: string }
  | { do: 'publish'; commit: string }
  /** Give back what holds the files of a session that has rested for long. */
  | { do: 'release' }
  /** Something is due later; a change of the object may come first. */
  | { do: 'wait'; until: number; reason: string; message: string }
  /** Only a change of the object can move the session on. */
  | { do: 'idle' };

/** What a check is run on. `tree` where it is known beforehand. */
export type CheckTarget =
  | { stage: undefined; commit: string; tree: string }
  | { stage: 'before'; commit: string }
  /** The tests of that commit alone; `control`: not even these, to see that the check can be run there at all. */
  | { stage: 'without-change'; commit: string; tree: string; control?: true };

/** A transition that needs no effect. */
export function record(...events: EventBody[]): Action {
  return { do: 'record', events };
}
