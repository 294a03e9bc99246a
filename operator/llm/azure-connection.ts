/** OpenAI's models as Azure serves them: the same APIs at a resource's endpoint, where a deployment's name takes the model's place. */
import { apiRoot } from './api-root.ts';
import type { HttpTransport } from './http-transport.ts';
import { OpenAIConnection } from './openai-connection.ts';

export type AzureSettings = {
  /** The resource's endpoint, such as https://name.openai.azure.com; a path from /openai on is ignored. */
  baseUrl: string;
  apiKey: string | undefined;
  /** The model's name when absent. */
  deployment: string | undefined;
  /** Absent, `v1`, `latest` or `preview` mean the v1 API; a date means the API of that version. */
  apiVersion: string | undefined;
  /** Which of the APIs to use; by default the one that this version serves every model with. */
  api: 'responses' | 'chat' | undefined;
  transport: HttpTransport;
};

const DATED = /^\d{4}-\d{2}-\d{2}/;

/** The connection, and the API to use over it. */
export function azureConnection(settings: AzureSettings): { connection: OpenAIConnection; api: 'responses' | 'chat' } {
  const { apiKey, deployment, apiVersion, transport } = settings;
  const endpoint = apiRoot(settings.baseUrl, /\/openai(\/.*)?$/);
  const dated = apiVersion !== undefined && DATED.test(apiVersion);
  const api = settings.api ?? (dated ? 'chat' : 'responses');
  const baseUrl = dated ? `${endpoint}/openai` : `${endpoint}/openai/v1`;
  const azure = { deployment, ...(apiVersion !== undefined && apiVersion !== 'v1' && { apiVersion }), dated };
  return { connection: new OpenAIConnection({ baseUrl, apiKey, transport, azure }), api };
}
