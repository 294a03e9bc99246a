/** Writes answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiError } from './api-status.ts';
import { contentTypeOf, type Form } from './negotiate.ts';

/** As kube-apiserver writes it: sorted, and times quoted so that YAML 1.1 readers take them for text. */
const yamlStyle = { version: '1.1', sortMapEntries: true, indentSeq: false, lineWidth: 0 } as const;

/** One request and what answers it. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly method: string;
};

/** Writes a refusal. */
export function sendError(response: ServerResponse, error: ApiError): void {
  response.statusCode = error.status.code;
  const retry = error.status.details?.retryAfterSeconds;
  if (retry !== undefined) response.setHeader('Retry-After', String(retry));
  sendText(response, 'application/json', JSON.stringify(error.status));
}

/** Sends the value in the form that was agreed on, JSON when none was. */
export async function send({ response }: Exchange, code: number, value: unknown, form?: Form): Promise<void> {
  response.statusCode = code;
  if (form?.as === 'object' && form.encoding === 'yaml') {
    const { stringify } = await import('yaml');
    sendText(response, 'application/yaml', stringify(value, yamlStyle));
  } else sendText(response, form ? contentTypeOf(form) : 'application/json', JSON.stringify(value));
}

export function sendText(response: ServerResponse, contentType: string, text: string): void {
  const body = Buffer.from(text);
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', body.length);
  if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-cache, private');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(body);
}
