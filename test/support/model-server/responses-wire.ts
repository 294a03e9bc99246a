/** The Responses API as OpenAI writes it. */
import type {
  Response as ModelResponse,
  ResponseOutputItem,
  ResponseStreamEvent,
  ResponseUsage,
} from 'openai/resources/responses/responses';
import { type FullReply, type FullUsage, pieces } from './reply.ts';
import type { SeenRequest } from './seen-request.ts';

/** What encrypted reasoning of this server begins with; anything else is refused as OpenAI refuses what it cannot decrypt. */
export const ENCRYPTED_PREFIX = 'scripted-';

type Envelope = Omit<ModelResponse, 'output_text' | 'access_programs'>;
/** An event before it gets its number. */
type Event = ResponseStreamEvent extends infer E
  ? E extends { sequence_number: number }
    ? Omit<E, 'sequence_number'>
    : never
  : never;

export function responsesWhole(reply: FullReply, request: SeenRequest): Envelope {
  return envelope(reply, request, outputOf(reply, request), true);
}

/** The frames of a stream. */
export function responsesFrames(reply: FullReply, request: SeenRequest): string[] {
  const output = outputOf(reply, request);
  const begun = envelope(reply, request, [], false) as ModelResponse;
  const ended = envelope(reply, request, output, true) as ModelResponse;
  const events: Event[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...output.flatMap(itemEvents),
    reply.stop ? { type: 'response.incomplete', response: ended } : { type: 'response.completed', response: ended },
  ];
  return events.map(frame);
}

/** An error in a stream that has begun: the response fails. */
export function responsesErrorFrame(error: { code: string; message: string }, reply: FullReply, request: SeenRequest): string {
  const response = {
    ...envelope(reply, request, [], false),
    status: 'failed',
    error: { code: error.code, message: error.message },
  };
  return `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', response, sequence_number: 99 })}\n\n`;
}

function frame(event: Event, number: number): string {
  return `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: number })}\n\n`;
}

function outputOf(reply: FullReply, request: SeenRequest): ResponseOutputItem[] {
  const output: ResponseOutputItem[] = [];
  const include = request.body.include;
  if (reply.reasoning) {
    const encrypted = Array.isArray(include) && include.includes('reasoning.encrypted_content');
    output.push({
      id: `rs_${reply.id}`,
      type: 'reasoning',
      summary: [],
      ...(encrypted && { encrypted_content: ENCRYPTED_PREFIX + Buffer.from(reply.reasoning).toString('base64') }),
    });
  }
  if (reply.text || reply.refusal) {
    output.push({
      id: `msg_${reply.id}`,
      type: 'message',
      status: reply.stop ? 'incomplete' : 'completed',
      role: 'assistant',
      content: reply.refusal
        ? [{ type: 'refusal', refusal: reply.refusal }]
        : [{ type: 'output_text', annotations: [], logprobs: [], text: reply.text }],
    });
  }
  for (const call of reply.calls) {
    output.push({
      id: call.itemId,
      type: 'function_call',
      status: 'completed',
      arguments: call.arguments,
      call_id: call.id,
      name: call.name,
    });
  }
  return output;
}

function itemEvents(item: ResponseOutputItem, output_index: number): Event[] {
  if (item.type === 'reasoning') {
    return [
      { type: 'response.output_item.added', output_index, item: { id: item.id, type: 'reasoning', summary: [] } },
      { type: 'response.output_item.done', output_index, item },
    ];
  }
  if (item.type === 'function_call') {
    const at = { item_id: item.id ?? '', output_index };
    return [
      { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress', arguments: '' } },
      ...pieces(item.arguments, 4).map((delta) => ({ type: 'response.function_call_arguments.delta' as const, ...at, delta })),
      { type: 'response.function_call_arguments.done', ...at, arguments: item.arguments },
      { type: 'response.output_item.done', output_index, item },
    ];
  }
  if (item.type !== 'message') return [];
  const at = { item_id: item.id, output_index, content_index: 0 };
  const part = item.content[0];
  if (!part) return [];
  const inner: Event[] =
    part.type === 'refusal'
      ? [
          { type: 'response.content_part.added', ...at, part: { type: 'refusal', refusal: '' } },
          ...pieces(part.refusal).map((delta) => ({ type: 'response.refusal.delta' as const, ...at, delta })),
          { type: 'response.refusal.done', ...at, refusal: part.refusal },
        ]
      : [
          { type: 'response.content_part.added', ...at, part: { type: 'output_text', annotations: [], logprobs: [], text: '' } },
          ...pieces(part.text).map((delta) => ({ type: 'response.output_text.delta' as const, ...at, delta, logprobs: [] })),
          { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] },
        ];
  return [
    { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress', content: [] } },
    ...inner,
    { type: 'response.content_part.done', ...at, part },
    { type: 'response.output_item.done', output_index, item },
  ];
}

function envelope(reply: FullReply, request: SeenRequest, output: ResponseOutputItem[], ended: boolean): Envelope {
  const number = (name: string) => (typeof request.body[name] === 'number' ? request.body[name] : null);
  return {
    id: `resp_${reply.id}`,
    object: 'response',
    created_at: reply.created,
    status: ended ? (reply.stop ? 'incomplete' : 'completed') : 'in_progress',
    background: false,
    error: null,
    incomplete_details: ended && reply.stop ? { reason: reply.stop === 'length' ? 'max_output_tokens' : 'content_filter' } : null,
    instructions: null,
    max_output_tokens: number('max_output_tokens'),
    model: reply.model,
    output,
    parallel_tool_calls: request.body.parallel_tool_calls !== false,
    previous_response_id: null,
    prompt_cache_key: typeof request.body.prompt_cache_key === 'string' ? request.body.prompt_cache_key : null,
    service_tier: 'default',
    temperature: number('temperature') ?? 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: number('top_p') ?? 1,
    truncation: 'disabled',
    metadata: {},
    ...(ended && reply.usage && { usage: usage(reply.usage) }),
  };
}

function usage(tokens: FullUsage): ResponseUsage {
  return {
    input_tokens: tokens.input,
    input_tokens_details: { cached_tokens: tokens.cached, cache_write_tokens: 0 },
    output_tokens: tokens.output,
    output_tokens_details: { reasoning_tokens: tokens.reasoning },
    total_tokens: tokens.input + tokens.output,
  };
}
