/** Requests to the server that served the page. The cookie of the login goes along by itself. */
import { type ConnectionMonitor, connection } from './connection.ts';
import { Misunderstood, parseJson, problemFrom, Unreachable } from './problem.ts';

export type RequestOptions = {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds until the answer has to be there; 30 s unless said otherwise. */
  timeout?: number;
};

const TIMEOUT = 30_000;

/**
 * What the server answered, unless it refused.
 * @throws Problem when the server refused, Unreachable when it could not be asked, the signal's reason when that aborted
 */
export async function send(
  path: string,
  options: RequestOptions = {},
  monitor: ConnectionMonitor = connection,
): Promise<Response> {
  const { method = 'GET', body, signal, timeout = TIMEOUT } = options;
  const deadline = AbortSignal.timeout(timeout);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        Accept: 'application/json',
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (error) {
    signal?.throwIfAborted();
    monitor.failed();
    const message = deadline.aborted
      ? `The server did not answer within ${Math.round(timeout / 1000)} seconds.`
      : 'The server cannot be reached.';
    throw new Unreachable(message, { cause: error });
  }
  // A proxy that cannot reach the server answers for it.
  if (response.status === 502 || response.status === 504) monitor.failed();
  else monitor.reached();
  if (response.ok) return response;
  throw await problemFrom(response);
}

/** What the server answered, read by `read`, which throws for what it does not understand. */
export async function getJson<T>(path: string, read: (value: unknown) => T, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  const text = await bodyOf(response, options.signal);
  const value = parseJson(text);
  if (value === undefined) throw new Misunderstood(`The answer to ${path} is no JSON; is something between you and the server?`);
  return read(value);
}

async function bodyOf(response: Response, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw new Unreachable('The answer broke off.', { cause: error });
  }
}
