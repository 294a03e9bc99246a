/** The Responses API of OpenAI. Nothing is stored there: reasoning comes back encrypted and is sent again with the next turn. */
import type { OpenAI } from 'openai';
import { repairConversation } from './conversation-repair.ts';
import type { Failure } from './failure.ts';
import { filteredAnswer } from './model-connection.ts';
import type { OpenAIConnection } from './openai-connection.ts';
import { isReasoningModel } from './prices.ts';
import type { Message, ModelAnswer, ModelProvider, ModelRequest } from './provider.ts';
import { ResponsesAssembly } from './responses-assembly.ts';
import { replay } from './responses-state.ts';

type Params = OpenAI.Responses.ResponseCreateParamsStreaming;
type InputItem = OpenAI.Responses.ResponseInputItem;

/** The API's own lower limit. */
const LEAST_OUTPUT_TOKENS = 16;
const ENCRYPTED = 'reasoning.encrypted_content';
/** What can be left out when the model or the server does not know it. The names are those of the wire. */
const OPTIONAL = [
  'temperature',
  'top_p',
  'reasoning.effort',
  'reasoning',
  ENCRYPTED,
  'include',
  'prompt_cache_key',
  'parallel_tool_calls',
  'max_output_tokens',
] as const;

export class OpenAIResponsesProvider implements ModelProvider {
  readonly #connection: OpenAIConnection;
  /** Names the origin of provider state: only who encrypted the reasoning can read it. */
  readonly #origin: string;

  constructor(connection: OpenAIConnection) {
    this.#connection = connection;
    this.#origin = `responses@${connection.host}`;
  }

  call(
    request: ModelRequest,
    options: { signal: AbortSignal; onText?: ((delta: string) => void) | undefined },
  ): Promise<ModelAnswer> {
    const { signal, onText } = options;
    let replayReasoning = true;
    const attempt = async (client: OpenAI, without: ReadonlySet<string>) => {
      const stream = await client.responses.create(this.#params(request, without, replayReasoning), { signal });
      const assembly = new ResponsesAssembly(this.#origin, onText);
      for await (const event of stream) assembly.add(event);
      signal.throwIfAborted();
      return assembly.answer(request);
    };
    const adjust = ({ code }: Failure) => {
      // The key belongs to another organisation now: the conversation goes on without the old thoughts.
      if (code !== 'invalid_encrypted_content' || !replayReasoning) return false;
      replayReasoning = false;
      return true;
    };
    const { model } = request;
    return this.#connection.run({ model, signal, optional: OPTIONAL, adjust }, attempt, (text) => filteredAnswer(text, model));
  }

  #params(request: ModelRequest, without: ReadonlySet<string>, replayReasoning: boolean): Params {
    const { model, system, tools, toolChoice, maxOutputTokens, temperature, topP, reasoningEffort, cacheKey } = request;
    const reasons = isReasoningModel(model, this.#connection.hasOwnNames);
    const keep = (name: (typeof OPTIONAL)[number]) => !without.has(name);
    const encrypted = reasons !== false && keep(ENCRYPTED) && keep('include');
    const params: Params = {
      model: this.#connection.nameOf(model),
      input: inputItems(request.messages, { origin: this.#origin, model, replayReasoning: encrypted && replayReasoning }),
      store: false,
      stream: true,
    };
    if (system !== '') params.instructions = system;
    if (encrypted) params.include = [ENCRYPTED];
    if (tools.length) {
      params.tools = tools.map(({ name, description, parameters }) => ({
        type: 'function',
        name,
        description,
        parameters,
        strict: false,
      }));
      if (toolChoice !== 'auto') params.tool_choice = toolChoice;
      if (keep('parallel_tool_calls')) params.parallel_tool_calls = true;
    }
    if (maxOutputTokens !== undefined && keep('max_output_tokens'))
      params.max_output_tokens = Math.max(LEAST_OUTPUT_TOKENS, maxOutputTokens);
    if (reasons !== true && temperature !== undefined && keep('temperature')) params.temperature = temperature;
    if (reasons !== true && topP !== undefined && keep('top_p')) params.top_p = topP;
    if (reasons !== false && reasoningEffort !== undefined && keep('reasoning.effort'))
      params.reasoning = { effort: reasoningEffort };
    if (cacheKey !== undefined && keep('prompt_cache_key')) params.prompt_cache_key = cacheKey;
    return params;
  }
}

function inputItems(messages: readonly Message[], own: { origin: string; model: string; replayReasoning: boolean }): InputItem[] {
  const out: InputItem[] = [];
  for (const message of repairConversation(messages)) {
    if (message.role === 'user') out.push({ role: 'user', content: message.text });
    else if (message.role === 'tool') out.push({ type: 'function_call_output', call_id: message.callId, output: message.text });
    else {
      const { state } = message;
      const ours = own.replayReasoning && state?.provider === own.origin && state.model === own.model;
      out.push(...replay(message, ours ? state.items : []));
    }
  }
  return out;
}
