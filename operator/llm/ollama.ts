/** Ollama's own chat API: the only one over which its context length can be set, beyond which it would cut a prompt in silence. */
import { inPieces } from './answer-pieces.ts';
import { argumentsObject } from './call-arguments.ts';
import { repairConversation } from './conversation-repair.ts';
import { filteredAnswer } from './model-connection.ts';
import { OllamaAssembly } from './ollama-assembly.ts';
import type { OllamaClient, OllamaConnection } from './ollama-connection.ts';
import type { Message, ModelAnswer, ModelProvider, ModelRequest } from './provider.ts';

/** Assumed where a profile does not say: memory, not the model, is what limits the context of most machines. */
export const OLLAMA_CONTEXT_WINDOW = 32_768;
/** What can be left out when a model does not take it, under the names in which the server says so. */
const THINKING = ['think', 'thinking'];

type WireMessage = {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string;
  thinking?: string;
  tool_calls?: { id: string; function: { name: string; arguments: Record<string, unknown> } }[];
  tool_name?: string;
  tool_call_id?: string;
};

export class OllamaProvider implements ModelProvider {
  readonly #connection: OllamaConnection;
  readonly #contextWindow: number;
  /** Names the origin of provider state: what one server gave is meant for no other. */
  readonly #origin: string;

  /** @param contextWindow in tokens; the server reserves memory for it */
  constructor(connection: OllamaConnection, contextWindow: number) {
    this.#connection = connection;
    this.#contextWindow = contextWindow;
    this.#origin = `ollama@${connection.host}`;
  }

  call(
    request: ModelRequest,
    options: { signal: AbortSignal; onText?: ((delta: string) => void) | undefined },
  ): Promise<ModelAnswer> {
    const { signal, onText } = options;
    const attempt = async (client: OllamaClient, without: ReadonlySet<string>) => {
      const response = await client.post('/api/chat', this.#body(request, without), signal);
      const assembly = new OllamaAssembly(this.#origin, onText);
      for await (const line of linesOf(response)) assembly.add(line);
      signal.throwIfAborted();
      return assembly.answer(request);
    };
    const { model } = request;
    return this.#connection.run({ model, signal, optional: THINKING }, attempt, (text) => filteredAnswer(text, model));
  }

  #body(request: ModelRequest, without: ReadonlySet<string>): Record<string, unknown> {
    const { model, tools, toolChoice, maxOutputTokens, temperature, topP, reasoningEffort: effort } = request;
    const thinks = effort !== undefined && !THINKING.some((name) => without.has(name));
    return {
      model,
      messages: this.#messages(request),
      stream: true,
      // Too long a prompt shall be an error, not lose its beginning.
      truncate: false,
      shift: false,
      // Whether to call cannot be told, but what is not offered is not called.
      ...(tools.length > 0 && toolChoice !== 'none' && { tools: tools.map((tool) => ({ type: 'function', function: tool })) }),
      ...(thinks && { think: thinkOf(model, effort) }),
      options: {
        num_ctx: this.#contextWindow,
        ...(maxOutputTokens !== undefined && { num_predict: maxOutputTokens }),
        ...(temperature !== undefined && { temperature }),
        ...(topP !== undefined && { top_p: topP }),
      },
    };
  }

  #messages(request: ModelRequest): WireMessage[] {
    const out: WireMessage[] = request.system === '' ? [] : [{ role: 'system', content: request.system }];
    for (const message of repairConversation(request.messages)) {
      if (message.role === 'user') out.push({ role: 'user', content: message.text });
      else if (message.role === 'tool')
        out.push({ role: 'tool', content: message.text, tool_name: message.name, tool_call_id: message.callId });
      else {
        const { text, calls } = message;
        const thinking = this.#thinkingOf(message, request.model);
        const tool_calls = calls.map((call) => ({
          id: call.id,
          function: { name: call.name, arguments: argumentsObject(call.arguments) },
        }));
        out.push({ role: 'assistant', content: text, ...(thinking && { thinking }), ...(calls.length > 0 && { tool_calls }) });
      }
    }
    return out;
  }

  #thinkingOf({ state }: Extract<Message, { role: 'assistant' }>, model: string): string {
    if (state?.provider !== this.#origin || state.model !== model) return '';
    const texts = state.items.map((item) => {
      if (typeof item !== 'object' || item === null || Reflect.get(item, 'type') !== 'thinking') return '';
      const text: unknown = Reflect.get(item, 'text');
      return typeof text === 'string' ? text : '';
    });
    return texts.join('');
  }
}

/** Only gpt-oss knows levels; others think or do not. */
function thinkOf(model: string, effort: NonNullable<ModelRequest['reasoningEffort']>): boolean | string {
  if (!/gpt-oss/i.test(model)) return effort !== 'none';
  return effort === 'high' || effort === 'xhigh' ? 'high' : effort === 'medium' ? 'medium' : 'low';
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  for await (const whole of inPieces(response, 'line').body ?? []) yield* Buffer.from(whole).toString('utf8').split('\n');
}
