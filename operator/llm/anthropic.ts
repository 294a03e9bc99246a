/**
 * Anthropic's Messages API, with its prompt cache and with thoughts that are carried from turn to turn. It has no sampling
 * parameters any more, so those of a request are left out.
 */
import type { Anthropic } from '@anthropic-ai/sdk';
import { AnthropicAssembly } from './anthropic-assembly.ts';
import type { AnthropicConnection } from './anthropic-connection.ts';
import { callId, replayBlocks } from './anthropic-state.ts';
import { repairConversation } from './conversation-repair.ts';
import type { Failure } from './failure.ts';
import { filteredAnswer } from './model-connection.ts';
import { isReasoningModel, knownModel } from './prices.ts';
import type { ModelAnswer, ModelProvider, ModelRequest } from './provider.ts';

type Params = Anthropic.Messages.MessageCreateParamsStreaming;
type WireMessage = { role: 'user' | 'assistant'; content: Anthropic.Messages.ContentBlockParam[] };

/** The API wants a limit; all models served today can say this much. */
const DEFAULT_OUTPUT_TOKENS = 32_000;
/** What can be left out when a model does not take it. The names are those of the wire. */
const OPTIONAL = ['thinking', 'output_config', 'effort', 'tool_choice'] as const;
const MARK = { cache_control: { type: 'ephemeral' } } as const;
/** With the marks on tools and system text as many as the API allows. The older one is found again by the next request. */
const MARKED_TURNS = 2;
const EFFORT = { minimal: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh' } as const;

export class AnthropicProvider implements ModelProvider {
  readonly #connection: AnthropicConnection;
  /** Names the origin of provider state: only who signed a thought takes it back. */
  readonly #origin: string;

  constructor(connection: AnthropicConnection) {
    this.#connection = connection;
    this.#origin = `anthropic@${connection.host}`;
  }

  call(
    request: ModelRequest,
    options: { signal: AbortSignal; onText?: ((delta: string) => void) | undefined },
  ): Promise<ModelAnswer> {
    const { signal, onText } = options;
    let withThoughts = true;
    const attempt = async (client: Anthropic, without: ReadonlySet<string>) => {
      const stream = await client.messages.create(this.#params(request, without, withThoughts), { signal });
      const assembly = new AnthropicAssembly(this.#origin, onText);
      for await (const event of stream) assembly.add(event);
      signal.throwIfAborted();
      return assembly.answer(request);
    };
    const adjust = ({ status, message }: Failure) => {
      // Thoughts belong to a model and to a conversation as it was: without them an edited one can go on.
      if (status !== 400 || !withThoughts || !/thinking.{0,80}(block|signature)|signature.{0,80}thinking/i.test(message))
        return false;
      withThoughts = false;
      return true;
    };
    const { model } = request;
    return this.#connection.run({ model, signal, optional: OPTIONAL, adjust }, attempt, (text) => filteredAnswer(text, model));
  }

  #params(request: ModelRequest, without: ReadonlySet<string>, withThoughts: boolean): Params {
    const { model, system, toolChoice, reasoningEffort: effort } = request;
    const keep = (name: (typeof OPTIONAL)[number]) => !without.has(name);
    const known = knownModel(model);
    const reasons = isReasoningModel(model, false);
    const messages = this.#messages(request, withThoughts);
    const params: Params = {
      model,
      messages,
      max_tokens: request.maxOutputTokens ?? Math.min(DEFAULT_OUTPUT_TOKENS, known?.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS),
      stream: true,
    };
    if (system !== '') params.system = [{ type: 'text', text: system, ...MARK }];
    const tools = wireTools(request, messages);
    if (tools.length) params.tools = tools;
    const forced = toolChoice === 'required' && request.tools.length > 0 && keep('tool_choice');
    if (forced) params.tool_choice = { type: 'any' };
    else if (tools.length && (toolChoice === 'none' || !request.tools.length)) params.tool_choice = { type: 'none' };
    if (effort === 'none' && reasons !== false && keep('thinking')) params.thinking = { type: 'disabled' };
    // A forced call does not go together with thinking.
    else if (reasons !== false && !forced && keep('thinking')) params.thinking = { type: 'adaptive' };
    if (effort !== undefined && effort !== 'none' && reasons !== false && keep('output_config') && keep('effort'))
      params.output_config = { effort: EFFORT[effort] };
    return params;
  }

  #messages(request: ModelRequest, withThoughts: boolean): WireMessage[] {
    const out: WireMessage[] = [];
    const add = (role: WireMessage['role'], content: WireMessage['content']) => {
      const last = out.at(-1);
      if (last?.role === role) last.content.push(...content);
      else if (content.length) out.push({ role, content });
    };
    for (const message of repairConversation(request.messages)) {
      if (message.role === 'assistant') {
        const { state } = message;
        const own = withThoughts && state?.provider === this.#origin && state.model === request.model;
        add('assistant', replayBlocks(message, own ? state.items : []));
      } else if (message.role === 'tool') {
        add('user', [{ type: 'tool_result', tool_use_id: callId(message.callId), content: message.text }]);
      } else {
        add('user', [{ type: 'text', text: message.text.trim() === '' ? '(empty)' : message.text }]);
      }
    }
    markForCache(out);
    return out;
  }
}

/** What was sent up to a mark is kept by the provider and costs a fraction the next time. */
function markForCache(messages: WireMessage[]): void {
  for (const { content } of messages.filter(({ role }) => role === 'user').slice(-MARKED_TURNS)) {
    const last = content.at(-1);
    if (last?.type === 'text' || last?.type === 'tool_result') content[content.length - 1] = { ...last, ...MARK };
  }
}

/** The tools on offer. A conversation with calls is taken only with tools, so those called are named when none is offered. */
function wireTools(request: ModelRequest, messages: readonly WireMessage[]): Anthropic.Messages.Tool[] {
  const tools = request.tools.map(
    ({ name, description, parameters }): Anthropic.Messages.Tool => ({
      name,
      description,
      input_schema: { ...parameters, type: 'object' },
    }),
  );
  if (!tools.length) {
    const called = messages.flatMap(({ content }) => content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : [])));
    return [...new Set(called)].map((name) => ({ name, input_schema: { type: 'object' } }));
  }
  const last = tools.at(-1);
  if (last) tools[tools.length - 1] = { ...last, ...MARK };
  return tools;
}
