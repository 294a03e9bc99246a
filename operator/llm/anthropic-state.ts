/**
 * What an answer of Anthropic's holds beside text and calls, and in which order: thoughts have to come back unchanged and
 * where they were. Texts and calls are not kept twice: the message has them.
 */
import type { Anthropic } from '@anthropic-ai/sdk';
import { argumentsObject } from './call-arguments.ts';
import type { Message, ToolCall } from './provider.ts';

type Block = Anthropic.Messages.ContentBlockParam;
type AssistantMessage = Extract<Message, { role: 'assistant' }>;

export type AnthropicStateItem =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'redacted_thinking'; data: string }
  /** One of the blocks that the text was put together from. */
  | { type: 'text'; length: number }
  | { type: 'call'; id: string };

/** The assistant's message as content blocks. Without items of the provider's own, text comes before calls. */
export function replayBlocks(message: AssistantMessage, stored: readonly unknown[]): Block[] {
  const out: Block[] = [];
  let said = 0;
  const say = (text: string) => {
    // The API refuses blocks of white space.
    if (text.trim() !== '') out.push({ type: 'text', text });
  };
  const left = new Map(message.calls.map((call) => [call.id, call]));
  for (const value of stored) {
    const item = asItem(value);
    if (item?.type === 'thinking' || item?.type === 'redacted_thinking') out.push({ ...item });
    else if (item?.type === 'text') {
      say(message.text.slice(said, said + item.length));
      said += item.length;
    } else if (item?.type === 'call') {
      const call = left.get(item.id);
      if (call) out.push(callBlock(call));
      left.delete(item.id);
    }
  }
  say(message.text.slice(said));
  for (const call of left.values()) out.push(callBlock(call));
  return out;
}

/** Ids of other providers may hold characters that this one refuses. */
export function callId(id: string): string {
  return id.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || '_';
}

function callBlock(call: ToolCall): Block {
  return { type: 'tool_use', id: callId(call.id), name: call.name, input: argumentsObject(call.arguments) };
}

function asItem(value: unknown): AnthropicStateItem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, thinking, signature, data, length, id }: Partial<Record<string, unknown>> = { ...value };
  if (type === 'thinking' && typeof thinking === 'string' && typeof signature === 'string') return { type, thinking, signature };
  if (type === 'redacted_thinking' && typeof data === 'string') return { type, data };
  if (type === 'text' && typeof length === 'number') return { type, length };
  if (type === 'call' && typeof id === 'string') return { type, id };
  return undefined;
}
