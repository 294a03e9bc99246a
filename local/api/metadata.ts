/** metadata: its schema, and the rules that kube-apiserver holds names, labels, finalizers and owners to. */
import type { ObjectMeta, OwnerReference } from '../../operator/api/resources.ts';
import { type FieldError, forbidden, invalid, required } from './field-error.ts';
import { deepEqual } from './json.ts';
import type { Schema } from './schema.ts';

const text: Schema = { type: 'string' };
const time: Schema = { type: 'string', format: 'date-time', nullable: true };
const texts: Schema = { type: 'object', additionalProperties: { type: 'string' } };

export const ownerReferenceSchema: Schema = {
  type: 'object',
  description: 'An owner of the object; when all owners are gone, the object goes too.',
  properties: {
    apiVersion: { ...text, description: 'API version of the owner.' },
    kind: { ...text, description: 'Kind of the owner.' },
    name: { ...text, description: 'Name of the owner.' },
    uid: { ...text, description: 'UID of the owner.' },
    controller: { type: 'boolean', description: 'Whether the owner is the managing controller.' },
    blockOwnerDeletion: { type: 'boolean', description: 'Whether foreground deletion of the owner waits for this object.' },
  },
};

export const metadataSchema: Schema = {
  type: 'object',
  description: 'Standard metadata of an object.',
  properties: {
    name: { ...text, description: 'Name, unique within the namespace. Cannot be updated.' },
    generateName: { ...text, description: 'Prefix of a name that the server makes unique, used when name is empty.' },
    namespace: { ...text, description: 'Namespace within which the name is unique. Cannot be updated.' },
    selfLink: { ...text, description: 'Deprecated and never filled in.' },
    uid: { ...text, description: 'Identifies the object over all time. Read-only.' },
    resourceVersion: { ...text, description: 'Changes with every write; an update that names an old one is a conflict.' },
    generation: { type: 'integer', format: 'int64', description: 'Counts the changes of the desired state. Read-only.' },
    creationTimestamp: { ...time, description: 'When the object was created. Read-only.' },
    deletionTimestamp: { ...time, description: 'When deletion was asked for. Read-only.' },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64', description: 'Grace period of the deletion. Read-only.' },
    labels: { ...texts, description: 'Keys and values that select objects.' },
    annotations: { ...texts, description: 'Keys and values for tools; not queryable.' },
    ownerReferences: {
      type: 'array',
      description: 'Objects that this one depends on.',
      items: ownerReferenceSchema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-merge-key': 'uid',
      'x-kubernetes-patch-strategy': 'merge',
    },
    finalizers: {
      type: 'array',
      description: 'Who still has to clean up before the object can go.',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
    },
    managedFields: {
      type: 'array',
      description: 'Accepted and dropped: field ownership is not tracked.',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualifiedName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${qualifiedName})?`;
const maxAnnotations = 256 * 1024;
export type NameRule = 'subdomain' | 'label';

/** Problems of the metadata of a new object, or of any object before and after an update. */
export function checkMetadata(meta: ObjectMeta, nameRule: NameRule): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.generateName) {
    const prefix = meta.generateName.replace(/-$/, 'a');
    errors.push(...nameProblems(prefix, nameRule).map((why) => invalid('metadata.generateName', meta.generateName, why)));
  }
  if (!meta.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...nameProblems(meta.name, nameRule).map((why) => invalid('metadata.name', meta.name, why)));
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    errors.push(...keyProblems(key).map((why) => invalid('metadata.labels', key, why)));
    errors.push(...labelValueProblems(value).map((why) => invalid('metadata.labels', value, why)));
  }
  errors.push(...annotationErrors(meta.annotations ?? {}));
  errors.push(...ownerErrors(meta.ownerReferences ?? []));
  for (const finalizer of meta.finalizers ?? []) {
    errors.push(...keyProblems(finalizer).map((why) => invalid('metadata.finalizers', finalizer, why)));
  }
  return errors;
}

/** What an update may not change. */
export function checkMetadataUpdate(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) {
    const added = (meta.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
    if (added.length) {
      const shown = added.map((each) => JSON.stringify(each)).join(', ');
      const why = 'no new finalizers can be added if the object is being deleted, found new finalizers';
      errors.push(forbidden('metadata.finalizers', `${why} []string{${shown}}`));
    }
  }
  for (const field of ['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (!deepEqual(meta[field], old[field])) errors.push(invalid(`metadata.${field}`, meta[field] ?? null, 'field is immutable'));
  }
  return errors;
}

export function nameProblems(name: string, rule: NameRule): string[] {
  const problems: string[] = [];
  const max = rule === 'label' ? 63 : 253;
  if (name.length > max) problems.push(`must be no more than ${max} bytes`);
  if (rule === 'label' && !matches(label, name)) {
    problems.push(
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
        `alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`,
    );
  }
  if (rule === 'subdomain' && !matches(subdomain, name)) {
    problems.push(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
        `with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`,
    );
  }
  return problems;
}

/** Problems of a label key, annotation key or finalizer: an optional DNS prefix, a slash and a name. */
export function keyProblems(key: string): string[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = slash < 0 ? key : key.slice(slash + 1);
  const problems: string[] = [];
  if (name.includes('/')) {
    return [
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
        `character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualifiedName}') with an ` +
        "optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  if (prefix === '') problems.push('prefix part must be non-empty');
  else if (prefix !== undefined) problems.push(...nameProblems(prefix, 'subdomain').map((why) => `prefix part ${why}`));
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push('name part must be no more than 63 bytes');
  if (!matches(qualifiedName, name)) {
    problems.push(
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
        `character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualifiedName}')`,
    );
  }
  return problems;
}

export function labelValueProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 63) problems.push('must be no more than 63 bytes');
  if (!matches(labelValue, value)) {
    problems.push(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
        "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
        `'${labelValue}')`,
    );
  }
  return problems;
}

function annotationErrors(annotations: Record<string, string>): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    errors.push(...keyProblems(key.toLowerCase()).map((why) => invalid('metadata.annotations', key, why)));
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > maxAnnotations) {
    errors.push({ type: 'tooLong', field: 'metadata.annotations', detail: `may not be more than ${maxAnnotations} bytes` });
  }
  return errors;
}

function ownerErrors(owners: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  const at = 'metadata.ownerReferences';
  for (const owner of owners) {
    if (!owner.apiVersion) errors.push(invalid(`${at}.apiVersion`, '', 'version must not be empty'));
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!owner[field]) errors.push(invalid(`${at}.${field}`, '', 'must not be empty'));
    }
    if (owner.kind === 'Event' && owner.apiVersion === 'v1') {
      errors.push(invalid(at, owner, '/v1, Kind=Event is disallowed from being an owner'));
    }
  }
  const [first, second] = owners.filter((owner) => owner.controller);
  if (first && second) {
    const found = `Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    errors.push(invalid(at, owners, `Only one reference can have Controller set to true. ${found}`));
  }
  return errors;
}

function matches(pattern: string, value: string): boolean {
  return new RegExp(`^${pattern}$`).test(value);
}
