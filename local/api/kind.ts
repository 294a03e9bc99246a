/** One kind as it is served: where, with which schema, rules, columns and selectors. */
import type { Resource } from '../../operator/api/resources.ts';
import type { RuleTree } from './cel.ts';
import type { FieldError } from './field-error.ts';
import type { ApiObject } from './json.ts';
import { metadataSchema, type NameRule } from './metadata.ts';
import type { Message } from './protobuf.ts';
import type { Schema } from './schema.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** The verbs of a kind that can be changed, in the order in which kube-apiserver lists them. */
export const allVerbs: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** A column of `kubectl get`. A date's cell is the time itself; it is shown as an age. */
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description: string;
  /** Above 0: only with -o wide. */
  readonly priority?: number;
  readonly cell: (object: ApiObject) => unknown;
};

export type Kind = {
  readonly resource: Resource;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly schema: Schema;
  readonly rules?: RuleTree;
  /** Whether it comes from a CustomResourceDefinition: generation, wording of errors, no strategic merge. */
  readonly custom: boolean;
  /** Whether there is a status subresource. */
  readonly status: boolean;
  readonly columns: readonly Column[];
  /** Fields that a field selector may name, besides metadata.name and metadata.namespace. */
  readonly fields: Readonly<Record<string, (object: ApiObject) => string>>;
  readonly nameRule: NameRule;
  /** Whether an update without metadata.resourceVersion is accepted. */
  readonly unconditionalUpdate: boolean;
  /** Where its objects are stored; two kinds that share one show the same objects in two shapes. */
  readonly bucket: string;
  /** Whether its objects only tell what happened, so that a power cut may take the latest of them. */
  readonly report?: true;
  /** Between the stored and the served shape, when they differ. */
  readonly shape?: { readonly toStored: (object: ApiObject) => ApiObject; readonly fromStored: (object: ApiObject) => ApiObject };
  /** How the object is written in protobuf, where kubectl sends it so. */
  readonly protobuf?: Message;
  /** Completes an object before it is checked; throws ApiError for what cannot even be read. */
  readonly prepare?: (object: ApiObject, old: ApiObject | undefined) => void;
  /** Problems that a schema cannot express. */
  readonly check?: (object: ApiObject, old: ApiObject | undefined) => FieldError[];
};

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

export function listKindOf(kind: Kind): string {
  return `${kind.resource.kind}List`;
}

/** The value of a field for a field selector; undefined when the kind cannot be selected by it. */
export function selectableField(kind: Kind, path: string): ((object: ApiObject) => string) | undefined {
  if (path === 'metadata.name') return (object) => object.metadata.name;
  if (path === 'metadata.namespace' && kind.resource.namespaced) return (object) => object.metadata.namespace ?? '';
  return Object.hasOwn(kind.fields, path) ? kind.fields[path] : undefined;
}

/** The schema of a whole object around the schemas of its parts. */
export function objectSchema(description: string, properties: Record<string, Schema>): Schema {
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string', description: 'The version of the API that the object is written in.' },
      kind: { type: 'string', description: 'The kind of the object.' },
      metadata: metadataSchema,
      ...properties,
    },
  };
}

export const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  description: 'How long ago the object was created.',
  cell: (object) => object.metadata.creationTimestamp,
};
