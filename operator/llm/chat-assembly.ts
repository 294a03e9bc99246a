/** An answer put together from the pieces of a chat completions stream, tolerant of what compatible servers do to it. */
import { randomBytes } from 'node:crypto';
import type { ChatStateItem } from './chat-state.ts';
import { AnswerFailedError, CutOffError } from './model-connection.ts';
import type { ModelAnswer, ModelRequest, ToolCall, Usage } from './provider.ts';
import { estimateUsage } from './tokens.ts';

/** A chunk with nothing taken for granted: the SDK's types promise what only OpenAI keeps. */
type Chunk = {
  model?: string | null;
  choices?: readonly { delta?: Delta | null; message?: Delta | null; finish_reason?: string | null }[] | null;
  usage?: WireUsage | null;
};
type Delta = {
  content?: unknown;
  refusal?: string | null;
  reasoning_content?: unknown;
  reasoning?: unknown;
  tool_calls?: readonly CallDelta[] | null;
};
type CallDelta = {
  index?: number | null;
  id?: string | null;
  function?: { name?: string | null; arguments?: unknown } | null;
  extra_content?: unknown;
};
type WireUsage = {
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
  total_tokens?: number | null;
  prompt_tokens_details?: { cached_tokens?: number | null; cache_write_tokens?: number | null } | null;
  completion_tokens_details?: { reasoning_tokens?: number | null } | null;
  prompt_cache_hit_tokens?: number | null;
};

type Slot = { index: number | undefined; id: string; name: string; arguments: string; extra: unknown };

/** Endings that mean the server failed half way. */
const FAILED = new Set(['error', 'network_error', 'insufficient_system_resource']);
const FILTERED = new Set(['content_filter', 'sensitive', 'safety']);

export class ChatAssembly {
  readonly #origin: string;
  readonly #onText: ((delta: string) => void) | undefined;
  readonly #calls: Slot[] = [];
  #text = '';
  #refusal = '';
  #reasoning: { field: 'reasoning_content' | 'reasoning'; text: string } | undefined;
  #finish: string | undefined;
  #usage: WireUsage | undefined;
  #model: string | undefined;

  constructor(origin: string, onText: ((delta: string) => void) | undefined) {
    this.#origin = origin;
    this.#onText = onText;
  }

  add(chunk: Chunk): void {
    this.#model ??= chunk.model || undefined;
    // Some servers report usage with every chunk, growing; the last one counts.
    if (chunk.usage) this.#usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const delta = choice.delta ?? choice.message;
    if (delta) this.#addDelta(delta);
    if (choice.finish_reason) this.#finish = choice.finish_reason;
  }

  /** @throws CutOffError, AnswerFailedError */
  answer(request: ModelRequest): ModelAnswer {
    const finish = this.#finish;
    if (finish !== undefined && FAILED.has(finish))
      throw new AnswerFailedError('server_error', `the answer ended with ${finish}`);
    if (finish === undefined && this.#usage === undefined)
      throw new CutOffError('the connection ended before the answer was complete');
    const calls = this.#finishedCalls();
    const text = this.#refusal || this.#text;
    const items = this.#state(calls);
    const filtered = this.#refusal !== '' || (finish !== undefined && FILTERED.has(finish));
    return {
      text,
      calls,
      ...(items.length > 0 && { state: { provider: this.#origin, model: request.model, items } }),
      stop: filtered ? 'refusal' : finish === 'length' ? 'length' : calls.length ? 'calls' : 'end',
      usage: usageOf(this.#usage) ?? estimateUsage(request, { text, calls }),
      model: this.#model ?? request.model,
    };
  }

  #addDelta(delta: Delta): void {
    if (typeof delta.content === 'string' && delta.content !== '') {
      this.#text += delta.content;
      this.#onText?.(delta.content);
    }
    if (typeof delta.refusal === 'string') this.#refusal += delta.refusal;
    for (const field of ['reasoning_content', 'reasoning'] as const) {
      const piece = delta[field];
      if (typeof piece !== 'string' || piece === '') continue;
      this.#reasoning ??= { field, text: '' };
      if (this.#reasoning.field === field) this.#reasoning.text += piece;
    }
    for (const call of delta.tool_calls ?? []) this.#addCall(call);
  }

  #addCall(delta: CallDelta): void {
    const slot = this.#slotOf(delta);
    if (!slot.id && delta.id) slot.id = delta.id;
    // A name that is repeated with every piece is not a longer name.
    if (!slot.name && delta.function?.name) slot.name = delta.function.name;
    const piece = delta.function?.arguments;
    if (typeof piece === 'string') slot.arguments += piece;
    else if (typeof piece === 'object' && piece !== null) slot.arguments += JSON.stringify(piece);
    if (delta.extra_content !== undefined) slot.extra = delta.extra_content;
  }

  /** The call that a piece belongs to: by its index, unless id or name say that another one has begun. */
  #slotOf(delta: CallDelta): Slot {
    const index = delta.index ?? undefined;
    const last = this.#calls.findLast((slot) => index === undefined || slot.index === index);
    const otherId = Boolean(last?.id && delta.id && last.id !== delta.id);
    const begunAgain = Boolean(last && !delta.id && delta.function?.name && last.name && isComplete(last.arguments));
    if (last && !otherId && !begunAgain) return last;
    const slot: Slot = { index, id: '', name: '', arguments: '', extra: undefined };
    this.#calls.push(slot);
    return slot;
  }

  #finishedCalls(): ToolCall[] {
    const ids = new Set<string>();
    return this.#calls.map((slot) => {
      if (!slot.id || ids.has(slot.id)) slot.id = `call_${randomBytes(12).toString('hex')}`;
      ids.add(slot.id);
      // A tool without arguments: some models then write nothing at all.
      return { id: slot.id, name: slot.name, arguments: slot.arguments.trim() === '' ? '{}' : slot.arguments };
    });
  }

  #state(calls: readonly ToolCall[]): ChatStateItem[] {
    const items: ChatStateItem[] = this.#reasoning && calls.length ? [{ type: 'reasoning', ...this.#reasoning }] : [];
    for (const slot of this.#calls) {
      if (slot.extra !== undefined) items.push({ type: 'call', id: slot.id, extra: { extra_content: slot.extra } });
    }
    return items;
  }
}

function isComplete(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

function usageOf(wire: WireUsage | undefined): Usage | undefined {
  if (!wire || typeof wire.prompt_tokens !== 'number') return undefined;
  const completion = wire.completion_tokens ?? 0;
  const reasoning = wire.completion_tokens_details?.reasoning_tokens ?? 0;
  // Some servers count reasoning beside the completion rather than in it; their total tells.
  const beside = reasoning > 0 && wire.total_tokens === wire.prompt_tokens + completion + reasoning;
  const written = wire.prompt_tokens_details?.cache_write_tokens ?? 0;
  return {
    inputTokens: wire.prompt_tokens,
    cachedInputTokens: wire.prompt_tokens_details?.cached_tokens ?? wire.prompt_cache_hit_tokens ?? 0,
    ...(written > 0 && { cacheWriteTokens: written }),
    outputTokens: completion + (beside ? reasoning : 0),
    reasoningTokens: reasoning,
  };
}
