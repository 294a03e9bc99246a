/** The body of a request: read up to a limit, decoded by its content type. */
import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge, unsupportedMediaType } from './api-status.ts';
import { duplicateFields } from './duplicate-fields.ts';
import { decodeProtobuf, type Message } from './protobuf.ts';

/** The limit of kube-apiserver. */
export const maxBodyBytes = 3 * 1024 * 1024;

export type Body = { readonly contentType: string; readonly bytes: Buffer };

/** Throws RequestEntityTooLarge as soon as the limit is passed. */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const contentType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > maxBodyBytes) throw tooLarge(maxBodyBytes);
    chunks.push(chunk);
  }
  return { contentType, bytes: Buffer.concat(chunks) };
}

/** What is expected in a body: the kind's name, and its protobuf form where it has one. */
export type Expected = { readonly kind: string; readonly protobuf?: Message };

/** The object in the body, and the fields that its text has twice. An empty content type means JSON. */
export async function decodeBody(
  { contentType, bytes }: Body,
  expected: Expected,
): Promise<{ value: unknown; duplicates: string[] }> {
  const text = bytes.toString('utf8');
  if (contentType === '' || contentType === 'application/json') {
    return { value: parseJson(text, expected.kind), duplicates: duplicateFields(text) };
  }
  if (contentType === 'application/yaml') return { value: await parseYaml(text, expected.kind), duplicates: [] };
  if (contentType === 'application/vnd.kubernetes.protobuf' && expected.protobuf) {
    return { value: decodeProtobuf(bytes, expected.protobuf), duplicates: [] };
  }
  throw unsupportedMediaType(['application/json', 'application/yaml']);
}

/** The document of a patch, which is always JSON, and the fields that its text has twice. */
export function parsePatch({ bytes }: Body): { patch: unknown; duplicates: string[] } {
  const text = bytes.toString('utf8');
  try {
    return { patch: JSON.parse(text), duplicates: duplicateFields(text) };
  } catch (error) {
    throw badRequest(`error decoding patch: ${Error.isError(error) ? error.message : String(error)}`);
  }
}

function parseJson(text: string, expected: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${expected}): couldn't get version/kind; json parse error: ${why}`,
    );
  }
}

async function parseYaml(text: string, expected: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    // Through JSON, so that nothing but JSON values can come in.
    return JSON.parse(JSON.stringify(parse(text) ?? null));
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${expected}): couldn't get version/kind; yaml parse error: ${why}`,
    );
  }
}
