import { getJson } from './http.ts';
import { Misunderstood } from './problem.ts';
import { fields, text } from './read.ts';

/**
 * Starts a session and says its id. Sent again with the same key it does not start a second one.
 * @throws Problem 422 naming fields
 */
export function startSession(request: Record<string, unknown>, key: string): Promise<string> {
  const read = (value: unknown) => {
    const id = text(fields(value).session_id);
    if (id === null) throw new Misunderstood('The server did not say which session it started.');
    return id;
  };
  return getJson('/agent/sessions', read, { method: 'POST', body: request, headers: { 'Idempotency-Key': key } });
}

/** A name that nobody else gives. `crypto.randomUUID` exists on https and localhost only. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
