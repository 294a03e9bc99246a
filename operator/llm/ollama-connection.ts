/** One address at which Ollama serves its own API. It has no SDK worth its place: a request is JSON, an answer lines of JSON. */
import { apiRoot } from './api-root.ts';
import type { Failure } from './failure.ts';
import { failingFetch, HttpFailure, httpFailure } from './http-failure.ts';
import type { HttpTransport } from './http-transport.ts';
import { field, type ModelCard, windowOf } from './model-card.ts';
import { ModelConnection } from './model-connection.ts';

export const OLLAMA_BASE_URL = 'http://127.0.0.1:11434';

/** Posts a body to a path of the API. Rejects with HttpFailure when the server refuses. */
export type OllamaClient = { post(path: string, body: unknown, signal: AbortSignal): Promise<Response> };

export class OllamaConnection extends ModelConnection<OllamaClient> {
  /** @param settings the address with or without `/api` or `/v1`; Ollama itself wants no key, what stands before it may */
  constructor(settings: { baseUrl: string; apiKey: string | undefined; transport: HttpTransport }) {
    const { apiKey, transport } = settings;
    const baseUrl = apiRoot(settings.baseUrl, /\/+(api|v1)\/*$/);
    super({ baseUrl, apiKey, load: async (key) => clientOf(baseUrl, key, transport), failureOf });
  }

  /**
   * What the server tells of the model, which it does not load for that.
   * @throws ModelError, also when the model can call no tools, or the signal's reason
   */
  card(model: string, signal: AbortSignal): Promise<ModelCard> {
    const attempt = async (client: OllamaClient): Promise<ModelCard> => {
      const response = await client.post('/api/show', { model }, signal);
      const shown: unknown = await response.json();
      const capabilities = field(shown, 'capabilities');
      // Servers before 0.6.4 do not tell.
      const told = Array.isArray(capabilities);
      if (told && !capabilities.includes('tools'))
        throw new HttpFailure(400, response.headers, JSON.stringify({ error: `${model} does not support tools` }));
      const info = field(shown, 'model_info');
      // The key is that of the model's architecture: llama.context_length, qwen3.context_length.
      const window = field(info, `${String(field(info, 'general.architecture'))}.context_length`);
      return { ...(told && { toolCalling: true }), ...windowOf(window) };
    };
    return this.run({ model, signal, optional: [] }, attempt, () => ({}));
  }
}

function clientOf(baseUrl: string, apiKey: string | undefined, transport: HttpTransport): OllamaClient {
  const fetch = failingFetch(transport);
  const headers = {
    'content-type': 'application/json',
    accept: 'application/x-ndjson',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  return {
    post: (path, body, signal) => fetch(`${baseUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal }),
  };
}

function failureOf(error: unknown): Failure | undefined {
  const failure = httpFailure(error);
  if (!failure || !/does not support tools/i.test(failure.message)) return failure;
  const advice = 'choose one whose capabilities have tools (ollama show NAME lists them)';
  const shown = failure.shown || 'the model does not support tools';
  return { ...failure, shown: `${shown}, and without tools it cannot work as an agent: ${advice}` };
}
