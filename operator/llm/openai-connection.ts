/** One address with one key that speaks OpenAI's APIs. Both OpenAI adapters stand on it. */
import type { OpenAI } from 'openai';
import { inPieces } from './answer-pieces.ts';
import type { HttpTransport } from './http-transport.ts';
import { cardOfEntry, type ModelCard } from './model-card.ts';
import { ModelConnection, SDK_TIMEOUT_MS } from './model-connection.ts';
import { sdkFailure } from './sdk-error.ts';

export const OPENAI_BASE_URL = 'https://api.openai.com/v1';

export type ConnectionSettings = {
  baseUrl: string;
  /** Absent for servers that want none. */
  apiKey: string | undefined;
  transport: HttpTransport;
  /** Set when Azure serves it. */
  azure?: {
    /** Takes the model's place on the wire. */
    deployment: string | undefined;
    apiVersion?: string;
    /** Whether that version is one of those named by a date, which have other paths than the v1 API. */
    dated: boolean;
  };
};

export class OpenAIConnection extends ModelConnection<OpenAI> {
  /** Whether OpenAI's own implementation answers, at Azure or at home, rather than one that is compatible with it. */
  readonly isOpenAI: boolean;
  /** Whether a model's name is the one that OpenAI gave it; a profile of Azure may hold any. */
  readonly hasOwnNames: boolean;
  readonly #azure: ConnectionSettings['azure'];

  constructor(settings: ConnectionSettings) {
    const { baseUrl, apiKey, azure } = settings;
    super({ baseUrl, apiKey, load: (key) => load(settings, key), failureOf: (error) => sdkFailure(error) });
    this.#azure = azure;
    this.hasOwnNames = azure === undefined && /(^|\.)api\.openai\.com$/.test(this.host);
    this.isOpenAI = azure !== undefined || this.hasOwnNames;
  }

  /** What the server calls the model. */
  nameOf(model: string): string {
    return this.#azure?.deployment ?? model;
  }

  /**
   * What the server tells of the model, without spending tokens. Azure lists models rather than deployments, so that only a
   * call can tell there.
   * @throws ModelError, or the signal's reason
   */
  async card(model: string, signal: AbortSignal): Promise<ModelCard> {
    if (this.#azure) return {};
    const attempt = async (client: OpenAI): Promise<ModelCard> => {
      try {
        return cardOfEntry(await client.models.retrieve(model, { signal }));
      } catch (error) {
        // OpenAI means the model; compatible servers may have no such route, or a list and nothing else.
        if (this.isOpenAI || !isWithoutRoute(error)) throw error;
        return this.#listed(client, model, signal);
      }
    };
    return this.run({ model, signal, optional: [] }, attempt, () => ({}));
  }

  async #listed(client: OpenAI, model: string, signal: AbortSignal): Promise<ModelCard> {
    try {
      const { data } = await client.models.list({ signal });
      const entry = Array.isArray(data) ? data.find(({ id }) => id === model) : undefined;
      return entry ? cardOfEntry(entry) : {};
    } catch (error) {
      if (!isWithoutRoute(error)) throw error;
      return {};
    }
  }
}

function isWithoutRoute(error: unknown): boolean {
  const status = sdkFailure(error)?.status;
  return status === 404 || status === 405 || status === 501;
}

async function load({ baseUrl, transport, azure }: ConnectionSettings, apiKey: string | undefined): Promise<OpenAI> {
  const { default: Client, AzureOpenAI } = await import('openai');
  const options = {
    // Every setting that the SDK would otherwise take from environment variables is given.
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseUrl,
    logLevel: 'off' as const,
    maxRetries: 0,
    timeout: SDK_TIMEOUT_MS,
    fetch: async (...call: Parameters<typeof fetch>) => inPieces(await transport.fetch(...call), 'event'),
  };
  const key = apiKey ?? 'none';
  const { deployment, apiVersion, dated = false } = azure ?? {};
  if (dated && apiVersion !== undefined)
    return new AzureOpenAI({ ...options, apiKey: key, apiVersion, ...(deployment !== undefined && { deployment }) });
  return new Client({
    ...options,
    apiKey: key,
    ...(apiVersion !== undefined && { defaultQuery: { 'api-version': apiVersion } }),
    ...(azure && { defaultHeaders: { Authorization: null, 'api-key': key } }),
    ...(apiKey === undefined && { defaultHeaders: { Authorization: null } }),
  });
}
