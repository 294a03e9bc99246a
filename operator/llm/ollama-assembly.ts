/** An answer put together from the lines of a stream of Ollama's. */
import { randomBytes } from 'node:crypto';
import { AnswerFailedError, CutOffError } from './model-connection.ts';
import type { ModelAnswer, ModelRequest, ToolCall } from './provider.ts';
import { estimateUsage } from './tokens.ts';

/** What the server wants back with the next turn, beside text and calls. */
export type OllamaStateItem = { type: 'thinking'; text: string };

export class OllamaAssembly {
  readonly #origin: string;
  readonly #onText: ((delta: string) => void) | undefined;
  readonly #calls: ToolCall[] = [];
  #text = '';
  #thinking = '';
  #model = '';
  #end: Record<string, unknown> | undefined;

  constructor(origin: string, onText: ((delta: string) => void) | undefined) {
    this.#origin = origin;
    this.#onText = onText;
  }

  /** @throws SyntaxError, AnswerFailedError */
  add(line: string): void {
    if (line.trim() === '') return;
    const chunk = objectOf(JSON.parse(line));
    if (chunk.error !== undefined)
      throw new AnswerFailedError('', textOf(chunk.error) || textOf(objectOf(chunk.error).message) || 'no reason given');
    this.#model ||= textOf(chunk.model);
    const message = objectOf(chunk.message);
    const piece = textOf(message.content);
    this.#text += piece;
    if (piece !== '') this.#onText?.(piece);
    this.#thinking += textOf(message.thinking);
    if (Array.isArray(message.tool_calls)) for (const call of message.tool_calls) this.#addCall(objectOf(call));
    if (chunk.done === true) this.#end = chunk;
  }

  /** @throws CutOffError */
  answer(request: ModelRequest): ModelAnswer {
    const end = this.#end;
    if (!end) throw new CutOffError('the connection ended before the answer was complete');
    const [text, calls] = [this.#text, this.#calls];
    const items: OllamaStateItem[] = this.#thinking && calls.length ? [{ type: 'thinking', text: this.#thinking }] : [];
    const { prompt_eval_count: sent, eval_count: received } = end;
    return {
      text,
      calls,
      ...(items.length > 0 && { state: { provider: this.#origin, model: request.model, items } }),
      stop: end.done_reason === 'length' ? 'length' : calls.length ? 'calls' : 'end',
      // Neither cached tokens nor those of thinking are told apart.
      usage:
        typeof sent === 'number' && typeof received === 'number'
          ? { inputTokens: sent, cachedInputTokens: 0, outputTokens: received, reasoningTokens: 0 }
          : estimateUsage(request, { text, calls }),
      model: this.#model || request.model,
    };
  }

  #addCall(call: Record<string, unknown>): void {
    const { name, arguments: args } = objectOf(call.function);
    // Older servers give no ids.
    const id = textOf(call.id) || `call_${randomBytes(12).toString('hex')}`;
    this.#calls.push({ id, name: textOf(name), arguments: JSON.stringify(objectOf(args)) });
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
