/** What Anthropic refuses of the form of a request, in its words. */
import { SIGNATURE_PREFIX } from './anthropic-wire.ts';
import { type Json, object, objects, text } from './json.ts';
import type { SeenRequest } from './seen-request.ts';
import type { ApiRefusal } from './wire.ts';

const MOST_CACHE_MARKS = 4;

export function anthropicRefusal({ body, headers, raw }: SeenRequest): ApiRefusal | undefined {
  if (!headers['anthropic-version']) return refuse('anthropic-version: header is required');
  const sampling = ['temperature', 'top_p', 'top_k'].find((name) => name in body);
  if (sampling !== undefined) return refuse(`${sampling}: Extra inputs are not permitted`);
  if (typeof body.max_tokens !== 'number') return refuse('max_tokens: Field required');
  const marks = raw.split('"cache_control"').length - 1;
  if (marks > MOST_CACHE_MARKS)
    return refuse(`A maximum of ${MOST_CACHE_MARKS} blocks with cache_control may be provided. Found ${marks}.`);
  const tools = objects(body.tools);
  const bad = tools.findIndex((tool) => !/^[a-zA-Z0-9_-]{1,128}$/.test(text(tool.name)) || !tool.input_schema);
  if (bad >= 0) return refuse(`tools.${bad}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
  const choice = object(body.tool_choice).type;
  if (choice !== undefined && !tools.length) return refuse('tool_choice may only be specified while providing tools.');
  if (choice === 'any' && body.thinking !== undefined && object(body.thinking).type !== 'disabled')
    return refuse('Thinking may not be enabled when tool_choice forces tool use.');
  return conversationRefusal(objects(body.messages), tools.length > 0);
}

function conversationRefusal(messages: Json[], hasTools: boolean): ApiRefusal | undefined {
  if (!messages.length) return refuse('messages: at least one message is required');
  let open = new Set<string>();
  for (const [at, message] of messages.entries()) {
    const blocks = typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : objects(message.content);
    if (!blocks.length) return refuse(`messages.${at}: all messages must have non-empty content`);
    for (const [index, block] of blocks.entries()) {
      const where = `messages.${at}.content.${index}`;
      if (block.type === 'text' && text(block.text).trim() === '')
        return refuse('messages: text content blocks must contain non-whitespace text');
      if (block.type === 'thinking' && !text(block.signature).startsWith(SIGNATURE_PREFIX))
        return refuse(`${where}: Invalid \`signature\` in \`thinking\` block`);
      if (block.type === 'tool_use' && typeof block.input !== 'object')
        return refuse(`${where}.tool_use.input: Input should be a valid dictionary`);
      if (block.type === 'tool_use' && !/^[a-zA-Z0-9_-]+$/.test(text(block.id)))
        return refuse(`${where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
      if (block.type === 'tool_use' && !hasTools) return refuse('Requests which have `tool_use` blocks must define tools.');
      if (block.type === 'tool_result' && !open.delete(text(block.tool_use_id)))
        return refuse(`${where}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${text(block.tool_use_id)}.`);
    }
    if (open.size) return unanswered(at, open);
    open = new Set(blocks.flatMap((block) => (block.type === 'tool_use' ? [text(block.id)] : [])));
  }
  return open.size ? unanswered(messages.length, open) : undefined;
}

function unanswered(at: number, ids: Set<string>): ApiRefusal {
  return refuse(
    `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${[...ids].join(', ')}.`,
  );
}

function refuse(message: string): ApiRefusal {
  return { status: 400, error: { type: 'invalid_request_error', message } };
}
