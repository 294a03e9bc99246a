/** One address with one key that speaks Google's Gemini API. */
import type { GoogleGenAI } from '@google/genai/web';
import { inPieces } from './answer-pieces.ts';
import { apiRoot } from './api-root.ts';
import type { Failure } from './failure.ts';
import { failingFetch, failureFromBody, httpFailure } from './http-failure.ts';
import type { HttpTransport } from './http-transport.ts';
import { type ModelCard, windowOf } from './model-card.ts';
import { ModelConnection } from './model-connection.ts';

export const GEMINI_BASE_URL = 'https://generativelanguage.googleapis.com';

/** The client, and the SDK's words for what its requests may say. */
export type GeminiClient = Pick<GoogleGenAI, 'models'> & {
  words: Pick<typeof import('@google/genai/web'), 'FunctionCallingConfigMode' | 'ThinkingLevel'>;
};

export class GeminiConnection extends ModelConnection<GeminiClient> {
  /** @param settings the address with or without the version of the API */
  constructor(settings: { baseUrl: string; apiKey: string | undefined; transport: HttpTransport }) {
    const { apiKey, transport } = settings;
    const baseUrl = apiRoot(settings.baseUrl, /\/+v1(beta|alpha)?\/*$/);
    super({ baseUrl, apiKey, load: (key) => load(baseUrl, key, transport), failureOf });
  }

  /** What the server tells of the model, without spending tokens. @throws ModelError, or the signal's reason */
  card(model: string, signal: AbortSignal): Promise<ModelCard> {
    const attempt = async (client: GeminiClient): Promise<ModelCard> => {
      const { inputTokenLimit } = await client.models.get({ model, config: { abortSignal: signal } });
      return windowOf(inputTokenLimit);
    };
    return this.run({ model, signal, optional: [] }, attempt, () => ({}));
  }
}

/** The SDK's build for browsers: the one for Node brings a library for Google's cloud accounts, which a key does not need. */
async function load(baseUrl: string, apiKey: string | undefined, transport: HttpTransport): Promise<GeminiClient> {
  const { GoogleGenAI: Client, FunctionCallingConfigMode, ThinkingLevel } = await import('@google/genai/web');
  const fetch = failingFetch(transport);
  const { models } = new Client({
    apiKey: apiKey ?? 'none',
    apiVersion: 'v1beta',
    httpOptions: { baseUrl, fetch: async (...call) => inPieces(await fetch(...call), 'event') },
  });
  return { models, words: { FunctionCallingConfigMode, ThinkingLevel } };
}

function failureOf(error: unknown): Failure | undefined {
  // An error in a stream that had begun: the SDK puts the body behind a few words of its own.
  if (Error.isError(error) && error.name === 'ApiError' && 'status' in error && typeof error.status === 'number')
    return failureFromBody(error.message.slice(Math.max(0, error.message.indexOf('{'))), error.status);
  return httpFailure(error);
}
