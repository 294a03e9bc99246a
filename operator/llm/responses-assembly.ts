/** An answer put together from the events of a Responses stream. */
import { AnswerFailedError, CutOffError } from './model-connection.ts';
import type { ModelAnswer, ModelRequest, ToolCall, Usage } from './provider.ts';
import type { ResponsesStateItem } from './responses-state.ts';
import { estimateUsage } from './tokens.ts';

/** An event with nothing taken for granted: other servers speak this API too. */
type Event = { type: string; delta?: unknown; item?: Item; response?: Ending; code?: unknown; message?: unknown };
type Item = {
  type: string;
  id?: string | null;
  content?: unknown;
  phase?: unknown;
  summary?: unknown;
  encrypted_content?: unknown;
  call_id?: string | null;
  name?: string | null;
  arguments?: unknown;
};
type Ending = {
  model?: string | null;
  status?: string | null;
  error?: { code?: string | null; message?: string | null } | null;
  incomplete_details?: { reason?: string | null } | null;
  usage?: WireUsage | null;
};
type WireUsage = {
  input_tokens?: number | null;
  input_tokens_details?: { cached_tokens?: number | null; cache_write_tokens?: number | null } | null;
  output_tokens?: number | null;
  output_tokens_details?: { reasoning_tokens?: number | null } | null;
};

const SEPARATOR = '\n\n';

export class ResponsesAssembly {
  readonly #origin: string;
  readonly #onText: ((delta: string) => void) | undefined;
  readonly #calls: ToolCall[] = [];
  readonly #items: ResponsesStateItem[] = [];
  #text = '';
  #refusal = '';
  #spoken = false;
  #ending: Ending | undefined;

  constructor(origin: string, onText: ((delta: string) => void) | undefined) {
    this.#origin = origin;
    this.#onText = onText;
  }

  /** @throws AnswerFailedError */
  add(event: Event): void {
    switch (event.type) {
      case 'response.output_text.delta':
        if (typeof event.delta === 'string') this.#speak(event.delta);
        break;
      case 'response.output_item.done':
        if (event.item) this.#addItem(event.item);
        break;
      case 'response.completed':
      case 'response.incomplete':
        this.#ending = event.response ?? {};
        break;
      case 'response.failed': {
        const { code, message } = event.response?.error ?? {};
        throw new AnswerFailedError(code ?? 'server_error', message ?? 'the answer failed without a reason');
      }
      case 'error':
        throw new AnswerFailedError(
          textOf(event.code) || 'server_error',
          textOf(event.message) || 'the answer failed without a reason',
        );
    }
  }

  /** @throws CutOffError */
  answer(request: ModelRequest): ModelAnswer {
    const ending = this.#ending;
    if (!ending) throw new CutOffError('the connection ended before the answer was complete');
    const reason = ending.incomplete_details?.reason ?? undefined;
    const calls = this.#calls;
    const text = this.#refusal || this.#text;
    // Order alone needs no keeping: text before calls is what comes out without state.
    const worthKeeping = this.#items.some((item) => item.type === 'reasoning' || (item.type === 'text' && item.phase));
    return {
      text,
      calls,
      ...(worthKeeping && { state: { provider: this.#origin, model: request.model, items: this.#items } }),
      stop:
        this.#refusal || reason === 'content_filter'
          ? 'refusal'
          : reason !== undefined
            ? 'length'
            : calls.length
              ? 'calls'
              : 'end',
      usage: usageOf(ending.usage) ?? estimateUsage(request, { text, calls }),
      model: ending.model || request.model,
    };
  }

  #speak(delta: string): void {
    // A second message within one answer begins a new paragraph, also for those who listen.
    const piece = this.#text !== '' && !this.#spoken ? SEPARATOR + delta : delta;
    this.#spoken = true;
    this.#onText?.(piece);
  }

  #addItem(item: Item): void {
    if (item.type === 'reasoning') this.#addReasoning(item);
    else if (item.type === 'message') this.#addMessage(item);
    else if (item.type === 'function_call') this.#addCall(item);
  }

  #addReasoning(item: Item): void {
    const encrypted = textOf(item.encrypted_content);
    // Without its content the item could not be understood again.
    if (encrypted === '' || !item.id) return;
    this.#items.push({ type: 'reasoning', id: item.id, encrypted, summary: partsOf(item.summary, 'text') });
  }

  #addMessage(item: Item): void {
    this.#refusal += partsOf(item.content, 'refusal').join('');
    const text = partsOf(item.content, 'text').join('');
    this.#spoken = false;
    if (text === '') return;
    if (this.#text !== '') this.#text += SEPARATOR;
    const from = this.#text.length;
    this.#text += text;
    const { phase } = item;
    const known = phase === 'commentary' || phase === 'final_answer' ? phase : undefined;
    this.#items.push({ type: 'text', from, length: text.length, ...(known && { phase: known }) });
  }

  #addCall(item: Item): void {
    const id = item.call_id || item.id || `call_${this.#calls.length}`;
    const written = textOf(item.arguments);
    this.#calls.push({ id, name: item.name ?? '', arguments: written.trim() === '' ? '{}' : written });
    this.#items.push({ type: 'call', id });
  }
}

function partsOf(content: unknown, field: 'text' | 'refusal'): string[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap((part: unknown) => {
    const value: unknown = typeof part === 'object' && part !== null ? Reflect.get(part, field) : undefined;
    return typeof value === 'string' ? [value] : [];
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function usageOf(wire: WireUsage | null | undefined): Usage | undefined {
  if (!wire || typeof wire.input_tokens !== 'number') return undefined;
  const written = wire.input_tokens_details?.cache_write_tokens ?? 0;
  return {
    inputTokens: wire.input_tokens,
    cachedInputTokens: wire.input_tokens_details?.cached_tokens ?? 0,
    ...(written > 0 && { cacheWriteTokens: written }),
    outputTokens: wire.output_tokens ?? 0,
    reasoningTokens: wire.output_tokens_details?.reasoning_tokens ?? 0,
  };
}
