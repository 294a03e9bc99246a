/**
 * How many tokens a text will be, without a tokenizer: good enough to see before a call whether it can fit. Bytes
 * rather than characters, because a character outside ASCII is about a token and two or three bytes.
 */
import type { ModelRequest, ToolSpec, Usage } from './provider.ts';

const BYTES_PER_TOKEN = 3.5;
/** What the wire adds around each message and each call: roles, ids, separators. */
const MESSAGE_TOKENS = 8;
/** A calibration never moves the estimate further than this, whatever a server reports. */
const LEAST_RATIO = 0.5;
const MOST_RATIO = 2;

const toolTokens = new WeakMap<readonly ToolSpec[], number>();

/** Tokens of a text, estimated. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

/** Tokens that a whole request sends, estimated. Tools are measured once per list. */
export function estimateRequest(request: Pick<ModelRequest, 'system' | 'messages' | 'tools'>): number {
  let tools = toolTokens.get(request.tools);
  if (tools === undefined) {
    tools = request.tools.length ? estimateTokens(JSON.stringify(request.tools)) : 0;
    toolTokens.set(request.tools, tools);
  }
  let tokens = estimateTokens(request.system) + tools;
  for (const message of request.messages) {
    tokens += estimateTokens(message.text) + MESSAGE_TOKENS;
    if (message.role !== 'assistant') continue;
    for (const call of message.calls) tokens += estimateTokens(call.name) + estimateTokens(call.arguments) + MESSAGE_TOKENS;
  }
  return tokens;
}

/**
 * By what to multiply the next estimate, learnt from the last call: what the provider counted over what was estimated.
 * 1 when nothing was learnt.
 */
export function calibration(estimated: number, usage: Usage): number {
  if (estimated <= 0 || usage.inputTokens <= 0) return 1;
  return Math.min(MOST_RATIO, Math.max(LEAST_RATIO, usage.inputTokens / estimated));
}

/** The usage of a call whose server reported none. */
export function estimateUsage(
  request: ModelRequest,
  answer: { text: string; calls: readonly { name: string; arguments: string }[] },
): Usage {
  const calls = answer.calls.reduce((sum, call) => sum + estimateTokens(call.name) + estimateTokens(call.arguments), 0);
  return {
    inputTokens: estimateRequest(request),
    cachedInputTokens: 0,
    outputTokens: estimateTokens(answer.text) + calls,
    reasoningTokens: 0,
  };
}
