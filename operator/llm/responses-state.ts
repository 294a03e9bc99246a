/**
 * What an answer of the Responses API holds beside text and calls, and in which order: needed to say it all again the way
 * it was said. Texts and calls themselves are not kept twice: the message has them.
 */
import type { OpenAI } from 'openai';
import type { Message } from './provider.ts';

type InputItem = OpenAI.Responses.ResponseInputItem;
type AssistantMessage = Extract<Message, { role: 'assistant' }>;
type Phase = 'commentary' | 'final_answer';

export type ResponsesStateItem =
  | { type: 'reasoning'; id: string; encrypted: string; summary: string[] }
  /** One of the messages that the text was put together from. */
  | { type: 'text'; from: number; length: number; phase?: Phase }
  | { type: 'call'; id: string };

/** The assistant's message as input items. Without items of the provider's own, text comes before calls. */
export function replay(message: AssistantMessage, stored: readonly unknown[]): InputItem[] {
  const items = stored.flatMap((item) => asItem(item) ?? []);
  const out: InputItem[] = [];
  let said = 0;
  const say = (content: string, phase?: Phase) => {
    if (content !== '') out.push({ role: 'assistant', content, ...(phase && { phase }) });
  };
  const left = new Map(message.calls.map((call) => [call.id, call]));
  for (const item of items) {
    if (item.type === 'reasoning') {
      out.push({
        type: 'reasoning',
        id: item.id,
        encrypted_content: item.encrypted,
        summary: item.summary.map((text) => ({ type: 'summary_text', text })),
      });
    } else if (item.type === 'text') {
      said = item.from + item.length;
      say(message.text.slice(item.from, said), item.phase);
    } else {
      const call = left.get(item.id);
      if (call) out.push(callItem(call));
      left.delete(item.id);
    }
  }
  say(message.text.slice(said));
  for (const call of left.values()) out.push(callItem(call));
  return withoutLooseReasoning(out);
}

function callItem(call: AssistantMessage['calls'][number]): InputItem {
  return { type: 'function_call', call_id: call.id, name: call.name, arguments: call.arguments };
}

/** The API refuses reasoning that nothing follows. */
function withoutLooseReasoning(items: InputItem[]): InputItem[] {
  let end = items.length;
  while (end > 0 && items[end - 1]?.type === 'reasoning') end--;
  return end === items.length ? items : items.slice(0, end);
}

function asItem(value: unknown): ResponsesStateItem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, id, encrypted, summary, from, length, phase }: Partial<Record<string, unknown>> = { ...value };
  if (type === 'reasoning' && typeof id === 'string' && typeof encrypted === 'string') {
    const texts = Array.isArray(summary) ? summary.filter((text) => typeof text === 'string') : [];
    return { type, id, encrypted, summary: texts };
  }
  if (type === 'text' && typeof from === 'number' && typeof length === 'number') {
    return { type, from, length, ...((phase === 'commentary' || phase === 'final_answer') && { phase }) };
  }
  if (type === 'call' && typeof id === 'string') return { type, id };
  return undefined;
}
