/**
 * Providers refuse a conversation in which a call has no result, a result has no call, or something stands between the
 * two. An interruption, a crash or a cut for length can leave any of these behind.
 */
import type { Message } from './provider.ts';

const NO_RESULT = 'This call was not carried out: it was interrupted before it began.';

type ToolMessage = Extract<Message, { role: 'tool' }>;

/** The conversation with each call followed at once by exactly one result; the same array when it was so already. */
export function repairConversation(messages: readonly Message[]): readonly Message[] {
  if (isWhole(messages)) return messages;
  const out: Message[] = [];
  const used = new Set<Message>();
  messages.forEach((message, at) => {
    if (used.has(message) || isEmpty(message)) return;
    if (message.role === 'tool') {
      out.push({ role: 'user', text: `Result of an earlier ${message.name} call:\n${message.text}` });
      return;
    }
    out.push(message);
    if (message.role !== 'assistant') return;
    const results = resultsAfter(messages, at);
    for (const call of message.calls) {
      const found = results.filter((result) => result.callId === call.id);
      for (const result of found) used.add(result);
      out.push(found[0] ?? { role: 'tool', callId: call.id, name: call.name, text: NO_RESULT });
    }
  });
  return out;
}

function isWhole(messages: readonly Message[]): boolean {
  const open: string[] = [];
  for (const message of messages) {
    if (isEmpty(message)) return false;
    if (message.role === 'tool') {
      const index = open.indexOf(message.callId);
      if (index < 0) return false;
      open.splice(index, 1);
    } else {
      if (open.length) return false;
      if (message.role === 'assistant') for (const call of message.calls) open.push(call.id);
    }
  }
  return open.length === 0;
}

/** The results between this message of the assistant and its next one. */
function resultsAfter(messages: readonly Message[], at: number): ToolMessage[] {
  const results: ToolMessage[] = [];
  for (const message of messages.slice(at + 1)) {
    if (message.role === 'assistant') break;
    if (message.role === 'tool') results.push(message);
  }
  return results;
}

/** An assistant that said nothing and called nothing: most providers refuse to read that. */
function isEmpty(message: Message): boolean {
  return message.role === 'assistant' && message.text === '' && message.calls.length === 0;
}
