/** Requests of OpenAI's two APIs as conversations. */
import { isObject, type Json, objects, text } from './json.ts';
import type { SeenCall, SeenMessage, SeenView } from './seen-request.ts';

export function chatView(body: Json): SeenView {
  const view = emptyView(body);
  view.settings.maxOutputTokens = body.max_completion_tokens ?? body.max_tokens;
  for (const message of objects(body.messages)) {
    const words = contentText(message.content);
    if (message.role === 'system' || message.role === 'developer') view.system += words;
    else if (message.role === 'tool') view.messages.push({ role: 'tool', callId: text(message.tool_call_id), text: words });
    else if (message.role === 'assistant') view.messages.push({ role: 'assistant', text: words, calls: chatCalls(message) });
    else view.messages.push({ role: 'user', text: words });
  }
  return view;
}

/** The calls of an assistant message of the chat API. */
export function chatCalls(message: Json): SeenCall[] {
  return objects(message.tool_calls).map((call) => {
    const inner = isObject(call.function) ? call.function : {};
    return { id: text(call.id), name: text(inner.name), arguments: text(inner.arguments) };
  });
}

export function responsesView(body: Json): SeenView {
  const view = emptyView(body);
  view.system = text(body.instructions);
  view.settings.maxOutputTokens = body.max_output_tokens;
  const assistant = () => {
    const last = view.messages.at(-1);
    if (last?.role === 'assistant') return last;
    const fresh: SeenMessage & { role: 'assistant' } = { role: 'assistant', text: '', calls: [] };
    view.messages.push(fresh);
    return fresh;
  };
  const items = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : objects(body.input);
  for (const item of items) {
    if (item.type === 'reasoning') {
      view.reasoning.push(item);
    } else if (item.type === 'function_call') {
      assistant().calls.push({ id: text(item.call_id), name: text(item.name), arguments: text(item.arguments) });
    } else if (item.type === 'function_call_output') {
      view.messages.push({ role: 'tool', callId: text(item.call_id), text: contentText(item.output) });
    } else if (item.role === 'assistant') {
      assistant().text += contentText(item.content);
    } else if (item.role === 'system' || item.role === 'developer') {
      view.system += contentText(item.content);
    } else {
      view.messages.push({ role: 'user', text: contentText(item.content) });
    }
  }
  return view;
}

function emptyView(body: Json): SeenView {
  const tools = objects(body.tools).map((tool) => text((isObject(tool.function) ? tool.function : tool).name));
  const { temperature, top_p: topP, tool_choice: toolChoice } = body;
  return { system: '', messages: [], reasoning: [], tools, settings: { temperature, topP, toolChoice } };
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return objects(content)
    .map((part) => text(part.text) || text(part.refusal))
    .join('');
}
