/** Google's Gemini API, with the signatures of its thoughts carried from turn to turn. */
import type { Content, GenerateContentConfig } from '@google/genai/web';
import { repairConversation } from './conversation-repair.ts';
import type { Failure } from './failure.ts';
import { GeminiAssembly } from './gemini-assembly.ts';
import type { GeminiClient, GeminiConnection } from './gemini-connection.ts';
import { replayParts } from './gemini-state.ts';
import { CutOffError, filteredAnswer } from './model-connection.ts';
import { isReasoningModel } from './prices.ts';
import type { ModelAnswer, ModelProvider, ModelRequest } from './provider.ts';

/** What can be left out when a model does not take it, under the names in which it says so. */
const THINKING = ['thinkingLevel', 'thinking_level', 'Thinking level', 'thinkingConfig', 'thinking_config'];
const OPTIONAL = [...THINKING, 'temperature', 'topP'];
/** Gemini 2 and before neither sign their calls nor know levels of thinking. */
const BEFORE_3 = /gemini-[12]/;

export class GeminiProvider implements ModelProvider {
  readonly #connection: GeminiConnection;
  /** Names the origin of provider state: only who signed a thought takes it back. */
  readonly #origin: string;

  constructor(connection: GeminiConnection) {
    this.#connection = connection;
    this.#origin = `gemini@${connection.host}`;
  }

  async call(
    request: ModelRequest,
    options: { signal: AbortSignal; onText?: ((delta: string) => void) | undefined },
  ): Promise<ModelAnswer> {
    const { signal, onText } = options;
    const { model } = request;
    let withSignatures = true;
    const attempt = async (client: GeminiClient, without: ReadonlySet<string>) => {
      const contents = this.#contents(request, withSignatures);
      const config = { ...configOf(request, without, client.words), abortSignal: signal };
      const assembly = new GeminiAssembly(this.#origin, onText);
      try {
        for await (const chunk of await client.models.generateContentStream({ model, contents, config })) assembly.add(chunk);
      } catch (error) {
        if (Error.isError(error) && /^incomplete json segment/i.test(error.message))
          throw new CutOffError('the connection ended before the answer was complete', { cause: error });
        throw error;
      }
      signal.throwIfAborted();
      return assembly.answer(request);
    };
    const adjust = ({ status, message }: Failure) => {
      // Made with another key, perhaps: the conversation goes on without the old thoughts.
      if (status !== 400 || !withSignatures || !/thought.?signature/i.test(message)) return false;
      withSignatures = false;
      return true;
    };
    return this.#connection.run({ model, signal, optional: OPTIONAL, adjust }, attempt, (text) => filteredAnswer(text, model));
  }

  #contents(request: ModelRequest, withSignatures: boolean): Content[] {
    const out: Content[] = [];
    const needsSignature = !BEFORE_3.test(request.model);
    // The results of a turn stand together, and apart from what the user says.
    let open: 'results' | 'text' | undefined;
    for (const message of repairConversation(request.messages)) {
      if (message.role === 'assistant') {
        const { state } = message;
        const own = withSignatures && state?.provider === this.#origin && state.model === request.model;
        out.push({ role: 'model', parts: replayParts(message, own ? state.items : [], needsSignature) });
        open = undefined;
        continue;
      }
      const kind = message.role === 'tool' ? 'results' : 'text';
      const part =
        message.role === 'tool'
          ? { functionResponse: { id: message.callId, name: message.name, response: { output: message.text } } }
          : { text: message.text };
      if (open === kind) out.at(-1)?.parts?.push(part);
      else out.push({ role: 'user', parts: [part] });
      open = kind;
    }
    return out;
  }
}

function configOf(request: ModelRequest, without: ReadonlySet<string>, words: GeminiClient['words']): GenerateContentConfig {
  const { model, system, tools, toolChoice, maxOutputTokens, temperature, topP, reasoningEffort: effort } = request;
  const { FunctionCallingConfigMode: Mode, ThinkingLevel: Level } = words;
  const reasons = isReasoningModel(model, false);
  const config: GenerateContentConfig = {};
  if (system !== '') config.systemInstruction = system;
  if (tools.length) {
    config.tools = [
      {
        functionDeclarations: tools.map(({ name, description, parameters }) => ({
          name,
          description,
          parametersJsonSchema: parameters,
        })),
      },
    ];
    if (toolChoice !== 'auto')
      config.toolConfig = { functionCallingConfig: { mode: toolChoice === 'required' ? Mode.ANY : Mode.NONE } };
  }
  if (maxOutputTokens !== undefined) config.maxOutputTokens = maxOutputTokens;
  if (reasons !== true && temperature !== undefined && !without.has('temperature')) config.temperature = temperature;
  if (reasons !== true && topP !== undefined && !without.has('topP')) config.topP = topP;
  if (effort !== undefined && !BEFORE_3.test(model) && !THINKING.some((name) => without.has(name))) {
    const high = effort === 'high' || effort === 'xhigh';
    config.thinkingConfig = { thinkingLevel: high ? Level.HIGH : effort === 'medium' ? Level.MEDIUM : Level.LOW };
  }
  return config;
}
