/** What the gateway says no with: RFC 9457 problem details. Every error is converted into one here, where it enters. */
import type { Response } from 'express';
import { BlobMissingError, BlobUnavailableError } from '../../operator/engine/blob.ts';
import { LogDamagedError, LogUnavailableError } from '../../operator/engine/log.ts';
import { KubeError } from '../../operator/kube/client.ts';
import { KubeUnreachableError } from '../../operator/kube/http-transport.ts';

/** One field of the request that cannot be used. */
export type FieldError = {
  /** Path of the field as the caller wrote it, such as limits.max_steps; empty for the body itself. */
  field: string;
  /** What is wrong, with the value where it helps, and what to do. */
  message: string;
};

const TITLES = {
  'invalid-request': 'The request is not valid',
  'malformed-json': 'The body is not JSON',
  'body-too-large': 'The body is too large',
  'unsupported-media-type': 'The body has the wrong content type',
  'malformed-id': 'The id is malformed',
  'malformed-url': 'The address is malformed',
  unauthenticated: 'Authentication is needed',
  'wrong-token': 'The token is wrong',
  'too-many-logins': 'Too many logins failed',
  'foreign-origin': 'The request comes from a foreign origin',
  'foreign-host': 'The request names a foreign host',
  'caller-refused': 'The caller may not use this API',
  forbidden: 'This is not allowed',
  'no-such-route': 'There is nothing at this address',
  'no-such-session': 'There is no such session',
  'no-such-profile': 'There is no such profile',
  'read-only': 'The profile comes from the environment',
  'not-there-yet': 'This is not there yet',
  'no-such-blob': 'There is no such blob',
  'method-not-allowed': 'The method is not possible here',
  'nothing-to-approve': 'No plan waits for approval',
  'stale-revision': 'The plan has changed',
  'session-cancelled': 'The session is cancelled',
  'session-finished': 'The session has finished',
  'inputs-used-up': 'The session takes no more messages',
  'id-in-use': 'The id is in use',
  'no-such-question': 'The question is not open',
  conflict: 'Somebody else changed it',
  'too-many-streams': 'Too many event streams are open',
  unavailable: 'This cannot be done right now',
  fault: 'The gateway failed',
} as const;

export type ProblemKind = keyof typeof TITLES;

/** Thrown by handlers; the error handler sends it. Its texts are for the caller: no secrets, no stack. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly kind: ProblemKind;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    kind: ProblemKind,
    detail: string,
    options: { errors?: readonly FieldError[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.status = status;
    this.kind = kind;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }
}

/** A 422 that names every field at fault. */
export function invalid(errors: readonly FieldError[]): Problem {
  const detail = errors.map(({ field, message }) => (field === '' ? message : `${field} ${message}`)).join('; ');
  return new Problem(422, 'invalid-request', detail, { errors });
}

export function sendProblem(response: Response, problem: Problem): void {
  response
    .status(problem.status)
    .set(problem.headers)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:swe-agent:problem:${problem.kind}`,
        title: TITLES[problem.kind],
        status: problem.status,
        detail: problem.message,
        ...(problem.errors.length > 0 && { errors: problem.errors }),
      }),
    );
}

/**
 * The problem that an error is for the caller.
 * @param fieldOf name of a request field for the path of a spec field, such as spec.repository.url
 * @param callersAct whether requests to the Kubernetes API are made with the caller's own token
 */
export function problemOf(error: unknown, fieldOf: (path: string) => string, callersAct = false): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof KubeError && error.code === 401 && callersAct) {
    const headers = { 'WWW-Authenticate': 'Bearer realm="kubernetes"' };
    return new Problem(401, 'unauthenticated', 'The cluster does not know this token any more.', { headers, cause: error });
  }
  if (error instanceof KubeError) return kubeProblem(error, fieldOf);
  if (error instanceof KubeUnreachableError) return unavailable('The Kubernetes API cannot be reached', error);
  if (error instanceof LogUnavailableError) return unavailable('The event log cannot be reached', error);
  if (error instanceof LogDamagedError) return unavailable('The event log is damaged; the log of the server says more', error);
  if (error instanceof BlobUnavailableError) return unavailable('The blob store cannot be reached', error);
  if (error instanceof BlobMissingError) {
    return new Problem(404, 'no-such-blob', 'The session has no blob of this name, or it is damaged.', { cause: error });
  }
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  if (name === 'URIError') return new Problem(400, 'malformed-url', 'The address has a broken % sequence.', { cause: error });
  if (name === 'TimeoutError') return unavailable('The answer took too long', error);
  return (
    bodyProblem(error) ?? new Problem(500, 'fault', 'Something went wrong; the log of the server says more.', { cause: error })
  );
}

function unavailable(what: string, cause: unknown, retryAfterSeconds = 2): Problem {
  const headers = { 'Retry-After': String(retryAfterSeconds) };
  return new Problem(503, 'unavailable', `${what}. Try again.`, { headers, cause });
}

function kubeProblem(error: KubeError, fieldOf: (path: string) => string): Problem {
  const { code, message, causes, retryAfterSeconds } = error;
  if (code === 404) {
    // A session that is not there was reported by whoever looked for it: this is the kind or the namespace.
    return unavailable('The Kubernetes API does not serve AgentSessions in this namespace', error, 10);
  }
  if (code === 409) return new Problem(409, 'conflict', 'The session was changed at the same time. Try again.', { cause: error });
  if (code === 422) {
    if (causes.length === 0) return new Problem(422, 'invalid-request', message, { cause: error });
    return invalid(
      causes.map((one) => ({ field: fieldOf(one.field ?? ''), message: one.message ?? one.reason ?? 'is not valid' })),
    );
  }
  if (code === 400 || code === 410) return new Problem(400, 'invalid-request', message, { cause: error });
  if (code === 403) return new Problem(403, 'forbidden', message, { cause: error });
  if (code === 401) return unavailable("The Kubernetes API refused the gateway's own credential", error, 10);
  return unavailable('The Kubernetes API cannot answer', error, retryAfterSeconds);
}

/** What went wrong while the body was read. The parser's own message may quote the body, which may hold a secret. */
function bodyProblem(error: unknown): Problem | undefined {
  if (typeof error !== 'object' || error === null || !('type' in error)) return undefined;
  switch (error.type) {
    case 'entity.parse.failed': {
      const place = error instanceof Error ? /position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0] : undefined;
      const detail = `The body must be a JSON object${place ? `; it is broken at ${place}` : ''}.`;
      return new Problem(400, 'malformed-json', detail, { cause: error });
    }
    case 'entity.too.large': {
      const limit = 'limit' in error && typeof error.limit === 'number' ? `at most ${error.limit} bytes` : 'less';
      return new Problem(413, 'body-too-large', `Send ${limit}.`, { cause: error });
    }
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new Problem(415, 'unsupported-media-type', 'Send application/json in UTF-8.', { cause: error });
    case 'request.size.invalid':
    case 'request.aborted':
      return new Problem(400, 'malformed-json', 'The body did not arrive whole.', { cause: error });
    default:
      return undefined;
  }
}
