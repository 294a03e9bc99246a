/** Gives a role the instructions of a folder that it has looked into for the first time. */
import { GUIDE_BYTES, guideWords, readGuide, roomForNested } from '../../agent/nested-guides.ts';
import type { ActionContext } from './context.ts';

/** Less room than this is not worth a beginning. */
const LEAST_BYTES = 512;

export async function handGuide({ guide }: { guide: string }, context: ActionContext): Promise<void> {
  const { deps, session, signal } = context;
  const { conversation } = context.state;
  if (!conversation) throw new Error('no conversation is open');
  // Whatever is wrong with the model shows when it is called.
  const binding = await deps.models.bind(session, conversation.profile, signal).catch(() => undefined);
  signal.throwIfAborted();
  const held = conversation.turns.filter((turn) => turn.kind === 'note' && turn.reason === 'instructions');
  const room =
    roomForNested(binding?.contextWindow) -
    held.reduce((sum, turn) => sum + Buffer.byteLength(turn.kind === 'note' ? turn.text : ''), 0);
  const bytes = Math.min(GUIDE_BYTES, room);
  const text =
    bytes < LEAST_BYTES
      ? '[There is no room to show them here. Read them before you change something there.]'
      : await readGuide(await context.sandbox(), guide, bytes, signal);
  context.emit({
    type: 'note.added',
    conversation: conversation.id,
    reason: 'instructions',
    text: guideWords(guide, text),
    guide,
  });
}
