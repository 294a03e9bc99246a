/** One address with one key that speaks Anthropic's API. */
import type { Anthropic } from '@anthropic-ai/sdk';
import { inPieces } from './answer-pieces.ts';
import { apiRoot } from './api-root.ts';
import type { HttpTransport } from './http-transport.ts';
import { field, type ModelCard, windowOf } from './model-card.ts';
import { ModelConnection, SDK_TIMEOUT_MS } from './model-connection.ts';
import { sdkFailure } from './sdk-error.ts';

export const ANTHROPIC_BASE_URL = 'https://api.anthropic.com';

export class AnthropicConnection extends ModelConnection<Anthropic> {
  /** @param settings the address with or without `/v1` */
  constructor(settings: { baseUrl: string; apiKey: string | undefined; transport: HttpTransport }) {
    const { apiKey, transport } = settings;
    const baseUrl = apiRoot(settings.baseUrl, /\/+v1\/*$/);
    super({
      baseUrl,
      apiKey,
      load: (key) => load(baseUrl, key, transport),
      failureOf: (error) => sdkFailure(error, innerError),
    });
  }

  /** What the server tells of the model, without spending tokens. @throws ModelError, or the signal's reason */
  card(model: string, signal: AbortSignal): Promise<ModelCard> {
    const attempt = async (client: Anthropic): Promise<ModelCard> => {
      const { max_input_tokens: window } = await client.models.retrieve(model, undefined, { signal });
      return windowOf(window);
    };
    return this.run({ model, signal, optional: [] }, attempt, () => ({}));
  }
}

async function load(baseURL: string, apiKey: string | undefined, transport: HttpTransport): Promise<Anthropic> {
  const { default: Client } = await import('@anthropic-ai/sdk');
  return new Client({
    // Every setting that the SDK would otherwise take from environment variables and files is given.
    apiKey: apiKey ?? 'none',
    webhookKey: null,
    baseURL,
    logLevel: 'off',
    maxRetries: 0,
    timeout: SDK_TIMEOUT_MS,
    fetch: async (...call) => inPieces(await transport.fetch(...call), 'event'),
    defaultHeaders: { Authorization: apiKey === undefined ? null : `Bearer ${apiKey}` },
  });
}

/** The error of a body, with the exact code that some kinds have in their details. */
function innerError(body: unknown): unknown {
  const error: unknown = field(body, 'error');
  if (typeof error === 'string') return error;
  // No error object: a body that is nothing but a text is not the provider's.
  if (typeof error !== 'object' || error === null) return typeof body === 'string' ? undefined : body;
  return { ...error, code: field(field(error, 'details'), 'error_code') };
}
