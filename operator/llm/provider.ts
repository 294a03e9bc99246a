/** The model provider port. Every adapter passes test/conformance/provider.ts. */

export type ToolSpec = {
  name: string;
  description: string;
  /** JSON Schema of the arguments, an object. */
  parameters: Record<string, unknown>;
};

export type ToolCall = {
  /** The provider's id of the call; the result goes back under it. */
  id: string;
  name: string;
  /** As the model wrote it; may be no JSON at all. */
  arguments: string;
};

/** What a provider needs back unchanged on the next turn (reasoning items, thought signatures), opaque to everyone else. */
export type ProviderState = { provider: string; model: string; items: unknown[] };

export type Message =
  | { role: 'user'; text: string }
  | { role: 'assistant'; text: string; calls: ToolCall[]; state?: ProviderState }
  | { role: 'tool'; callId: string; name: string; text: string };

export type ModelRequest = {
  model: string;
  system: string;
  messages: readonly Message[];
  tools: readonly ToolSpec[];
  /** auto: the model may answer without a call. */
  toolChoice: 'auto' | 'required' | 'none';
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  reasoningEffort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh';
  /** The same for every call of one conversation, so that the provider can route to a warm prompt cache. */
  cacheKey?: string;
};

export type Usage = {
  /** All tokens sent, cached ones included. */
  inputTokens: number;
  cachedInputTokens: number;
  /** Of the tokens sent, those newly written to the provider's cache, where it charges for that. */
  cacheWriteTokens?: number;
  /** All tokens received, reasoning included. */
  outputTokens: number;
  reasoningTokens: number;
};

export type ModelAnswer = {
  text: string;
  calls: ToolCall[];
  state?: ProviderState;
  /** calls: wants tool results; end: said all; length: cut by a token limit; refusal: would not, or was filtered. */
  stop: 'calls' | 'end' | 'length' | 'refusal';
  usage: Usage;
  /** The provider's name of the model that answered. */
  model: string;
};

export type ModelErrorClass = 'transient' | 'quota' | 'access' | 'overflow' | 'invalid';
export type AccessSubject = 'key' | 'model' | 'tools';

/**
 * A call that gave no answer.
 * transient: may succeed when tried again (network, 408, 409, 429 for rate, 5xx, stream cut off);
 * quota: the account is used up; access: key wrong, model unknown or not allowed, address wrong;
 * overflow: more than the context window; invalid: the provider refuses the request as built (400).
 * An aborted signal rejects with the signal's reason instead.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly class: ModelErrorClass;
  /** What an access error is about, where the provider tells: the key, the model's name, or a model that calls no tools. */
  readonly about: AccessSubject | undefined;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  constructor(
    cls: ModelErrorClass,
    message: string,
    options: { about?: AccessSubject; retryAfterMs?: number; status?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.class = cls;
    this.about = options.about;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
  }
}

export interface ModelProvider {
  /** One streamed call. `onText` gets pieces of the visible text as they come. No retries in here. @throws ModelError */
  call(
    request: ModelRequest,
    options: { signal: AbortSignal; onText?: ((delta: string) => void) | undefined },
  ): Promise<ModelAnswer>;
}
