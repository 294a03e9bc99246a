/** OpenAPI documents from the schemas of the kinds: v3 per group and version, v2 for clients that still ask for it. */
import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from './json.ts';
import { type Kind, listKindOf, type Verb } from './kind.ts';
import { metadataSchema, ownerReferenceSchema } from './metadata.ts';

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const listMeta = {
  type: 'object',
  description: 'Metadata of a list.',
  properties: {
    resourceVersion: { type: 'string', description: 'The revision that the list was read at.' },
    continue: { type: 'string', description: 'Where the next page begins.' },
    remainingItemCount: { type: 'integer', format: 'int64', description: 'How many objects follow.' },
  },
};

export class OpenApi {
  readonly #kinds: readonly Kind[];
  readonly #documents = new Map<string, { text: string; hash: string }>();

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  /** GET /openapi/v3: where the document of each group and version is; the hash lets clients keep it. */
  index(): JsonObject {
    const paths = this.#groupVersions().map((path) => {
      const hash = this.document(path)?.hash;
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
    });
    return { paths: Object.fromEntries(paths) };
  }

  /** GET /openapi/v3/{path}, path being api/v1 or apis/{group}/{version}; made on first use. */
  document(path: string): { text: string; hash: string } | undefined {
    const made = this.#documents.get(path);
    if (made) return made;
    const kinds = this.#kinds.filter((kind) => pathOf(kind) === path);
    if (!kinds.length) return undefined;
    const text = JSON.stringify(documentV3(kinds));
    const document = { text, hash: createHash('sha512').update(text).digest('hex').toUpperCase() };
    this.#documents.set(path, document);
    return document;
  }

  /** GET /openapi/v2 */
  documentV2(): JsonObject {
    const reference = (name: string) => `#/definitions/${name}`;
    return {
      swagger: '2.0',
      info: { title: 'Kubernetes', version: 'v1' },
      paths: Object.fromEntries(this.#kinds.flatMap((kind) => Object.entries(pathsOf(kind, undefined)))),
      definitions: schemasOf(this.#kinds, reference, 'v2'),
    };
  }

  #groupVersions(): string[] {
    return [...new Set(this.#kinds.map(pathOf))];
  }
}

function pathOf({ resource }: Kind): string {
  return resource.group === '' ? `api/${resource.version}` : `apis/${resource.group}/${resource.version}`;
}

function documentV3(kinds: readonly Kind[]): JsonObject {
  const reference = (name: string) => `#/components/schemas/${name}`;
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1' },
    paths: Object.fromEntries(kinds.flatMap((kind) => Object.entries(pathsOf(kind, reference)))),
    components: { schemas: schemasOf(kinds, reference, 'v3') },
  };
}

function schemasOf(kinds: readonly Kind[], reference: (name: string) => string, form: 'v2' | 'v3'): JsonObject {
  const refer = (name: string, description: string) =>
    form === 'v3' ? { description, allOf: [{ $ref: reference(name) }] } : { description, $ref: reference(name) };
  const schemas: JsonObject = {
    [`${metaPrefix}.ObjectMeta`]: {
      ...metadataSchema,
      properties: {
        ...metadataSchema.properties,
        ownerReferences: {
          ...metadataSchema.properties?.ownerReferences,
          items: refer(`${metaPrefix}.OwnerReference`, ''),
        },
      },
    },
    [`${metaPrefix}.OwnerReference`]: ownerReferenceSchema,
    [`${metaPrefix}.ListMeta`]: listMeta,
  };
  for (const kind of kinds) {
    const { group, version } = kind.resource;
    const body = published(kind.schema, form);
    const properties = isObject(body) && isObject(body.properties) ? body.properties : {};
    const identified = (name: string) => ({ 'x-kubernetes-group-version-kind': [{ group, version, kind: name }] });
    schemas[modelName(kind)] = {
      ...(isObject(body) && body),
      properties: { ...properties, metadata: refer(`${metaPrefix}.ObjectMeta`, "Standard object's metadata.") },
      ...identified(kind.resource.kind),
    };
    schemas[`${modelName(kind)}List`] = {
      type: 'object',
      description: `A list of ${kind.resource.kind} objects.`,
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        items: { type: 'array', items: { $ref: reference(modelName(kind)) } },
        metadata: refer(`${metaPrefix}.ListMeta`, 'Metadata of the list.'),
      },
      ...identified(listKindOf(kind)),
    };
  }
  return schemas;
}

