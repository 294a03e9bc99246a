/** Parameters and ways to authenticate. */
import { STATUSES } from '../picture.ts';
import type { Json } from './parts.ts';

export function parameters(): Json {
  const text = { type: 'string' };
  const number = (maximum: number, minimum: number) => ({ type: 'integer', minimum, maximum });
  return {
    id: {
      name: 'id',
      in: 'path',
      required: true,
      schema: { ...text, maxLength: 253 },
      description: 'The id that starting it answered with.',
    },
    profileName: { name: 'name', in: 'path', required: true, schema: { ...text, maxLength: 253 } },
    blob: { name: 'ref', in: 'path', required: true, schema: { ...text, pattern: '^sha256-[0-9a-f]{64}$' } },
    status: { name: 'status', in: 'query', schema: { ...text, enum: STATUSES } },
    limit: { name: 'limit', in: 'query', schema: { ...number(500, 1), default: 100 } },
    continue: { name: 'continue', in: 'query', schema: text, description: 'What the page before said.' },
    watch: {
      name: 'watch',
      in: 'query',
      schema: { type: 'boolean', default: false },
      description: 'Whether to tell what changes, as server-sent events.',
    },
    logs: {
      name: 'logs',
      in: 'query',
      schema: { type: 'integer', minimum: 0 },
      description: 'At most so many lines of logs, the last ones; all when left out.',
    },
    after: {
      name: 'after',
      in: 'query',
      schema: number(Number.MAX_SAFE_INTEGER, 0),
      description: 'Sequence number of the last event that is known.',
    },
    format: {
      name: 'format',
      in: 'query',
      schema: { ...text, enum: ['sse', 'json'], default: 'sse' },
      description: 'json: what is stored, in one answer.',
    },
    limitOfEvents: {
      name: 'limit',
      in: 'query',
      schema: { ...number(20_000, 1), default: 5_000 },
      description: 'At most so many events; with format=json only.',
    },
    lastEventId: {
      name: 'Last-Event-ID',
      in: 'header',
      schema: text,
      description: 'The id of the last event that is known; browsers send it when they reconnect.',
    },
    idempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      schema: { ...text, maxLength: 63 },
      description: 'The same key is the same request: it may be sent again.',
    },
    traceparent: {
      name: 'traceparent',
      in: 'header',
      schema: { ...text, maxLength: 55 },
      description: 'W3C Trace Context: its trace id is on every line that the system logs about the session.',
    },
  };
}

export function securitySchemes(): Json {
  return {
    bearer: { type: 'http', scheme: 'bearer', description: 'API_TOKEN, where API_AUTH is token.' },
    cookie: { type: 'apiKey', in: 'cookie', name: 'swe_agent_session', description: 'Set by POST /login.' },
  };
}
