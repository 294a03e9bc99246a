/** A request as the scripted model sees it: the same view of both of OpenAI's APIs, made only when it is looked at. */
import type { IncomingHttpHeaders } from 'node:http';

export type Json = Record<string, unknown>;
export type SeenCall = { id: string; name: string; arguments: string };
export type SeenMessage =
  | { role: 'user'; text: string }
  | { role: 'assistant'; text: string; calls: SeenCall[] }
  | { role: 'tool'; callId: string; text: string };

type View = { system: string; messages: SeenMessage[]; reasoning: Json[] };

export class SeenRequest {
  /** Counts from 1 over the life of the server. */
  readonly number: number;
  readonly api: 'chat' | 'responses';
  readonly headers: IncomingHttpHeaders;
  /** The body as it came. */
  readonly raw: string;
  /** Aborted when the client went away before the whole answer was sent. */
  readonly signal: AbortSignal;
  #body: Json | undefined;
  #view: View | undefined;

  constructor(number: number, api: 'chat' | 'responses', headers: IncomingHttpHeaders, raw: string, signal: AbortSignal) {
    this.number = number;
    this.api = api;
    this.headers = headers;
    this.raw = raw;
    this.signal = signal;
  }

  /** @throws SyntaxError when the body is no JSON object. */
  get body(): Json {
    if (!this.#body) {
      const value: unknown = JSON.parse(this.raw);
      if (!isObject(value)) throw new SyntaxError('the body is not a JSON object');
      this.#body = value;
    }
    return this.#body;
  }

  get model(): string {
    return text(this.body.model);
  }

  get streamed(): boolean {
    return this.body.stream === true;
  }

  /** Whether the client went away before the whole answer was sent. */
  get gone(): boolean {
    return this.signal.aborted;
  }

  /** Names of the tools on offer. */
  get tools(): string[] {
    return objects(this.body.tools).map((tool) => text((isObject(tool.function) ? tool.function : tool).name));
  }

  get system(): string {
    return this.#seen.system;
  }

  /** The conversation without the system text. */
  get messages(): readonly SeenMessage[] {
    return this.#seen.messages;
  }

  /** Reasoning items that came back (Responses API). */
  get reasoning(): readonly Json[] {
    return this.#seen.reasoning;
  }

  /** Results of tool calls by the id of the call. */
  get results(): ReadonlyMap<string, string> {
    return new Map(
      this.messages.flatMap((message) => (message.role === 'tool' ? [[message.callId, message.text] as const] : [])),
    );
  }

  /** All calls the model has made in this conversation, oldest first. */
  get calls(): SeenCall[] {
    return this.messages.flatMap((message) => (message.role === 'assistant' ? message.calls : []));
  }

  /** How often the model has answered in this conversation. */
  get turn(): number {
    return this.messages.reduce((count, message) => count + (message.role === 'assistant' ? 1 : 0), 0);
  }

  /** Text of the last message: the user's words or the last tool result. */
  get last(): string {
    return this.messages.at(-1)?.text ?? '';
  }

  get #seen(): View {
    this.#view ??= this.api === 'chat' ? chatView(this.body) : responsesView(this.body);
    return this.#view;
  }
}

function chatView(body: Json): View {
  const view: View = { system: '', messages: [], reasoning: [] };
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

function responsesView(body: Json): View {
  const view: View = { system: text(body.instructions), messages: [], reasoning: [] };
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

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return objects(content)
    .map((part) => text(part.text) || text(part.refusal))
    .join('');
}

/** The value when it is a string, else nothing. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The objects of a list; none when it is no list. */
export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
