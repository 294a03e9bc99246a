/** CustomResourceDefinitions: as kinds to serve, and as objects that `kubectl get crd` shows. */
import { createRequire } from 'node:module';
import { compileRules } from './cel.ts';
import { type ApiObject, isApiObject, isObject, type JsonObject } from './json.ts';
import { compileJsonPath } from './json-path.ts';
import { ageColumn, allVerbs, type Column, type Kind, objectSchema } from './kind.ts';
import { isSchema, schemaProblem } from './schema.ts';

/** What every object has, whatever its definition says about it. */
const standardFields = objectSchema('', {}).properties;

export type Definition = { readonly kind: Kind; readonly object: ApiObject };

/**
 * Reads a definition, from YAML or, when `source` ends in .json, from JSON; `source` names it in errors. Throws for whatever
 * cannot be served as written.
 */
export function readDefinition(text: string, source: string): Definition {
  const object: unknown = source.endsWith('.json') ? JSON.parse(text) : parseYaml(text);
  if (!isApiObject(object) || object.kind !== 'CustomResourceDefinition')
    throw new Error(`${source} is no CustomResourceDefinition`);
  try {
    return { kind: kindOf(object), object };
  } catch (error) {
    throw new Error(`${source} cannot be served: ${Error.isError(error) ? error.message : String(error)}`, { cause: error });
  }
}

function parseYaml(text: string): unknown {
  // Loaded only where it is needed: it is slow, and a start has the definitions as JSON.
  const yaml: typeof import('yaml') = createRequire(import.meta.url)('yaml');
  return yaml.parse(text);
}

function kindOf(definition: ApiObject): Kind {
  const spec = part(definition, 'spec');
  const names = part(spec, 'names');
  const version = list(spec.versions).find((each) => each.storage === true);
  if (!version) throw new Error('spec.versions has no storage version');
  const schema = part(part(version, 'schema'), 'openAPIV3Schema');
  if (!isSchema(schema)) throw new Error(`the schema uses what is not supported: ${schemaProblem(schema)}`);
  const whole = { ...schema, properties: { ...schema.properties, ...standardFields } };
  const rules = compileRules(whole);
  const group = text(spec, 'group');
  const plural = text(names, 'plural');
  const status = isObject(version.subresources) && isObject(version.subresources.status);
  return {
    resource: {
      group,
      version: text(version, 'name'),
      plural,
      kind: text(names, 'kind'),
      namespaced: spec.scope === 'Namespaced',
    },
    singular: text(names, 'singular'),
    shortNames: texts(names.shortNames),
    categories: texts(names.categories),
    verbs: allVerbs,
    schema: whole,
    ...(rules && { rules }),
    custom: true,
    status,
    columns: columnsOf(version),
    fields: Object.fromEntries(list(version.selectableFields).map((each) => fieldOf(text(each, 'jsonPath')))),
    nameRule: 'subdomain',
    unconditionalUpdate: false,
    bucket: `${plural}.${group}`,
  };
}

function columnsOf(version: JsonObject): Column[] {
  const columns = list(version.additionalPrinterColumns).map((column): Column => {
    const path = text(column, 'jsonPath');
    const find = compileJsonPath(path);
    return {
      name: text(column, 'name'),
      type: text(column, 'type'),
      format: typeof column.format === 'string' ? column.format : '',
      description:
        typeof column.description === 'string'
          ? column.description
          : `Custom resource definition column (in JSONPath format): ${path}`,
      priority: typeof column.priority === 'number' ? column.priority : 0,
      cell: (object) => find(object)[0],
    };
  });
  return columns.length ? columns : [ageColumn];
}

function fieldOf(path: string): [string, (object: ApiObject) => string] {
  const find = compileJsonPath(path);
  return [path.replace(/^\./, ''), (object) => String(find(object)[0] ?? '')];
}

function part(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (!isObject(value)) throw new Error(`${name} is missing`);
  return value;
}

function list(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function text(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is missing`);
  return value;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** The definition as served: names accepted and established, for `kubectl wait --for=condition=Established crd/…`. */
export function establishedDefinition(definition: ApiObject, now: string): ApiObject {
  const condition = (type: string, reason: string, message: string): JsonObject => ({
    type,
    status: 'True',
    lastTransitionTime: now,
    reason,
    message,
  });
  const spec = part(definition, 'spec');
  return {
    ...definition,
    spec: { conversion: { strategy: 'None' }, ...spec },
    status: {
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      acceptedNames: spec.names,
      storedVersions: list(spec.versions).flatMap((each) => (each.storage === true ? [each.name] : [])),
    },
  };
}
