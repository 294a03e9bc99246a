/** The Gemini API as Google writes it. */
import type { GenerateContentResponseUsageMetadata, Part } from '@google/genai/web';
import { isObject, type Json, object, objects, text } from './json.ts';
import { type FullReply, pieces } from './reply.ts';
import type { SeenMessage, SeenRequest, SeenView } from './seen-request.ts';
import type { ApiRefusal, ErrorText, Wire } from './wire.ts';

/** What the signature of a thought begins with; others are refused, as Google refuses what it did not sign. */
const SIGNATURE_PREFIX = 'signed-';
/** Taken in place of a signature. */
const NO_SIGNATURE = 'skip_thought_signature_validator';

export const geminiWire: Wire = {
  contentType: 'text/event-stream',
  view,
  parameters: (body) => object(body.generationConfig),
  frames,
  errorFrame: ({ code, message }) => frame(errorBody(STREAM_STATUS[code] ?? 500, { message })),
  errorBody,
  filtered: (words, reply) => ({
    frames: [frame({ promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: words }, modelVersion: reply.model })],
  }),
  refusal,
  wrongKey: () => refuse(400, 'API key not valid. Please pass a valid API key.'),
  unknownModel: (model) =>
    refuse(404, `models/${model} is not found for API version v1beta, or is not supported for generateContent.`),
  unknownParameter: (name) =>
    refuse(400, `Invalid JSON payload received. Unknown name "${name}" at 'generation_config': Cannot find field.`),
  tooLong: (tokens, window) =>
    refuse(400, `The input token count (${tokens}) exceeds the maximum number of tokens allowed (${window}).`),
};

const STREAM_STATUS: Record<string, number> = {
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  context_length_exceeded: 400,
};
const STATUS: Record<number, [status: string, message: string]> = {
  400: ['INVALID_ARGUMENT', 'Request contains an invalid argument.'],
  401: ['UNAUTHENTICATED', 'Request had invalid authentication credentials.'],
  403: ['PERMISSION_DENIED', 'The caller does not have permission'],
  404: ['NOT_FOUND', 'Requested entity was not found.'],
  429: ['RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'],
  503: ['UNAVAILABLE', 'The model is overloaded. Please try again later.'],
  504: ['DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.'],
};

function errorBody(status: number, error?: ErrorText): unknown {
  const [word, message] = STATUS[status] ?? ['INTERNAL', 'An internal error has occurred. Please retry.'];
  return { error: { code: status, message: error?.message ?? message, status: word } };
}

function refuse(status: number, message: string): ApiRefusal {
  return { status, error: { message } };
}

function frame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\r\n\r\n`;
}

function frames(reply: FullReply): string[] {
  const signature = reply.reasoning && SIGNATURE_PREFIX + Buffer.from(reply.reasoning).toString('base64');
  const parts: Part[] = pieces(reply.refusal || reply.text).map((piece) => ({ text: piece }));
  reply.calls.forEach((call, index) => {
    const args: unknown = call.arguments === '' ? undefined : JSON.parse(call.arguments);
    const functionCall = { id: call.id, name: call.name, ...(isObject(args) && { args }) };
    parts.push({ functionCall, ...(signature && index === 0 && { thoughtSignature: signature }) });
  });
  if (signature && !reply.calls.length) parts.push({ text: '', thoughtSignature: signature });
  const usageMetadata = reply.usage && usageOf(reply.usage);
  const rest = { modelVersion: reply.model, responseId: reply.id, ...(usageMetadata && { usageMetadata }) };
  const chunk = (part: Part | undefined, ending: Json = {}) =>
    frame({ candidates: [{ index: 0, ...(part && { content: { role: 'model', parts: [part] } }), ...ending }], ...rest });
  const finishReason =
    reply.refusal || reply.stop === 'content_filter' ? 'SAFETY' : reply.stop === 'length' ? 'MAX_TOKENS' : 'STOP';
  return [...parts.map((part) => chunk(part)), chunk(undefined, { finishReason })];
}

function usageOf(tokens: NonNullable<FullReply['usage']>): Partial<GenerateContentResponseUsageMetadata> {
  return {
    promptTokenCount: tokens.input,
    cachedContentTokenCount: tokens.cached,
    candidatesTokenCount: tokens.output - tokens.reasoning,
    thoughtsTokenCount: tokens.reasoning,
    totalTokenCount: tokens.input + tokens.output,
  };
}

function view(body: Json): SeenView {
  const { temperature, topP, maxOutputTokens } = object(body.generationConfig);
  const mode = text(object(object(body.toolConfig).functionCallingConfig).mode).toLowerCase();
  const contents = objects(body.contents);
  return {
    system: words(objects(object(body.systemInstruction).parts)),
    messages: contents.flatMap(({ role, parts }) => (role === 'model' ? [said(objects(parts))] : objects(parts).map(heard))),
    reasoning: contents.flatMap(({ parts }) =>
      objects(parts).filter(({ thoughtSignature }) => thoughtSignature !== undefined && thoughtSignature !== NO_SIGNATURE),
    ),
    tools: objects(body.tools).flatMap((tool) => objects(tool.functionDeclarations).map(({ name }) => text(name))),
    settings: { temperature, topP, maxOutputTokens, toolChoice: mode === 'any' ? 'required' : mode || undefined },
  };
}

function words(parts: Json[]): string {
  return parts.map((part) => text(part.text)).join('');
}

function said(parts: Json[]): SeenMessage {
  const calls = parts.flatMap(({ functionCall: call }) =>
    isObject(call) ? [{ id: text(call.id), name: text(call.name), arguments: JSON.stringify(call.args) }] : [],
  );
  return { role: 'assistant', text: words(parts), calls };
}

function heard(part: Json): SeenMessage {
  const { functionResponse: response } = part;
  if (!isObject(response)) return { role: 'user', text: text(part.text) };
  return { role: 'tool', callId: text(response.id), text: text(object(response.response).output) };
}

function refusal({ body, model }: SeenRequest): ApiRefusal | undefined {
  const contents = objects(body.contents);
  if (!contents.length) return refuse(400, '* GenerateContentRequest.contents: contents is not specified');
  let open = 0;
  for (const { role, parts: list } of contents) {
    const parts = objects(list);
    if (!parts.length) return refuse(400, 'Unable to submit request because it must have at least one part.');
    const answered = parts.filter((part) => part.functionResponse).length;
    if (answered !== open || (open > 0 && answered !== parts.length)) {
      return refuse(
        400,
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
    }
    const calls = parts.filter((part) => part.functionCall);
    open = role === 'model' ? calls.length : 0;
    const signature = calls[0]?.thoughtSignature;
    // Models before Gemini 3 sign nothing.
    if (calls.length && signature === undefined && !/gemini-[12]/.test(model))
      return refuse(400, 'Function call is missing a thought_signature in functionCall parts.');
    if (signature !== undefined && signature !== NO_SIGNATURE && !text(signature).startsWith(SIGNATURE_PREFIX))
      return refuse(400, 'Thought signature is not valid.');
  }
  return open ? refuse(400, 'Please ensure that function call turn is followed by its function responses.') : undefined;
}
