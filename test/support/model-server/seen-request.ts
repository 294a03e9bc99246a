/** A request as the scripted model sees it: the same view of every API, made only when it is looked at. */
import type { IncomingHttpHeaders } from 'node:http';
import { isObject, type Json, text } from './json.ts';
import type { Wire } from './wire.ts';

export type SeenCall = { id: string; name: string; arguments: string };
export type SeenMessage =
  | { role: 'user'; text: string }
  | { role: 'assistant'; text: string; calls: SeenCall[] }
  | { role: 'tool'; callId: string; text: string };

export type SeenView = {
  system: string;
  messages: SeenMessage[];
  reasoning: Json[];
  /** Names of the tools on offer. */
  tools: string[];
  settings: SeenSettings;
};
/** The parameters of a call as they came; absent ones are undefined. */
export type SeenSettings = { temperature?: unknown; topP?: unknown; maxOutputTokens?: unknown; toolChoice?: unknown };

/** What the address says of a request. */
export type Route = { api: Api; model?: string; streamed?: boolean };
export type Api = 'chat' | 'responses' | 'anthropic' | 'gemini' | 'ollama';

export class SeenRequest {
  /** Counts from 1 over the life of the server. */
  readonly number: number;
  readonly api: Api;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as it came. */
  readonly raw: string;
  /** Aborted when the client went away before the whole answer was sent. */
  readonly signal: AbortSignal;
  readonly #route: Route;
  readonly #wire: Wire;
  #body: Json | undefined;
  #view: SeenView | undefined;

  constructor(
    number: number,
    route: Route & { url: string },
    wire: Wire,
    seen: { headers: IncomingHttpHeaders; raw: string; signal: AbortSignal },
  ) {
    const { headers, raw, signal } = seen;
    this.number = number;
    this.api = route.api;
    this.url = route.url;
    this.#route = route;
    this.#wire = wire;
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
    return this.#route.model ?? text(this.body.model);
  }

  get streamed(): boolean {
    return this.#route.streamed ?? this.body.stream === true;
  }

  /** Whether the client went away before the whole answer was sent. */
  get gone(): boolean {
    return this.signal.aborted;
  }

  /** Names of the tools on offer. */
  get tools(): string[] {
    return this.#seen.tools;
  }

  get system(): string {
    return this.#seen.system;
  }

  /** The conversation without the system text. */
  get messages(): readonly SeenMessage[] {
    return this.#seen.messages;
  }

  get settings(): SeenSettings {
    return this.#seen.settings;
  }

  /** Reasoning of earlier turns that came back. */
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

  get #seen(): SeenView {
    this.#view ??= this.#wire.view(this.body);
    return this.#view;
  }
}
