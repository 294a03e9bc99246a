/** Namespaces. Deleting one removes all that is in it. */
import { RESOURCES } from '../../../operator/api/resources.ts';
import { type ApiObject, isObject } from '../json.ts';
import { ageColumn, allVerbs, type Kind, objectSchema } from '../kind.ts';
import { metadataMessage } from '../protobuf.ts';

/** Namespaces that are always there. */
export const systemNamespaces: readonly string[] = ['default', 'kube-system'];

export const namespaceKind: Kind = {
  resource: RESOURCES.namespaces,
  singular: 'namespace',
  shortNames: ['ns'],
  categories: [],
  verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
  schema: objectSchema('Namespace is a scope for names.', {
    spec: {
      type: 'object',
      description: 'What the namespace is meant to be.',
      properties: {
        finalizers: { type: 'array', description: 'Who has to finish before it can go.', items: { type: 'string' } },
      },
    },
    status: {
      type: 'object',
      description: 'The state of the namespace.',
      properties: {
        phase: { type: 'string', description: 'Active or Terminating.' },
        conditions: {
          type: 'array',
          description: 'What is known about its deletion.',
          items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
  }),
  custom: false,
  status: true,
  columns: [{ name: 'Status', type: 'string', description: 'The status of the namespace', cell: phaseOf }, ageColumn],
  fields: { 'status.phase': phaseOf },
  nameRule: 'label',
  unconditionalUpdate: true,
  bucket: 'namespaces',
  protobuf: {
    1: ['metadata', { message: metadataMessage }],
    2: ['spec', { message: { 1: ['finalizers', { list: 'string' }] } }],
    3: ['status', { message: { 1: ['phase', 'string'] } }],
  },
  prepare: (object, old) => {
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
    object.spec = old?.spec ?? { finalizers: ['kubernetes'] };
    object.status ??= { phase: 'Active' };
  },
};

function phaseOf(object: ApiObject): string {
  return isObject(object.status) && typeof object.status.phase === 'string' ? object.status.phase : '';
}
