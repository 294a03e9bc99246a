/** Bodies in and out of the Daytona server of the tests, errors in the form of the service included. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** An answer that is not a success. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;
  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

const NAMES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  429: 'Too Many Requests',
};

/** @param source who answers: the control plane or the daemon in the sandbox, whose bodies differ */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message, headers }: HttpError,
  source: 'api' | 'daemon',
): void {
  const name = NAMES[status] ?? 'Internal Server Error';
  const common = { path: request.url, timestamp: new Date().toISOString(), statusCode: status, message };
  const body =
    source === 'api'
      ? { ...common, error: name, source: 'DAYTONA_API' }
      : { ...common, code: name.toUpperCase().replaceAll(' ', '_'), method: request.method, source: 'DAYTONA_DAEMON' };
  sendJson(response, status, body, headers);
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The object that a request carries; empty without a body. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = (await readBody(request)).toString();
  const value: unknown = text === '' ? {} : JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new HttpError(400, 'the body is not an object');
  return { ...value };
}

export type Part = { name: string; bytes: Buffer };

/** The parts of a multipart/form-data body. */
export function partsOf(contentType: string | undefined, body: Buffer): Part[] {
  const boundary = /boundary="?([^";]+)/.exec(contentType ?? '')?.[1];
  if (boundary === undefined) throw new HttpError(400, 'invalid multipart form');
  const mark = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  for (let at = body.indexOf(mark); at >= 0; ) {
    const begin = at + mark.length + 2;
    const next = body.indexOf(Buffer.concat([Buffer.from('\r\n'), mark]), begin);
    const headersEnd = body.indexOf('\r\n\r\n', begin);
    if (next < 0 || headersEnd < 0) break;
    const name = / name="([^"]*)"/.exec(body.subarray(begin, headersEnd).toString())?.[1] ?? '';
    parts.push({ name, bytes: body.subarray(headersEnd + 4, next) });
    at = next + 2;
  }
  return parts;
}
