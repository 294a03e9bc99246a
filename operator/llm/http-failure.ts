/** Failed answers of APIs that are called without an SDK, or with one that would lose headers and body of a failure. */
import type { Failure } from './failure.ts';
import type { HttpTransport } from './http-transport.ts';

/** A server's answer that is none: the status is not one of success. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  constructor(status: number, headers: Headers, body: string) {
    super(`status ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** `fetch` that rejects with HttpFailure when the server refuses. */
export function failingFetch(transport: HttpTransport): typeof fetch {
  return async (input, init) => {
    const response = await transport.fetch(input, init);
    if (response.ok) return response;
    throw new HttpFailure(response.status, response.headers, await response.text());
  };
}

/** What the server said, when the error is a failed answer. */
export function httpFailure(error: unknown): Failure | undefined {
  if (!(error instanceof HttpFailure)) return undefined;
  return failureFromBody(error.body, error.status, error.headers);
}

/** Reads `{error: {message, status, …}}` and `{error: "…"}`; anything else is taken as the message, which is not shown. */
export function failureFromBody(text: string, status: number | undefined, headers?: Headers): Failure {
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // A page of HTML or a line of text.
  }
  const inner: unknown = typeof body === 'object' && body !== null && 'error' in body ? body.error : body;
  const field = (name: string) => {
    const value: unknown = typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const said = field('message') || (typeof inner === 'string' ? inner : '');
  return {
    status,
    // Google puts the word for it into status, and the number into code.
    code: field('status') || field('code'),
    type: field('type'),
    param: '',
    message: said,
    shown: typeof body === 'object' ? said : '',
    header: (name) => headers?.get(name) ?? undefined,
    body,
  };
}
