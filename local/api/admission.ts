/** From what a client sent to what is stored: fields known, defaults set, everything checked. */
import type { Resource } from '../../operator/api/resources.ts';
import { type ApiError, badRequest, invalidObject, invalidPatch } from './api-status.ts';
import { evaluateRules } from './cel.ts';
import { applyDefaults } from './defaulting.ts';
import { type FieldError, invalid } from './field-error.ts';
import { type ApiObject, deepEqual, isApiObject, isObject, type JsonObject } from './json.ts';
import { apiVersionOf, type Kind } from './kind.ts';
import { checkMetadata, checkMetadataUpdate, metadataSchema } from './metadata.ts';
import { prune } from './pruning.ts';
import { validate, validateLists } from './validation.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** An object as decoded, with the problems that field validation reports. */
export type Decoded = { readonly object: ApiObject; readonly warnings: readonly string[] };

export type DecodeOptions = {
  readonly mode: FieldValidation;
  /** Fields that the text of the request has twice. */
  readonly duplicates?: readonly string[];
  /** Whether the input is what a patch made: then what is wrong with it is wrong with the patch. */
  readonly patched?: boolean;
};

/** Narrows what a client sent to an object of the kind: type, known fields, metadata of the right types. */
export function decode(kind: Kind, input: unknown, { mode, duplicates = [], patched = false }: DecodeOptions): Decoded {
  const object = typed(kind, input);
  const metadata = isObject(object.metadata) ? object.metadata : (object.metadata ?? {});
  const { kind: name, version } = kind.resource;
  const cannot = (why: string) =>
    patched
      ? invalidPatch(kind.resource, input, why)
      : badRequest(`${name} in version "${version}" cannot be handled as a ${name}: ${why}`);
  object.metadata = metadata;
  applyDefaults(metadata, metadataSchema);
  const [wrong] = validate(metadata, metadataSchema, 'metadata');
  if (wrong) throw cannot(unmarshalProblem(wrong, kind));
  const unknown = [...prune(metadata, metadataSchema, 'metadata'), ...prune(object, kind.schema)].sort();
  const problems = [
    ...duplicates.map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ];
  if (mode === 'Strict' && problems.length) throw cannot(`strict decoding error: ${problems.join(', ')}`);
  if (!kind.custom) {
    applyDefaults(object, kind.schema);
    const [mismatch] = schemaErrors(kind, object, undefined);
    if (mismatch) throw cannot(unmarshalProblem(mismatch, kind));
  }
  if (!isApiObject(object)) throw cannot('metadata is missing');
  object.metadata.name ??= '';
  for (const field of ['managedFields', 'selfLink']) Reflect.deleteProperty(object.metadata, field);
  return { object, warnings: mode === 'Warn' ? problems : [] };
}

/** Sets defaults, completes and checks an object; throws Invalid with everything that is wrong. */
export function admit(kind: Kind, object: ApiObject, old: ApiObject | undefined): void {
  applyDefaults(object, kind.schema);
  kind.prepare?.(object, old);
  const errors: FieldError[] = checkMetadata(object.metadata, kind.nameRule);
  if (old) errors.push(...checkMetadataUpdate(object.metadata, old.metadata));
  errors.push(...schemaErrors(kind, object, old));
  errors.push(...(kind.check?.(object, old) ?? []));
  if (kind.rules) {
    // Rules rely on a sound object; the types below mean that it is not.
    const blocked = errors.some(({ type }) => blocking.has(type));
    errors.push(...(blocked ? [unchecked] : evaluateRules(kind.rules, object, old)));
  }
  if (errors.length) throw invalidObject(kind.resource, object.metadata.name, errors);
}

const blocking: ReadonlySet<FieldError['type']> = new Set(['required', 'tooLong', 'tooMany', 'typeInvalid', 'notSupported']);

const unchecked = invalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

/** What an update of the object, or of its status alone, leads to, apart from checks. */
export function merged(kind: Kind, next: ApiObject, current: ApiObject, subresource: 'status' | undefined): ApiObject {
  if (subresource === 'status') {
    const { status: _, ...rest } = current;
    const metadata = { ...current.metadata };
    return { ...rest, metadata, ...(next.status !== undefined && { status: next.status }) } satisfies JsonObject & ApiObject;
  }
  const { status: _, ...rest } = next;
  const status = kind.status ? current.status : next.status;
  return { ...rest, metadata: carriedMetadata(next, current), ...(status !== undefined && { status }) };
}

/** Whether the desired state, which generation counts, differs. */
export function desiredStateChanged(object: ApiObject, old: ApiObject): boolean {
  const { metadata: _m, status: _s, ...desired } = object;
  const { metadata: _om, status: _os, ...before } = old;
  return !deepEqual(desired, before);
}

