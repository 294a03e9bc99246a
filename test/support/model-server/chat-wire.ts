/** The chat completions API as OpenAI writes it. */
import type { ChatCompletion, ChatCompletionChunk } from 'openai/resources/chat/completions';
import type { CompletionUsage } from 'openai/resources/completions';
import { isObject } from './json.ts';
import { type FullReply, type FullUsage, pieces } from './reply.ts';
import type { SeenRequest } from './seen-request.ts';

type Delta = ChatCompletionChunk.Choice.Delta & { reasoning_content?: string };

export function chatWhole(reply: FullReply): ChatCompletion {
  const message = {
    role: 'assistant' as const,
    content: reply.text || null,
    refusal: reply.refusal || null,
    annotations: [],
    ...(reply.reasoning && { reasoning_content: reply.reasoning }),
    ...(reply.calls.length && {
      tool_calls: reply.calls.map((call) => ({
        id: call.id,
        type: 'function' as const,
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
  };
  return {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion',
    created: reply.created,
    model: reply.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(reply) }],
    ...(reply.usage && { usage: usage(reply.usage) }),
    service_tier: 'default',
    system_fingerprint: 'fp_scripted',
  };
}

/** The frames of a stream, without those that end it. */
export function chatFrames(reply: FullReply, request: SeenRequest): string[] {
  const options = request.body.stream_options;
  const includeUsage = isObject(options) && options.include_usage === true && reply.usage !== undefined;
  const base = {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion.chunk' as const,
    created: reply.created,
    model: reply.model,
    service_tier: 'default' as const,
    system_fingerprint: 'fp_scripted',
  };
  const chunk = (delta: Delta, reason: ChatCompletionChunk.Choice['finish_reason'] = null): ChatCompletionChunk => ({
    ...base,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...(includeUsage && { usage: null }),
  });
  const chunks = [chunk({ role: 'assistant', content: reply.calls.length && !reply.text ? null : '', refusal: null })];
  for (const piece of pieces(reply.reasoning)) chunks.push(chunk({ reasoning_content: piece }));
  for (const piece of pieces(reply.text)) chunks.push(chunk({ content: piece }));
  for (const piece of pieces(reply.refusal)) chunks.push(chunk({ refusal: piece }));
  reply.calls.forEach((call, index) => {
    chunks.push(chunk({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] }));
    for (const piece of pieces(call.arguments, 4))
      chunks.push(chunk({ tool_calls: [{ index, function: { arguments: piece } }] }));
  });
  chunks.push(chunk({}, finishReason(reply)));
  if (includeUsage && reply.usage) chunks.push({ ...base, choices: [], usage: usage(reply.usage) });
  return [...chunks.map((value) => `data: ${JSON.stringify(value)}\n\n`), 'data: [DONE]\n\n'];
}

/** An error in a stream that has begun. */
export function chatErrorFrame(error: { code: string; message: string; type?: string }): string {
  return `data: ${JSON.stringify({ error: { type: 'server_error', param: null, ...error } })}\n\n`;
}

function finishReason(reply: FullReply): ChatCompletion.Choice['finish_reason'] {
  return reply.stop ?? (reply.calls.length ? 'tool_calls' : 'stop');
}

function usage(tokens: FullUsage): CompletionUsage {
  return {
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
    prompt_tokens_details: { cached_tokens: tokens.cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: tokens.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
