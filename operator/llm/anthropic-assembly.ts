/** An answer put together from the events of a stream of Anthropic's. */
import type { AnthropicStateItem } from './anthropic-state.ts';
import { CutOffError } from './model-connection.ts';
import type { ModelAnswer, ModelRequest, ToolCall, Usage } from './provider.ts';
import { estimateUsage } from './tokens.ts';

/** An event with nothing taken for granted: other servers speak this API too. */
type Event = {
  type: string;
  index?: number;
  message?: { model?: string | null; usage?: WireUsage | null };
  content_block?: {
    type: string;
    text?: unknown;
    thinking?: unknown;
    signature?: unknown;
    data?: unknown;
    id?: unknown;
    name?: unknown;
  };
  delta?: {
    type?: string;
    text?: unknown;
    thinking?: unknown;
    signature?: unknown;
    partial_json?: unknown;
    stop_reason?: string | null;
    stop_details?: { explanation?: string | null } | null;
  };
  usage?: WireUsage | null;
};
type WireUsage = {
  input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  output_tokens?: number | null;
  output_tokens_details?: { thinking_tokens?: number | null } | null;
};
type Block = { type: string; text: string; signature: string; data: string; id: string; name: string; json: string };

export class AnthropicAssembly {
  readonly #origin: string;
  readonly #onText: ((delta: string) => void) | undefined;
  /** By the index that the server gives them. */
  readonly #blocks = new Map<number, Block>();
  #model: string | undefined;
  #usage: WireUsage | undefined;
  #stop: string | undefined;
  #explanation = '';
  #ended = false;

  constructor(origin: string, onText: ((delta: string) => void) | undefined) {
    this.#origin = origin;
    this.#onText = onText;
  }

  add(event: Event): void {
    const { index = 0, delta, content_block: begun } = event;
    if (event.type === 'message_start') {
      this.#model = event.message?.model || undefined;
      this.#usage = event.message?.usage ?? undefined;
    } else if (event.type === 'content_block_start' && begun) {
      const { type, text, thinking, signature, data, id, name } = begun;
      const words = textOf(text) || textOf(thinking);
      const block = { type, text: words, signature: textOf(signature), data: textOf(data) };
      this.#blocks.set(index, { ...block, id: textOf(id), name: textOf(name), json: '' });
      if (type === 'text' && words !== '') this.#onText?.(words);
    } else if (event.type === 'content_block_delta' && delta) {
      this.#grow(this.#blocks.get(index), delta);
    } else if (event.type === 'message_delta') {
      this.#stop = delta?.stop_reason ?? this.#stop;
      this.#explanation = delta?.stop_details?.explanation ?? '';
      // Cumulative; what a server leaves out holds as it was.
      if (event.usage) this.#usage = { ...this.#usage, ...withoutNull(event.usage) };
    } else if (event.type === 'message_stop') {
      this.#ended = true;
    }
  }

  /** @throws CutOffError */
  answer(request: ModelRequest): ModelAnswer {
    if (!this.#ended || this.#stop === undefined) throw new CutOffError('the connection ended before the answer was complete');
    const blocks = [...this.#blocks.entries()].sort(([a], [b]) => a - b).map(([, block]) => block);
    const spoken = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
    const calls = blocks.filter(({ type }) => type === 'tool_use').map(callOf);
    const refused = this.#stop === 'refusal';
    const text = (refused && this.#explanation) || spoken;
    const items = refused ? [] : blocks.flatMap((block) => stateItem(block) ?? []);
    // Order alone needs no keeping: text before calls is what comes out without state.
    const worthKeeping = items.some(({ type }) => type === 'thinking' || type === 'redacted_thinking');
    return {
      text,
      calls: refused ? [] : calls,
      ...(worthKeeping && { state: { provider: this.#origin, model: request.model, items } }),
      stop: refused ? 'refusal' : CUT.has(this.#stop) ? 'length' : calls.length ? 'calls' : 'end',
      usage: usageOf(this.#usage) ?? estimateUsage(request, { text, calls }),
      model: this.#model ?? request.model,
    };
  }

  #grow(block: Block | undefined, delta: NonNullable<Event['delta']>): void {
    if (!block) return;
    if (delta.type === 'text_delta') {
      block.text += textOf(delta.text);
      if (textOf(delta.text) !== '') this.#onText?.(textOf(delta.text));
    } else if (delta.type === 'thinking_delta') block.text += textOf(delta.thinking);
    else if (delta.type === 'signature_delta') block.signature += textOf(delta.signature);
    else if (delta.type === 'input_json_delta') block.json += textOf(delta.partial_json);
  }
}

const CUT = new Set(['max_tokens', 'model_context_window_exceeded']);

function callOf(block: Block): ToolCall {
  return { id: block.id, name: block.name, arguments: block.json.trim() === '' ? '{}' : block.json };
}

function stateItem(block: Block): AnthropicStateItem | undefined {
  if (block.type === 'text') return { type: 'text', length: block.text.length };
  if (block.type === 'tool_use') return { type: 'call', id: block.id };
  if (block.type === 'redacted_thinking') return { type: 'redacted_thinking', data: block.data };
  // A thought that was cut before it was signed could not come back.
  if (block.type === 'thinking' && block.signature !== '')
    return { type: 'thinking', thinking: block.text, signature: block.signature };
  return undefined;
}

function usageOf(wire: WireUsage | undefined): Usage | undefined {
  if (typeof wire?.input_tokens !== 'number') return undefined;
  const cached = wire.cache_read_input_tokens ?? 0;
  const written = wire.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: wire.input_tokens + cached + written,
    cachedInputTokens: cached,
    ...(written > 0 && { cacheWriteTokens: written }),
    outputTokens: wire.output_tokens ?? 0,
    reasoningTokens: wire.output_tokens_details?.thinking_tokens ?? 0,
  };
}

function withoutNull(usage: WireUsage): WireUsage {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
