/** Errors of the SDKs of OpenAI and Anthropic, which are made alike, known by their shape so that no SDK is loaded for it. */
import type { Failure } from './failure.ts';

export type SdkError = Error & { status: number | undefined; headers: Headers | undefined; error: unknown };

export function isSdkError(error: unknown): error is SdkError {
  return Error.isError(error) && 'status' in error && 'headers' in error && 'error' in error && 'requestID' in error;
}

/**
 * What the server said, when it said something.
 * @param innerOf where in the body of a failed answer the error stands; by default it is the body itself
 */
export function sdkFailure(error: unknown, innerOf: (body: unknown) => unknown = (body) => body): Failure | undefined {
  if (!isSdkError(error)) return undefined;
  const { status, headers, error: body } = error;
  // Neither a status nor an error object: the connection failed.
  if (status === undefined && (body === undefined || body === null)) return undefined;
  const inner = innerOf(body);
  const field = (name: string) => {
    const value: unknown = typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined;
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  };
  const code = field('code');
  const numeric = Number(code);
  return {
    // Routers put the status of the server behind them into the code.
    status: status ?? (numeric >= 400 && numeric < 600 ? numeric : undefined),
    code,
    type: field('type'),
    param: field('param'),
    shown: field('message') || (typeof inner === 'string' ? inner : ''),
    message: field('message') || (typeof body === 'string' ? body : '') || error.message,
    header: (name) => headers?.get(name) ?? undefined,
    body,
  };
}
