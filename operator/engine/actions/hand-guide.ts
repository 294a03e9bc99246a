/** Gives a role the instructions of a folder that it has looked into for the first time. */
import { GUIDE_BYTES, guideWords, readGuide, roomForNested } from '../../agent/nested-guides.ts';
import type { Conversation } from '../state.ts';
import type { ActionContext } from './context.ts';

/** Less room than this is not worth a beginning. */
const LEAST_BYTES = 512;

export async function handGuide({ guide }: { guide: string }, context: ActionContext): Promise<void> {
  const { conversation } = context.state;
  if (!conversation) throw new Error('no conversation is open');
  const bytes = Math.min(GUIDE_BYTES, await roomLeft(conversation, context));
  const text =
    bytes < LEAST_BYTES
      ? '[There is no room to show them here. Read them before you change something there.]'
      : await readGuide(await context.sandbox(), guide, bytes, context.signal);
  context.emit({
    type: 'note.added',
    conversation: conversation.id,
    reason: 'instructions',
    text: guideWords(guide, text),
    guide,
  });
}

/**
 * What a call returns that has read the instructions themselves: they are handed over after the results of this answer, where
 * nothing prunes them, and need not stand here too. Undefined when they might not be handed over whole.
 */
export async function insteadOfGuide(
  read: { guides: readonly string[]; path: string; result: string },
  context: ActionContext,
): Promise<string | undefined> {
  const { conversation } = context.state;
  if (!conversation) return undefined;
  const due = new Set([...conversation.guides.due, ...read.guides]);
  if (!due.has(read.path) || Buffer.byteLength(read.result) > GUIDE_BYTES) return undefined;
  const sandbox = await context.sandbox();
  let room = await roomLeft(conversation, context);
  for (const guide of due)
    room -= Buffer.byteLength(guideWords(guide, await readGuide(sandbox, guide, GUIDE_BYTES, context.signal)));
  if (room < 0) return undefined;
  return `${read.path}: you are given its text right after the results of these calls.`;
}

/** Bytes of instructions of folders that the conversation can still take. */
async function roomLeft(conversation: Conversation, { deps, session, signal }: ActionContext): Promise<number> {
  // Whatever is wrong with the model shows when it is called.
  const binding = await deps.models.bind(session, conversation.profile, signal).catch(() => undefined);
  signal.throwIfAborted();
  const held = conversation.turns.filter((turn) => turn.kind === 'note' && turn.reason === 'instructions');
  return (
    roomForNested(binding?.contextWindow) -
    held.reduce((sum, turn) => sum + Buffer.byteLength(turn.kind === 'note' ? turn.text : ''), 0)
  );
}
