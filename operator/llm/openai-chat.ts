/** The chat completions API: what every OpenAI-compatible server speaks, each with an accent of its own. */
import type { OpenAI } from 'openai';
import { argumentsObject } from './call-arguments.ts';
import { ChatAssembly } from './chat-assembly.ts';
import { asItem, type ChatStateItem } from './chat-state.ts';
import { repairConversation } from './conversation-repair.ts';
import { filteredAnswer } from './model-connection.ts';
import type { OpenAIConnection } from './openai-connection.ts';
import { isReasoningModel } from './prices.ts';
import type { Message, ModelAnswer, ModelProvider, ModelRequest, ProviderState, ToolCall } from './provider.ts';

type Params = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;
type WireMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
type WireAssistant = OpenAI.Chat.Completions.ChatCompletionAssistantMessageParam & {
  reasoning_content?: string;
  reasoning?: string;
};

/** What can be left out when a server does not know it. The names are those of the wire. */
const OPTIONAL = [
  'max_completion_tokens',
  'max_tokens',
  'stream_options',
  'tool_choice',
  'parallel_tool_calls',
  'temperature',
  'top_p',
  'reasoning_effort',
  'prompt_cache_key',
  'reasoning_content',
] as const;

export class OpenAIChatProvider implements ModelProvider {
  readonly #connection: OpenAIConnection;
  /** Names the origin of provider state: what one server gave is meant for no other. */
  readonly #origin: string;

  constructor(connection: OpenAIConnection) {
    this.#connection = connection;
    this.#origin = `chat@${connection.host}`;
  }

  call(
    request: ModelRequest,
    options: { signal: AbortSignal; onText?: ((delta: string) => void) | undefined },
  ): Promise<ModelAnswer> {
    const { signal, onText } = options;
    const attempt = async (client: OpenAI, without: ReadonlySet<string>) => {
      const stream = await client.chat.completions.create(this.#params(request, without), { signal });
      const assembly = new ChatAssembly(this.#origin, onText);
      for await (const chunk of stream) assembly.add(chunk);
      signal.throwIfAborted();
      return assembly.answer(request);
    };
    return this.#connection.run({ model: request.model, signal, optional: OPTIONAL }, attempt, (text) =>
      filteredAnswer(text, request.model),
    );
  }

  #params(request: ModelRequest, without: ReadonlySet<string>): Params {
    const { model, tools, toolChoice, maxOutputTokens, temperature, topP, reasoningEffort, cacheKey } = request;
    const { isOpenAI, hasOwnNames } = this.#connection;
    const reasons = isReasoningModel(model, hasOwnNames);
    const params: Params = {
      model: this.#connection.nameOf(model),
      messages: wireMessages(request, this.#origin, !without.has('reasoning_content')),
      stream: true,
    };
    const keep = (name: (typeof OPTIONAL)[number]) => !without.has(name);
    if (keep('stream_options')) params.stream_options = { include_usage: true };
    if (tools.length) {
      params.tools = tools.map(({ name, description, parameters }) => ({
        type: 'function',
        function: { name, description, parameters },
      }));
      if (toolChoice !== 'auto' && keep('tool_choice')) params.tool_choice = toolChoice;
      if (isOpenAI && keep('parallel_tool_calls')) params.parallel_tool_calls = true;
    }
    if (maxOutputTokens !== undefined) {
      // OpenAI wants the new name, most other servers know only the old one.
      const [first, second] = isOpenAI
        ? (['max_completion_tokens', 'max_tokens'] as const)
        : (['max_tokens', 'max_completion_tokens'] as const);
      if (keep(first)) params[first] = maxOutputTokens;
      else if (keep(second)) params[second] = maxOutputTokens;
    }
    if (reasons !== true && temperature !== undefined && keep('temperature')) params.temperature = temperature;
    if (reasons !== true && topP !== undefined && keep('top_p')) params.top_p = topP;
    if (reasons !== false && reasoningEffort !== undefined && keep('reasoning_effort')) params.reasoning_effort = reasoningEffort;
    if (isOpenAI && cacheKey !== undefined && keep('prompt_cache_key')) params.prompt_cache_key = cacheKey;
    return params;
  }
}

function wireMessages(request: ModelRequest, origin: string, withReasoning: boolean): WireMessage[] {
  const out: WireMessage[] = [];
  if (request.system !== '') out.push({ role: 'system', content: request.system });
  for (const message of repairConversation(request.messages)) {
    if (message.role === 'tool') {
      out.push({ role: 'tool', tool_call_id: message.callId, content: message.text });
    } else if (message.role === 'assistant') {
      out.push(wireAssistant(message, ownState(message.state, origin, request.model), withReasoning));
    } else {
      const last = out.at(-1);
      // Some servers' templates want user and assistant to take turns.
      if (last?.role === 'user' && typeof last.content === 'string') last.content += `\n\n${message.text}`;
      else out.push({ role: 'user', content: message.text });
    }
  }
  return out;
}

function wireAssistant(
  message: Extract<Message, { role: 'assistant' }>,
  state: ChatStateItem[],
  withReasoning: boolean,
): WireAssistant {
  const wire: WireAssistant = { role: 'assistant', content: message.text === '' && message.calls.length ? null : message.text };
  if (message.calls.length) wire.tool_calls = message.calls.map((call) => wireCall(call, state));
  for (const item of state) if (item.type === 'reasoning' && withReasoning) wire[item.field] = item.text;
  return wire;
}

function wireCall(call: ToolCall, state: ChatStateItem[]): OpenAI.Chat.Completions.ChatCompletionMessageFunctionToolCall {
  const extra = state.find((item) => item.type === 'call' && item.id === call.id);
  return {
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: readableArguments(call.arguments) },
    ...(extra?.type === 'call' && extra.extra),
  };
}

/** Many servers parse the arguments of past calls and fail on what is no JSON object. */
function readableArguments(text: string): string {
  const object = argumentsObject(text);
  return 'malformed_arguments' in object ? JSON.stringify(object) : text;
}

function ownState(state: ProviderState | undefined, origin: string, model: string): ChatStateItem[] {
  if (state?.provider !== origin || state.model !== model) return [];
  return state.items.flatMap((item) => asItem(item) ?? []);
}
