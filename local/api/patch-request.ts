/** From the body of a PATCH request to what it makes of an object. */
import { badRequest, unsupportedMediaType } from './api-status.ts';
import type { ApiObject } from './json.ts';
import type { Kind } from './kind.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { type Body, parsePatch } from './request-body.ts';

/** `duplicates`: fields that the text of the patch has twice. */
export type PatchRequest = { readonly change: (current: ApiObject) => unknown; readonly duplicates: readonly string[] };

/** What the patch makes of an object; the patch itself is read at once, so that a broken one is refused first. */
export function patchOf(kind: Kind, body: Body): PatchRequest {
  const accepted = ['application/json-patch+json', 'application/merge-patch+json'];
  if (!kind.custom) accepted.push('application/strategic-merge-patch+json');
  if (!accepted.includes(body.contentType)) throw unsupportedMediaType(accepted, hintFor(body.contentType));
  const { patch, duplicates } = parsePatch(body);
  if (body.contentType === 'application/json-patch+json')
    return { change: (current) => jsonPatch(current, patch), duplicates: [] };
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    const found = Array.isArray(patch) ? 'array' : typeof patch === 'boolean' ? 'bool' : typeof patch;
    throw badRequest(`error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
  }
  if (body.contentType === 'application/merge-patch+json') return { change: (current) => mergePatch(current, patch), duplicates };
  return { change: (current) => strategicMergePatch(current, patch, kind.schema), duplicates };
}

function hintFor(contentType: string): string | undefined {
  if (!contentType.startsWith('application/apply-patch')) return undefined;
  return 'server-side apply is not available on a single machine; use kubectl apply without --server-side';
}
