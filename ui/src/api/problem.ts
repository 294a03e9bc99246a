/** What can go wrong with a request, as the page tells it apart. */
import { visible } from '../timeline/visible-text.ts';

/** One field at fault, by the name that the request has for it. */
export type FieldProblem = { field: string; message: string };

/** The server refused: problem details (RFC 9457). `message` is what a person should read. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  /** The last part of the problem's type, `unauthenticated` for instance. */
  readonly kind: string;
  readonly title: string;
  readonly errors: readonly FieldProblem[];
  /** Seconds to wait before the next try, where the server said so. */
  readonly retryAfter: number | undefined;
  /** With a 401, whose token is asked for: `kubernetes` for one of the cluster. */
  readonly challenge: string | undefined;

  constructor(given: {
    status: number;
    kind?: string;
    title?: string;
    detail?: string;
    errors?: FieldProblem[];
    retryAfter?: number;
    challenge?: string;
  }) {
    super(given.detail ?? given.title ?? `The server answered with status ${given.status}.`);
    this.status = given.status;
    this.kind = given.kind ?? '';
    this.title = given.title ?? `Status ${given.status}`;
    this.errors = given.errors ?? [];
    this.retryAfter = given.retryAfter;
    this.challenge = given.challenge;
  }
}

/** The server was not reached, or did not answer in time. Nobody knows whether it did what was asked. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** The server answered with something that this page does not understand; mostly one of both is newer. */
export class Misunderstood extends Error {
  override readonly name = 'Misunderstood';
}

/** What to tell a person about any failure. */
export function explain(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'Something went wrong.';
}

/** Whether the same request may well succeed a little later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof Problem && (error.status === 429 || error.status === 408 || error.status >= 500);
}

/** The problem of an answer that is one. */
export async function problemFrom(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  return problemOf(response.status, parseJson(text), response.headers);
}

/** The value of a JSON text, undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The problem that an answer tells of. Answers that are no problem document, of a proxy for instance, count too. */
export function problemOf(status: number, body: unknown, headers: Pick<Headers, 'get'>): Problem {
  const seconds = Number.parseFloat(headers.get('Retry-After') ?? '');
  const challenge = /realm="([^"]*)"/.exec(headers.get('WWW-Authenticate') ?? '')?.[1];
  const record: Partial<Record<string, unknown>> = typeof body === 'object' && body !== null ? { ...body } : {};
  // What a provider, a repository or another user named stands in it, too.
  const text = (name: string) => (typeof record[name] === 'string' ? visible(record[name]) : undefined);
  const kind = text('type')?.split(/[/:#]/).at(-1);
  const title = text('title');
  const detail = text('detail');
  const errors = Array.isArray(record.errors)
    ? record.errors.filter(isFieldProblem).map(({ field, message }) => ({ field: visible(field), message: visible(message) }))
    : undefined;
  return new Problem({
    status,
    ...(kind !== undefined && { kind }),
    ...(title !== undefined && { title }),
    ...(detail !== undefined && { detail }),
    ...(errors !== undefined && { errors }),
    ...(seconds >= 0 && { retryAfter: seconds }),
    ...(challenge !== undefined && { challenge }),
  });
}

function isFieldProblem(value: unknown): value is FieldProblem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'field' in value &&
    typeof value.field === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}
