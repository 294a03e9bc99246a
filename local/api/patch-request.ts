/** From the body of a PATCH request to what it makes of an object. */
import { badRequest, unsupportedMediaType } from './api-status.ts';
import type { ApiObject } from './json.ts';
import type { Kind } from './kind.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { type Body, parsePatch } from './request-body.ts';

/** What the patch makes of an object; the patch itself is read at once, so that a broken one is refused first. */
export function patchOf(kind: Kind, body: Body): (current: ApiObject) => unknown {
  const accepted = ['application/json-patch+json', 'application/merge-patch+json'];
  if (!kind.custom) accepted.push('application/strategic-merge-patch+json');
  if (!accepted.includes(body.contentType)) throw unsupportedMediaType(accepted);
  const patch = parsePatch(body);
  if (body.contentType === 'application/json-patch+json') return (current) => jsonPatch(current, patch);
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    throw badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}');
  }
  if (body.contentType === 'application/merge-patch+json') return (current) => mergePatch(current, patch);
  return (current) => strategicMergePatch(current, patch, kind.schema);
}
