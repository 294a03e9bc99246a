/**
 * What an answer of Gemini's holds beside text and calls: signatures of thoughts, each of which has to come back in the very
 * part in which it came. Texts and calls are not kept twice: the message has them.
 */
import type { Part } from '@google/genai/web';
import { argumentsObject } from './call-arguments.ts';
import type { Message, ToolCall } from './provider.ts';

type AssistantMessage = Extract<Message, { role: 'assistant' }>;

export type GeminiStateItem =
  /** One of the parts that the text was put together from; length 0 carries nothing but its signature. */
  { type: 'text'; length: number; signature?: string } | { type: 'call'; id: string; signature?: string };

/** What Google says to send with calls that Gemini did not make or whose signature is gone. */
export const NO_SIGNATURE = 'skip_thought_signature_validator';

/** The assistant's message as parts. Without items of the provider's own, text comes before calls. */
export function replayParts(message: AssistantMessage, stored: readonly unknown[], needsSignature: boolean): Part[] {
  const out: Part[] = [];
  let said = 0;
  const left = new Map(message.calls.map((call) => [call.id, call]));
  for (const value of stored) {
    const item = asItem(value);
    const signed = item?.signature === undefined ? {} : { thoughtSignature: item.signature };
    if (item?.type === 'text') {
      out.push({ text: message.text.slice(said, said + item.length), ...signed });
      said += item.length;
    } else if (item?.type === 'call') {
      const call = left.get(item.id);
      if (call) out.push({ ...callPart(call), ...signed });
      left.delete(item.id);
    }
  }
  if (said < message.text.length) out.push({ text: message.text.slice(said) });
  for (const call of left.values()) out.push(callPart(call));
  // Of parallel calls only the first is signed.
  const first = out.find((part) => part.functionCall);
  if (first && needsSignature && first.thoughtSignature === undefined) first.thoughtSignature = NO_SIGNATURE;
  return out;
}

function callPart(call: ToolCall): Part {
  return { functionCall: { id: call.id, name: call.name, args: argumentsObject(call.arguments) } };
}

function asItem(value: unknown): GeminiStateItem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, length, id, signature }: Partial<Record<string, unknown>> = { ...value };
  const signed = typeof signature === 'string' ? { signature } : {};
  if (type === 'text' && typeof length === 'number') return { type, length, ...signed };
  if (type === 'call' && typeof id === 'string') return { type, id, ...signed };
  return undefined;
}
