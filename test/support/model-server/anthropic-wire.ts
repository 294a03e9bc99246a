/** The Messages API as Anthropic writes it. */
import type { MessageDeltaUsage, RawMessageStreamEvent, StopReason } from '@anthropic-ai/sdk/resources/messages';
import { anthropicRefusal } from './anthropic-refusals.ts';
import { isObject, type Json, object, objects, text } from './json.ts';
import { type FullReply, pieces } from './reply.ts';
import type { SeenMessage, SeenView } from './seen-request.ts';
import type { ApiRefusal, ErrorText, Wire } from './wire.ts';

/** What the signature of a thought begins with; others are refused, as Anthropic refuses what it did not sign. */
export const SIGNATURE_PREFIX = 'signed-';

export const anthropicWire: Wire = {
  contentType: 'text/event-stream; charset=utf-8',
  view,
  frames,
  errorFrame: ({ code, message, type }) =>
    frame({ ...errorBody(500, { message, type: type ?? EVENT_TYPES[code] ?? 'api_error' }) }),
  errorBody,
  filtered: (words, reply) => ({ frames: frames({ ...reply, refusal: words }) }),
  refusal: anthropicRefusal,
  wrongKey: () => refuse(401, 'authentication_error', 'invalid x-api-key'),
  unknownModel: (model) => refuse(404, 'not_found_error', `model: ${model}`),
  unknownParameter: (name) => refuse(400, 'invalid_request_error', `${name}: Extra inputs are not permitted`),
  tooLong: (tokens, window) => refuse(400, 'invalid_request_error', `prompt is too long: ${tokens} tokens > ${window} maximum`),
};

/** What the errors that scripts name are called here. */
const EVENT_TYPES: Record<string, string> = {
  rate_limit_exceeded: 'rate_limit_error',
  insufficient_quota: 'billing_error',
  server_overloaded: 'overloaded_error',
};
const STATUS: Record<number, [type: string, message: string]> = {
  400: ['invalid_request_error', 'Invalid request.'],
  401: ['authentication_error', 'invalid x-api-key'],
  402: ['billing_error', 'There is an issue with your billing.'],
  403: ['permission_error', 'Request not allowed'],
  404: ['not_found_error', 'Not found'],
  413: ['request_too_large', 'Request exceeds the maximum size'],
  429: ['rate_limit_error', 'This request would exceed the rate limit for your organization.'],
  529: ['overloaded_error', 'Overloaded'],
};

function errorBody(status: number, error?: ErrorText): { type: string } {
  const [type, message] = STATUS[status] ?? ['api_error', 'Internal server error'];
  const shown = { type: error?.type ?? type, message: error?.message ?? message };
  return { type: 'error', ...{ error: shown, request_id: 'req_scripted' } };
}

function refuse(status: number, type: string, message: string): ApiRefusal {
  return { status, error: { type, message } };
}

function frames(reply: FullReply): string[] {
  const usage = reply.usage && usageOf(reply.usage);
  const message = {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    ...(usage && { usage: { ...usage, output_tokens: 1, output_tokens_details: null, service_tier: 'standard' } }),
  };
  const delta = {
    stop_reason: stopReason(reply),
    stop_sequence: null,
    stop_details: reply.refusal ? { type: 'refusal', category: null, explanation: reply.refusal } : null,
  };
  return [
    { type: 'message_start', message },
    { type: 'ping' },
    ...blockEvents(reply),
    { type: 'message_delta', delta, ...(usage && { usage }) },
    { type: 'message_stop' },
  ].map(frame);
}

function frame(event: { type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function blockEvents(reply: FullReply): RawMessageStreamEvent[] {
  const events: RawMessageStreamEvent[] = [];
  let index = 0;
  const block = (
    content_block: Extract<RawMessageStreamEvent, { type: 'content_block_start' }>['content_block'],
    deltas: Extract<RawMessageStreamEvent, { type: 'content_block_delta' }>['delta'][],
  ) => {
    events.push({ type: 'content_block_start', index, content_block });
    for (const delta of deltas) events.push({ type: 'content_block_delta', index, delta });
    events.push({ type: 'content_block_stop', index });
    index++;
  };
  if (reply.reasoning) {
    const signature = SIGNATURE_PREFIX + Buffer.from(reply.reasoning).toString('base64');
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...pieces(reply.reasoning).map((thinking) => ({ type: 'thinking_delta' as const, thinking })),
      { type: 'signature_delta', signature },
    ]);
  }
  if (reply.text) {
    block(
      { type: 'text', text: '', citations: null },
      pieces(reply.text).map((piece) => ({ type: 'text_delta' as const, text: piece })),
    );
  }
  for (const call of reply.calls) {
    block({ type: 'tool_use', id: call.id, name: call.name, input: {}, caller: { type: 'direct' } }, [
      { type: 'input_json_delta', partial_json: '' },
      ...pieces(call.arguments, 4).map((partial_json) => ({ type: 'input_json_delta' as const, partial_json })),
    ]);
  }
  return events;
}

function stopReason(reply: FullReply): StopReason {
  if (reply.refusal || reply.stop === 'content_filter') return 'refusal';
  if (reply.stop === 'length') return 'max_tokens';
  return reply.calls.length ? 'tool_use' : 'end_turn';
}

function usageOf(tokens: NonNullable<FullReply['usage']>): MessageDeltaUsage {
  return {
    input_tokens: tokens.input - tokens.cached - tokens.written,
    cache_creation_input_tokens: tokens.written,
    cache_read_input_tokens: tokens.cached,
    output_tokens: tokens.output,
    output_tokens_details: { thinking_tokens: tokens.reasoning },
    server_tool_use: null,
  };
}

function view(body: Json): SeenView {
  const system =
    typeof body.system === 'string'
      ? body.system
      : objects(body.system)
          .map((block) => text(block.text))
          .join('');
  const { temperature, top_p: topP, max_tokens: maxOutputTokens } = body;
  const choice = object(body.tool_choice).type;
  const seen: SeenView = {
    system,
    messages: [],
    reasoning: [],
    tools: objects(body.tools).map((tool) => text(tool.name)),
    settings: { temperature, topP, maxOutputTokens, toolChoice: choice === 'any' ? 'required' : choice },
  };
  for (const message of objects(body.messages)) {
    const blocks = typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : objects(message.content);
    seen.reasoning.push(...blocks.filter(({ type }) => type === 'thinking' || type === 'redacted_thinking'));
    seen.messages.push(...(message.role === 'assistant' ? [said(blocks)] : blocks.map(heard)));
  }
  return seen;
}

function said(blocks: Json[]): SeenMessage {
  return {
    role: 'assistant',
    text: blocks.map((block) => (block.type === 'text' ? text(block.text) : '')).join(''),
    calls: blocks
      .filter(({ type }) => type === 'tool_use')
      .map(({ id, name, input }) => ({ id: text(id), name: text(name), arguments: JSON.stringify(input) })),
  };
}

function heard(block: Json): SeenMessage {
  if (block.type !== 'tool_result') return { role: 'user', text: text(block.text) };
  const { content } = block;
  const words =
    isObject(content) || Array.isArray(content)
      ? objects(content)
          .map((part) => text(part.text))
          .join('')
      : text(content);
  return { role: 'tool', callId: text(block.tool_use_id), text: words };
}