/** The schema as clients may read it: rules stay, nullable and anyOf have no place in v2. */
function published(schema: unknown, form: 'v2' | 'v3'): unknown {
  if (Array.isArray(schema)) return schema.map((each) => published(each, form));
  if (!isObject(schema)) return schema;
  const hidden = form === 'v2' ? ['nullable', 'anyOf', 'oneOf', 'not'] : [];
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => !hidden.includes(name) || (typeof value === 'object') === (name === 'nullable'))
      .map(([name, value]) => [name, keep.has(name) ? value : value === 'micro-time' ? 'date-time' : published(value, form)]),
  );
}

const keep = new Set(['default', 'enum', 'description', 'pattern']);

function modelName({ resource }: Kind): string {
  const { group, version, kind } = resource;
  if (group === '') return `io.k8s.api.core.${version}.${kind}`;
  if (!group.endsWith('.k8s.io')) return [...group.split('.').reverse(), version, kind].join('.');
  return `io.k8s.api.${group.slice(0, -'.k8s.io'.length)}.${version}.${kind}`;
}

function pathsOf(kind: Kind, reference: ((name: string) => string) | undefined): JsonObject {
  const { plural, namespaced } = kind.resource;
  const base = `/${pathOf(kind)}`;
  const collection = namespaced ? `${base}/namespaces/{namespace}/${plural}` : `${base}/${plural}`;
  const operations = (verbs: readonly Verb[]) =>
    Object.fromEntries(
      verbs.filter((verb) => kind.verbs.includes(verb)).map((verb) => [methods[verb], operation(kind, verb, reference)]),
    );
  const parameters = namespaced ? [pathParameter('namespace', reference)] : [];
  return {
    [collection]: { ...operations(['list', 'create', 'deletecollection']), parameters },
    [`${collection}/{name}`]: {
      ...operations(['get', 'update', 'patch', 'delete']),
      parameters: [pathParameter('name', reference), ...parameters],
    },
    ...(namespaced && { [`${base}/${plural}`]: operations(['list']) }),
  };
}

const methods: Record<Verb, string> = {
  list: 'get',
  get: 'get',
  create: 'post',
  update: 'put',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete',
  watch: 'get',
};

/** kubectl reads from here whether the server validates fields and which patches a kind understands. */
function operation(kind: Kind, verb: Verb, reference: ((name: string) => string) | undefined): JsonObject {
  const { group, version, kind: name } = kind.resource;
  const writes = verb === 'create' || verb === 'update' || verb === 'patch';
  const patches = ['application/json-patch+json', 'application/merge-patch+json'];
  if (!kind.custom) patches.push('application/strategic-merge-patch+json');
  const content = (types: readonly string[], schema: JsonObject) => Object.fromEntries(types.map((type) => [type, { schema }]));
  const model = reference ? { $ref: reference(modelName(kind)) } : {};
  const types = verb === 'patch' ? patches : ['application/json', 'application/yaml'];
  return {
    operationId: `${verb}_${group}_${version}_${kind.resource.plural}`,
    ...(writes && { parameters: ['dryRun', 'fieldManager', 'fieldValidation'].map((each) => queryParameter(each, reference)) }),
    ...(reference &&
      writes && { requestBody: { required: true, content: content(types, verb === 'patch' ? { type: 'object' } : model) } }),
    ...(!reference && writes && { consumes: types }),
    responses: { 200: { description: 'OK', ...(reference && { content: content(['application/json'], model) }) } },
    'x-kubernetes-action': verb === 'create' ? 'post' : verb === 'update' ? 'put' : verb,
    'x-kubernetes-group-version-kind': { group, version, kind: name },
  };
}

function queryParameter(name: string, reference: unknown): JsonObject {
  return { name, in: 'query', ...(reference ? { schema: { type: 'string' } } : { type: 'string' }) };
}

function pathParameter(name: string, reference: unknown): JsonObject {
  return { name, in: 'path', required: true, ...(reference ? { schema: { type: 'string' } } : { type: 'string' }) };
}
