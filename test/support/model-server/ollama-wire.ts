/** Ollama's own API as it writes it. */
import { isObject, type Json, object, objects, text } from './json.ts';
import { type FullReply, pieces } from './reply.ts';
import type { SeenMessage, SeenRequest, SeenView } from './seen-request.ts';
import type { ApiRefusal, ErrorText, Wire } from './wire.ts';

export const ollamaWire: Wire = {
  contentType: 'application/x-ndjson',
  view,
  frames,
  errorFrame: ({ message }) => `${JSON.stringify({ error: message })}\n`,
  errorBody,
  refusal,
  wrongKey: () => refuse(401, 'unauthorized'),
  unknownModel: (model) => (model ? refuse(404, `model '${model}' not found`) : refuse(400, 'model is required')),
  unknownParameter: (name) => refuse(400, `"m" does not support ${name === 'think' ? 'thinking' : name}`),
  tooLong: () => refuse(400, 'the input length exceeds the context length'),
  withoutTools: (model) => refuse(400, `registry.ollama.ai/library/${model}:latest does not support tools`),
};

const STATUS: Record<number, string> = {
  400: 'invalid request',
  401: 'unauthorized',
  404: 'model not found, try pulling it first',
  503: 'server busy, please try again.  maximum pending requests exceeded',
};

function errorBody(status: number, error?: ErrorText): unknown {
  return { error: error?.message ?? STATUS[status] ?? 'an error was encountered while running the model' };
}

function refuse(status: number, message: string): ApiRefusal {
  return { status, error: { message } };
}

function frames(reply: FullReply): string[] {
  const base = { model: reply.model, created_at: new Date(reply.created * 1_000).toISOString() };
  const line = (message: Json, ending: Json = { done: false }) =>
    `${JSON.stringify({ ...base, message: { role: 'assistant', content: '', ...message }, ...ending })}\n`;
  const counts = reply.usage && { prompt_eval_count: reply.usage.input, eval_count: reply.usage.output };
  return [
    ...pieces(reply.reasoning).map((thinking) => line({ thinking })),
    ...pieces(reply.text).map((content) => line({ content })),
    ...reply.calls.map((call, index) => {
      const args: unknown = call.arguments === '' ? {} : JSON.parse(call.arguments);
      return line({ tool_calls: [{ id: call.id, function: { index, name: call.name, arguments: args } }] });
    }),
    line({}, { done: true, done_reason: reply.stop === 'length' ? 'length' : 'stop', total_duration: 1, ...counts }),
  ];
}

function view(body: Json): SeenView {
  const { temperature, top_p: topP, num_predict: maxOutputTokens } = object(body.options);
  const messages = objects(body.messages);
  return {
    system: messages.map(({ role, content }) => (role === 'system' ? text(content) : '')).join(''),
    messages: messages.filter(({ role }) => role !== 'system').map(seen),
    reasoning: messages.filter(({ thinking }) => thinking !== undefined),
    tools: objects(body.tools).map((tool) => text(object(tool.function).name)),
    settings: { temperature, topP, maxOutputTokens },
  };
}

function seen(message: Json): SeenMessage {
  const words = text(message.content);
  if (message.role === 'tool') return { role: 'tool', callId: text(message.tool_call_id), text: words };
  if (message.role !== 'assistant') return { role: 'user', text: words };
  const calls = objects(message.tool_calls).map((call) => {
    const { name, arguments: args } = object(call.function);
    return { id: text(call.id), name: text(name), arguments: JSON.stringify(args) };
  });
  return { role: 'assistant', text: words, calls };
}

function refusal({ body }: SeenRequest): ApiRefusal | undefined {
  for (const message of objects(body.messages)) {
    if (typeof message.content !== 'string') return refuse(400, 'json: cannot unmarshal content into Go struct field');
    const calls = objects(message.tool_calls);
    if (!calls.every((call) => isObject(object(call.function).arguments)))
      return refuse(400, 'json: cannot unmarshal string into Go struct field ToolCallFunction.arguments');
  }
  return undefined;
}
