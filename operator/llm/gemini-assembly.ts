/** An answer put together from the chunks of a stream of Gemini's. */
import { randomBytes } from 'node:crypto';
import type { GeminiStateItem } from './gemini-state.ts';
import { AnswerFailedError, CutOffError } from './model-connection.ts';
import type { ModelAnswer, ModelRequest, ToolCall, Usage } from './provider.ts';
import { estimateUsage } from './tokens.ts';

/** A chunk with nothing taken for granted. */
type Chunk = {
  candidates?: readonly Candidate[] | undefined;
  promptFeedback?: { blockReason?: string | undefined; blockReasonMessage?: string | undefined } | undefined;
  usageMetadata?: WireUsage | undefined;
  modelVersion?: string | undefined;
};
type Candidate = {
  content?: { parts?: readonly Part[] | undefined } | undefined;
  finishReason?: string | undefined;
};
type Part = {
  text?: string | undefined;
  thought?: boolean | undefined;
  thoughtSignature?: string | undefined;
  functionCall?: { id?: string; name?: string; args?: Record<string, unknown> } | undefined;
};
type WireUsage = {
  promptTokenCount?: number | undefined;
  toolUsePromptTokenCount?: number | undefined;
  cachedContentTokenCount?: number | undefined;
  candidatesTokenCount?: number | undefined;
  thoughtsTokenCount?: number | undefined;
};

/** Endings of an answer that the model failed to put into words; asked again, it often does better. */
const FAILED = /^(MALFORMED_|UNEXPECTED_TOOL_CALL|TOO_MANY_TOOL_CALLS|OTHER$|FINISH_REASON_UNSPECIFIED)/;

export class GeminiAssembly {
  readonly #origin: string;
  readonly #onText: ((delta: string) => void) | undefined;
  readonly #calls: ToolCall[] = [];
  readonly #items: GeminiStateItem[] = [];
  #text = '';
  #model: string | undefined;
  #usage: WireUsage | undefined;
  #finish: string | undefined;
  #blocked: string | undefined;

  constructor(origin: string, onText: ((delta: string) => void) | undefined) {
    this.#origin = origin;
    this.#onText = onText;
  }

  add(chunk: Chunk): void {
    this.#model ??= chunk.modelVersion || undefined;
    // Reported with every chunk, growing; the last one counts.
    this.#usage = chunk.usageMetadata ?? this.#usage;
    const { blockReason, blockReasonMessage } = chunk.promptFeedback ?? {};
    if (blockReason) this.#blocked = blockReasonMessage || `The provider's filter refused the request (${blockReason}).`;
    const candidate = chunk.candidates?.[0];
    for (const part of candidate?.content?.parts ?? []) this.#addPart(part);
    this.#finish = candidate?.finishReason || this.#finish;
  }

  /** @throws CutOffError, AnswerFailedError */
  answer(request: ModelRequest): ModelAnswer {
    const finish = this.#finish;
    if (this.#blocked === undefined && finish === undefined)
      throw new CutOffError('the connection ended before the answer was complete');
    if (finish !== undefined && FAILED.test(finish))
      throw new AnswerFailedError('server_error', `the answer ended with ${finish}`);
    const refused = this.#blocked !== undefined || (finish !== 'STOP' && finish !== 'MAX_TOKENS');
    const text = this.#blocked ?? (this.#text || (refused ? `The provider's filter ended the answer (${finish}).` : ''));
    const calls = refused ? [] : this.#calls;
    // Order alone needs no keeping: text before calls is what comes out without state.
    const signed = !refused && this.#items.some(({ signature }) => signature !== undefined);
    return {
      text,
      calls,
      ...(signed && { state: { provider: this.#origin, model: request.model, items: this.#items } }),
      stop: refused ? 'refusal' : finish === 'MAX_TOKENS' ? 'length' : calls.length ? 'calls' : 'end',
      usage: usageOf(this.#usage) ?? estimateUsage(request, { text, calls }),
      model: this.#model ?? request.model,
    };
  }

  #addPart(part: Part): void {
    const signed = part.thoughtSignature === undefined ? {} : { signature: part.thoughtSignature };
    if (part.functionCall) {
      const { id, name = '', args = {} } = part.functionCall;
      const call = { id: id || `call_${randomBytes(12).toString('hex')}`, name, arguments: JSON.stringify(args) };
      this.#calls.push(call);
      this.#items.push({ type: 'call', id: call.id, ...signed });
    } else if (part.text !== undefined && part.thought !== true) {
      this.#text += part.text;
      if (part.text !== '') this.#onText?.(part.text);
      const last = this.#items.at(-1);
      // A part with a signature must not be joined with another.
      if (last?.type === 'text' && last.signature === undefined && signed.signature === undefined)
        last.length += part.text.length;
      else this.#items.push({ type: 'text', length: part.text.length, ...signed });
    }
  }
}

function usageOf(wire: WireUsage | undefined): Usage | undefined {
  if (typeof wire?.promptTokenCount !== 'number') return undefined;
  const thoughts = wire.thoughtsTokenCount ?? 0;
  return {
    inputTokens: wire.promptTokenCount + (wire.toolUsePromptTokenCount ?? 0),
    cachedInputTokens: wire.cachedContentTokenCount ?? 0,
    outputTokens: (wire.candidatesTokenCount ?? 0) + thoughts,
    reasoningTokens: thoughts,
  };
}
