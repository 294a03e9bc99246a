/** Checkpoints folded into the part of the state that knows what a new sandbox can be made from. */
import type { ConversationRole } from './event-parts.ts';
import type { EventOf, SessionEvent } from './events.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import type { SessionState } from './state.ts';

type Part = Partial<Pick<SessionState, 'checkpoint' | 'checkpointProblem' | 'touched'>>;

const CHANGING: ReadonlySet<string> = new Set(['bash', 'edit_file', 'write_file', 'apply_patch']);

/** Whether a tool of a role may change what is to be kept: what planner and reviewer leave behind is undone. */
export function mayTouch(role: ConversationRole, tool: string): boolean {
  return role === 'programmer' && CHANGING.has(tool);
}

/** @throws ImpossibleLogError */
export function foldCheckpoint(
  { checkpoint: before }: SessionState,
  event: SessionEvent & (EventOf<'checkpoint.saved'> | EventOf<'checkpoint.failed'>),
): Part {
  if (event.type === 'checkpoint.failed') return { checkpointProblem: event.message };
  const saved = { touched: false, checkpointProblem: undefined };
  const { commit, tree, bundle, onto } = event;
  if (!bundle) return saved;
  if (onto === undefined) return { ...saved, checkpoint: { commit, tree, bundles: [bundle] } };
  if (before?.commit !== onto)
    throw new ImpossibleLogError(event, `the checkpoint before is ${before?.commit ?? 'none'}, not ${onto}`);
  return { ...saved, checkpoint: { commit, tree, bundles: [...before.bundles, bundle] } };
}
