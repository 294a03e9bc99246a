/** A conversation as it is sent to a model: a projection of its turns, the same every time. */
import type { Conversation, Turn } from '../engine/state.ts';
import { isBlob, type TextStore } from '../engine/text.ts';
import type { Message, ProviderState } from '../llm/provider.ts';

const PRUNED_CHARS = 240;

/** System text and messages of the next call. Blobs are read through the text store. */
export async function renderConversation(
  conversation: Conversation,
  texts: TextStore,
): Promise<{ system: string; messages: Message[] }> {
  const messages: Message[] = [{ role: 'user', text: await texts.load(conversation.opening) }];
  if (conversation.summary !== undefined) {
    const kept = conversation.turns
      .slice(0, conversation.keepFrom)
      .filter((turn) => turn.kind === 'note' && turn.reason === 'steering');
    const said = kept.map((turn) => (turn.kind === 'note' ? turn.text : '')).join('\n\n');
    const summary = await texts.load(conversation.summary);
    messages.push({
      role: 'user',
      text: `${said ? `${said}\n\n` : ''}The conversation up to here was cut for length. Your hand-over to yourself:\n\n${summary}`,
    });
  }
  for (const turn of conversation.turns.slice(conversation.keepFrom)) messages.push(await message(turn, texts));
  return { system: await texts.load(conversation.system), messages };
}

async function message(turn: Turn, texts: TextStore): Promise<Message> {
  switch (turn.kind) {
    case 'note':
      return { role: 'user', text: turn.text };
    case 'result': {
      const text = await texts.load(turn.text);
      return { role: 'tool', callId: turn.callId, name: turn.name, text: turn.pruned ? pruned(text) : text };
    }
    case 'assistant': {
      const calls = await Promise.all(turn.calls.map(async (call) => ({ ...call, arguments: await texts.load(call.arguments) })));
      const state: ProviderState | undefined = isBlob(turn.state) ? JSON.parse(await texts.load(turn.state)) : turn.state;
      return { role: 'assistant', text: await texts.load(turn.text), calls, ...(state ? { state } : {}) };
    }
  }
}

function pruned(text: string): string {
  if (text.length <= PRUNED_CHARS) return text;
  return `${text.slice(0, PRUNED_CHARS)}…\n[The rest of this old result is left out to save space. Call the tool again if it is needed.]`;
}