/** What the server owns of the metadata stays as it was; what a client may not change but did is left to the checks. */
function carriedMetadata(next: ApiObject, current: ApiObject): ApiObject['metadata'] {
  const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds, namespace } = current.metadata;
  const { generation: _, ...sent } = next.metadata;
  return {
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
    ...sent,
    ...(uid !== undefined && { uid: sent.uid || uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(generation !== undefined && { generation }),
    ...(namespace !== undefined && { namespace }),
  };
}

function schemaErrors(kind: Kind, object: JsonObject, old: ApiObject | undefined): FieldError[] {
  const { metadata: _m, ...body } = object;
  const { metadata: _om, ...before } = old ?? {};
  const known = old && before;
  return [...validate(body, kind.schema, '', known), ...validateLists(body, kind.schema, '', known)];
}

/** The object with the kind and version that it must have. */
function typed(kind: Kind, input: unknown): JsonObject {
  const { resource } = kind;
  if (!isObject(input))
    throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): it is no JSON object`);
  const apiVersion = apiVersionOf(resource);
  if (!kind.custom) return typedBuiltIn(resource, apiVersion, input);
  for (const field of ['kind', 'apiVersion']) {
    if (typeof input[field] !== 'string' || input[field] === '') {
      const missing = field === 'kind' ? 'Kind' : 'apiVersion';
      throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): Object '${missing}' is missing`);
    }
  }
  if (input.apiVersion !== apiVersion) {
    const versions = `(${String(input.apiVersion)}) does not match the expected API version (${apiVersion})`;
    throw badRequest(`the API version in the data ${versions}`);
  }
  if (input.kind !== resource.kind) {
    const name = isObject(input.metadata) ? String(input.metadata.name ?? '') : '';
    throw invalidObject({ ...resource, kind: String(input.kind) }, name, [
      invalid('kind', input.kind, `must be ${resource.kind}`),
    ]);
  }
  return structuredClone(input);
}

function typedBuiltIn(resource: Resource, apiVersion: string, input: JsonObject): JsonObject {
  const given = { apiVersion: input.apiVersion ?? apiVersion, kind: input.kind ?? resource.kind };
  if (given.apiVersion !== apiVersion || given.kind !== resource.kind) {
    const version = String(given.apiVersion).split('/').pop();
    const unknown = `no kind "${String(given.kind)}" is registered for version "${String(given.apiVersion)}"`;
    throw badRequest(`${String(given.kind)} in version "${version}" cannot be handled as a ${resource.kind}: ${unknown}`);
  }
  return { ...structuredClone(input), ...given };
}

/** A wrong type in the words of the decoder that kube-apiserver uses for what has no schema of its own. */
function unmarshalProblem(error: FieldError, kind: Kind): string {
  if (error.type !== 'typeInvalid') return `${error.field}: ${error.detail ?? error.type}`;
  const [, expected = 'object'] = /must be of type ([\w-]+):/.exec(error.detail ?? '') ?? [];
  if (expected === 'date-time' || expected === 'micro-time') {
    const text = JSON.stringify(error.value);
    const fraction = expected === 'micro-time' ? '.000000' : '';
    return `parsing time ${text} as "2006-01-02T15:04:05${fraction}Z07:00": cannot parse ${text}`;
  }
  if (expected === 'byte') return 'illegal base64 data at input byte 0';
  const goTypes: Record<string, string> = {
    integer: 'int64',
    boolean: 'bool',
    array: '[]interface {}',
    object: 'map[string]interface {}',
  };
  const got = error.value === 'integer' ? 'number' : error.value === 'boolean' ? 'bool' : String(error.value);
  const path = error.field.replaceAll(/\[\d+\]/g, '').split('.');
  const owner = path[0] === 'metadata' ? 'ObjectMeta' : kind.resource.kind;
  const field = path[0] === 'metadata' ? path[1] : path[0];
  return `json: cannot unmarshal ${got} into Go struct field ${owner}${field ? `.${field}` : ''} of type ${goTypes[expected] ?? expected}`;
}

/** Refuses an object whose name or namespace is not the one in the URL. */
export function requireLocation(object: ApiObject, namespace: string | undefined, name: string | undefined): void {
  const { metadata } = object;
  if (namespace !== undefined) {
    metadata.namespace ||= namespace;
    if (metadata.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
  } else if (metadata.namespace) throw badRequest('namespace is not allowed on this type');
  if (name === undefined) return;
  metadata.name ||= name;
  if (metadata.name !== name)
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
}

/** The refusal of an update that names no resourceVersion where the kind requires one. */
export function versionRequired(resource: Resource, name: string): ApiError {
  const errors = [invalid('metadata.resourceVersion', 0, 'must be specified for an update')];
  return invalidObject({ ...resource, kind: resource.plural }, name, errors);
}
