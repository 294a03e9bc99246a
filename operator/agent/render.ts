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
    const said = keptWords(conversation);
    const summary = await texts.load(conversation.summary);
    messages.push({
      role: 'user',
      text: `${said ? `${said}\n\n` : ''}The conversation up to here was cut for length. Your hand-over to yourself:\n\n${summary}`,
    });
  }
  for (const turn of conversation.turns.slice(conversation.keepFrom)) messages.push(await message(turn, texts));
  return { system: await texts.load(conversation.system), messages };
}

/** What a summary never replaces, word for word: the user's messages and the instructions of folders. */
export function keptWords({ turns, keepFrom }: Conversation): string {
  const kept = turns.slice(0, keepFrom).filter((turn) => turn.kind === 'note');
  return kept
    .filter(({ reason }) => reason === 'steering' || reason === 'instructions')
    .map(({ text }) => text)
    .join('\n\n');
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
