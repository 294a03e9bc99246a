/** Turns what an API server says no with (metav1.Status) into a KubeError. */
import type { IncomingMessage } from 'node:http';
import { KubeError } from './client.ts';

/** The error of an answer whose status is no success, whoever answered: the API server, or a proxy before it. */
export function kubeErrorOfAnswer(request: { method: string; path: string }, response: IncomingMessage, text: string): KubeError {
  const code = response.statusCode ?? 500;
  const header = Number(response.headers['retry-after']);
  const after = Number.isFinite(header) && response.headers['retry-after'] !== undefined ? header : undefined;
  const status = parseJson(text);
  const error = kubeErrorOfStatus(status, code, after);
  if (error) return error;
  const message = `${request.method} ${request.path.split('?', 1)[0]}: HTTP ${code} ${text.slice(0, 200)}`.trim();
  return new KubeError(code, REASONS[code] ?? 'Unknown', message, [], after);
}

/** The error that a metav1.Status tells of; undefined when the value is none. */
export function kubeErrorOfStatus(status: unknown, httpCode: number, retryAfter?: number): KubeError | undefined {
  if (!isRecord(status) || status.kind !== 'Status') return undefined;
  const code = typeof status.code === 'number' ? status.code : httpCode;
  const reason = typeof status.reason === 'string' && status.reason ? status.reason : (REASONS[code] ?? 'Unknown');
  const message = typeof status.message === 'string' && status.message ? status.message : reason;
  const details = isRecord(status.details) ? status.details : {};
  const causes = (Array.isArray(details.causes) ? details.causes : []).filter(isRecord).map((cause) => ({
    ...(typeof cause.field === 'string' && { field: cause.field }),
    ...(typeof cause.reason === 'string' && { reason: cause.reason }),
    ...(typeof cause.message === 'string' && { message: cause.message }),
  }));
  const seconds = typeof details.retryAfterSeconds === 'number' ? details.retryAfterSeconds : retryAfter;
  return new KubeError(code, reason, message, causes, seconds);
}

const REASONS: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
