/** Bodies are JSON objects of at most 1 MiB; where a body is optional, none is an empty object. */
import express, { type NextFunction, type Request, type Response } from 'express';
import { isRecord } from '../record.ts';
import { unknownField } from '../schema/rest-names.ts';
import { invalid, Problem } from './problem.ts';

export const MAX_BODY_BYTES = 1024 * 1024;

const parse = express.json({ limit: MAX_BODY_BYTES, strict: true, type: ['application/json', 'application/*+json'] });

/** Reads the body, if there is one. */
export function readBody(request: Request, response: Response, next: NextFunction): void {
  const empty = request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0;
  if (!empty && !request.is(['application/json', 'application/*+json'])) {
    const written = request.headers['content-type'];
    const detail = `The body must be sent with Content-Type: application/json, not ${written === undefined ? 'without one' : JSON.stringify(written.slice(0, 100))}.`;
    throw new Problem(415, 'unsupported-media-type', detail, { headers: { 'Accept-Post': 'application/json' } });
  }
  parse(request, response, next);
}

/** The body as an object; an empty one when none was sent. @throws Problem 400 for any other JSON */
export function bodyOf(request: Request): Record<string, unknown> {
  const body: unknown = request.body ?? {};
  if (!isRecord(body)) throw new Problem(400, 'malformed-json', 'The body must be a JSON object, such as {"goal": "…"}.');
  return body;
}

/** @throws Problem 422 naming every field that is not one of `names` */
export function only(body: Record<string, unknown>, names: readonly string[]): void {
  const unknown = Object.keys(body).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw invalid(unknown.map((name) => unknownField(name, name, names)));
}
