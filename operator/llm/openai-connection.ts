/** One address with one key that speaks OpenAI's APIs. Both OpenAI adapters stand on it. */
import type { OpenAI } from 'openai';
import type { HttpTransport } from './http-transport.ts';
import { ModelConnection, SDK_TIMEOUT_MS } from './model-connection.ts';
import { sdkFailure } from './sdk-error.ts';

export const OPENAI_BASE_URL = 'https://api.openai.com/v1';

export type ConnectionSettings = {
  baseUrl: string;
  /** Absent for servers that want none. */
  apiKey: string | undefined;
  transport: HttpTransport;
};

export class OpenAIConnection extends ModelConnection<OpenAI> {
  readonly isOpenAI: boolean;

  constructor(settings: ConnectionSettings) {
    const { baseUrl, apiKey, transport } = settings;
    super({ baseUrl, apiKey, load: (key) => load(baseUrl, key, transport), failureOf: (error) => sdkFailure(error) });
    this.isOpenAI = this.host === 'api.openai.com' || this.host.endsWith('.api.openai.com');
  }

  /**
   * Whether the server takes the key and knows the model.
   * @returns false when the server keeps no list of its models, so that only a call can tell
   * @throws ModelError, or the signal's reason
   */
  probe(model: string, signal: AbortSignal): Promise<boolean> {
    const attempt = async (client: OpenAI) => {
      try {
        await client.models.retrieve(model, { signal });
        return true;
      } catch (error) {
        const status = sdkFailure(error)?.status;
        // OpenAI means the model; compatible servers may have no such route.
        if (this.isOpenAI || (status !== 404 && status !== 405 && status !== 501)) throw error;
        return false;
      }
    };
    return this.run({ model, signal, optional: [] }, attempt, () => true);
  }
}

async function load(baseURL: string, apiKey: string | undefined, transport: HttpTransport): Promise<OpenAI> {
  const { default: Client } = await import('openai');
  return new Client({
    // Every setting that the SDK would otherwise take from environment variables is given.
    apiKey: apiKey ?? 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL,
    logLevel: 'off',
    maxRetries: 0,
    timeout: SDK_TIMEOUT_MS,
    fetch: transport.fetch,
    ...(apiKey === undefined && { defaultHeaders: { Authorization: null } }),
  });
}
