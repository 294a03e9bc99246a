/** What OpenAI refuses of the form of a request, in its words: a client that passes here does not fail there. */
import { objects, text } from './json.ts';
import { chatCalls } from './openai-view.ts';
import { ENCRYPTED_PREFIX } from './responses-wire.ts';
import type { SeenRequest } from './seen-request.ts';
import type { ApiRefusal, ErrorText, Wire } from './wire.ts';

type Refusals = Pick<Wire, 'errorBody' | 'filtered' | 'refusal' | 'wrongKey' | 'unknownModel' | 'unknownParameter' | 'tooLong'>;

/** The refusals of one of its two APIs. */
export function openaiRefusals(api: 'chat' | 'responses'): Refusals {
  return {
    errorBody: (status, error) => (error ? { error: whole(error) } : standardError(status)),
    filtered: (message) => refuse(400, 'content_filter', message),
    refusal: (request) => toolsRefusal(request) ?? (api === 'chat' ? chatRefusal(request) : responsesRefusal(request)),
    wrongKey: (shown) =>
      refuse(
        401,
        'invalid_api_key',
        `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`,
      ),
    unknownModel: (model) =>
      model
        ? refuse(404, 'model_not_found', `The model \`${model}\` does not exist or you do not have access to it.`)
        : refuse(400, 'missing_required_parameter', "Missing required parameter: 'model'.", 'model'),
    unknownParameter: (name) => {
      const instead = name === 'max_tokens' ? " Use 'max_completion_tokens' instead." : '';
      const message = `Unsupported parameter: '${name}' is not supported with this model.${instead}`;
      return refuse(400, 'unsupported_parameter', message, name);
    },
    tooLong: (tokens, window) =>
      api === 'chat'
        ? refuse(
            400,
            'context_length_exceeded',
            `This model's maximum context length is ${window} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`,
            'messages',
          )
        : refuse(
            400,
            'context_length_exceeded',
            'Your input exceeds the context window of this model. Please adjust your input and try again.',
            'input',
          ),
  };
}

function toolsRefusal({ body, api, tools }: SeenRequest): ApiRefusal | undefined {
  if (Array.isArray(body.tools)) {
    if (api === 'chat' && body.tools.length === 0) {
      return refuse(
        400,
        'empty_array',
        "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        'tools',
      );
    }
    const bad = tools.findIndex((name) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name));
    if (bad >= 0) {
      const param = api === 'chat' ? `tools[${bad}].function.name` : `tools[${bad}].name`;
      return refuse(
        400,
        'invalid_value',
        `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
        param,
      );
    }
    return undefined;
  }
  for (const name of api === 'chat' ? ['tool_choice', 'parallel_tool_calls'] : []) {
    if (name in body && body[name] !== 'none') {
      return refuse(400, null, `Invalid value for '${name}': '${name}' is only allowed when 'tools' are specified.`, name);
    }
  }
  if (api === 'responses' && body.tool_choice === 'required') {
    return refuse(400, null, "Tool choice 'required' must be specified with 'tools' parameter.", 'tool_choice');
  }
  return undefined;
}

function chatRefusal({ body }: SeenRequest): ApiRefusal | undefined {
  if (!Array.isArray(body.messages))
    return refuse(400, 'missing_required_parameter', "Missing required parameter: 'messages'.", 'messages');
  if (!body.messages.length) {
    return refuse(
      400,
      'empty_array',
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      'messages',
    );
  }
  if ('stream_options' in body && body.stream !== true) {
    return refuse(400, null, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  }
  let open = new Set<string>();
  for (const [index, message] of objects(body.messages).entries()) {
    if (message.role === 'tool') {
      if (!open.delete(text(message.tool_call_id))) {
        return refuse(
          400,
          null,
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${index}].role`,
        );
      }
      continue;
    }
    if (open.size) break;
    const calls = chatCalls(message);
    if (message.role === 'assistant' && !calls.length && typeof message.content !== 'string' && !Array.isArray(message.content)) {
      return refuse(400, null, "Invalid value for 'content': expected a string, got null.", `messages.[${index}].content`);
    }
    open = new Set(calls.map((call) => call.id));
  }
  if (!open.size) return undefined;
  const ids = [...open].join(', ');
  return refuse(
    400,
    null,
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids}`,
    'messages',
  );
}

function responsesRefusal({ body }: SeenRequest): ApiRefusal | undefined {
  if (typeof body.input === 'string') return undefined;
  if (!Array.isArray(body.input))
    return refuse(400, 'missing_required_parameter', "Missing required parameter: 'input'.", 'input');
  const items = objects(body.input);
  const idsOf = (type: string) => items.flatMap((item) => (item.type === type ? [text(item.call_id)] : []));
  const [calls, outputs] = [idsOf('function_call'), idsOf('function_call_output')];
  const unanswered = calls.find((id) => !outputs.includes(id));
  if (unanswered !== undefined) return refuse(400, null, `No tool output found for function call ${unanswered}.`, 'input');
  const unasked = outputs.find((id) => !calls.includes(id));
  if (unasked !== undefined)
    return refuse(400, null, `No tool call found for function call output with call_id ${unasked}.`, 'input');
  for (const [index, item] of items.entries()) {
    if (item.type !== 'reasoning') continue;
    const id = text(item.id);
    if (!text(item.encrypted_content)) {
      return refuse(
        404,
        null,
        `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
        'input',
      );
    }
    if (!text(item.encrypted_content).startsWith(ENCRYPTED_PREFIX)) {
      return refuse(
        400,
        'invalid_encrypted_content',
        `The encrypted content for item ${id} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
      );
    }
    const next = items[index + 1];
    if (next?.type !== 'function_call' && next?.type !== 'reasoning' && next?.role !== 'assistant') {
      return refuse(400, null, `Item '${id}' of type 'reasoning' was provided without its required following item.`, 'input');
    }
  }
  return undefined;
}

function refuse(status: number, code: string | null, message: string, param: string | null = null): ApiRefusal {
  return { status, error: whole({ message, param, code }) };
}

function whole(error: ErrorText): Required<ErrorText> {
  return { type: 'invalid_request_error', param: null, code: null, ...error };
}

/** The body that OpenAI sends for a status when a script gives none. */
export function standardError(status: number): { error: Required<ErrorText> } {
  const known: Record<number, [type: string, code: string | null, message: string]> = {
    400: ['invalid_request_error', null, 'Invalid request.'],
    401: ['invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.'],
    403: ['invalid_request_error', 'unsupported_country_region_territory', 'Country, region, or territory not supported'],
    404: ['invalid_request_error', 'model_not_found', 'The model does not exist or you do not have access to it.'],
    429: ['tokens', 'rate_limit_exceeded', 'Rate limit reached on tokens per min (TPM). Please try again later.'],
    503: ['service_unavailable_error', 'server_overloaded', 'The engine is currently overloaded, please try again later'],
  };
  const [type, code, message] = known[status] ?? ['server_error', null, 'The server had an error while processing your request.'];
  return { error: { message, type, param: null, code } };
}
