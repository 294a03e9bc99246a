/** CustomResourceDefinitions, for reading only: which ones are served is decided at start. */
import { type Kind, objectSchema } from '../kind.ts';

export const definitionKind: Kind = {
  resource: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  },
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  verbs: ['get', 'list', 'watch'],
  schema: objectSchema('CustomResourceDefinition describes a kind of custom resource.', {
    spec: { type: 'object', description: 'The definition.', 'x-kubernetes-preserve-unknown-fields': true },
    status: { type: 'object', description: 'Whether it is served.', 'x-kubernetes-preserve-unknown-fields': true },
  }),
  custom: false,
  status: false,
  columns: [
    {
      name: 'Created At',
      type: 'string',
      description: 'When the definition was created.',
      cell: (object) => object.metadata.creationTimestamp ?? '',
    },
  ],
  fields: {},
  nameRule: 'subdomain',
  unconditionalUpdate: false,
  bucket: 'customresourcedefinitions.apiextensions.k8s.io',
};
