/** Structural schemas: what a CustomResourceDefinition (or a built-in kind) says about its objects. */
import { isObject, type JsonObject } from './json.ts';

export type Rule = {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
};

export type Schema = {
  type?: string;
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  enum?: unknown[];
  default?: unknown;
  nullable?: boolean;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  $ref?: string;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: Rule[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
};

/** What each keyword's value must look like; a keyword that is missing here is not understood and refused. */
const keywords: Record<keyof Schema, (value: unknown) => boolean> = {
  type: isString,
  format: isString,
  description: isString,
  properties: isSchemas,
  required: isStrings,
  items: isSchema,
  additionalProperties: (value) => typeof value === 'boolean' || isSchema(value),
  enum: Array.isArray,
  default: () => true,
  nullable: isBoolean,
  pattern: (value) => typeof value === 'string' && regexOf(value) !== undefined,
  minLength: isNumber,
  maxLength: isNumber,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isBoolean,
  exclusiveMaximum: isBoolean,
  multipleOf: isNumber,
  minItems: isNumber,
  maxItems: isNumber,
  minProperties: isNumber,
  maxProperties: isNumber,
  allOf: isSchemaList,
  anyOf: isSchemaList,
  oneOf: isSchemaList,
  not: isSchema,
  $ref: isString,
  'x-kubernetes-int-or-string': isBoolean,
  'x-kubernetes-preserve-unknown-fields': isBoolean,
  'x-kubernetes-embedded-resource': isBoolean,
  'x-kubernetes-list-type': isString,
  'x-kubernetes-list-map-keys': isStrings,
  'x-kubernetes-map-type': isString,
  'x-kubernetes-validations': (value) => Array.isArray(value) && value.every((each) => isObject(each) && isString(each.rule)),
  'x-kubernetes-group-version-kind': Array.isArray,
  'x-kubernetes-patch-strategy': isString,
  'x-kubernetes-patch-merge-key': isString,
};

/** Whether the value is a schema of which every keyword is understood here. */
export function isSchema(value: unknown): value is Schema {
  return schemaProblem(value) === undefined;
}

/** The path of the first keyword that is unknown or malformed. */
export function schemaProblem(value: unknown, path = ''): string | undefined {
  if (!isObject(value)) return path || '.';
  for (const [keyword, inner] of Object.entries(value)) {
    const at = `${path}.${keyword}`;
    if (keyword === 'properties' && isObject(inner)) {
      for (const [name, property] of Object.entries(inner)) {
        const problem = schemaProblem(property, `${at}.${name}`);
        if (problem) return problem;
      }
    } else if ((keyword === 'items' || keyword === 'additionalProperties') && isObject(inner)) {
      const problem = schemaProblem(inner, at);
      if (problem) return problem;
    } else if (!Object.hasOwn(keywords, keyword) || !checkerOf(keyword)(inner)) return at;
  }
  return undefined;
}

/** The schema of one field of an object, whether it is named or falls under additionalProperties. */
export function fieldSchema(schema: Schema, name: string): Schema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, name)) return schema.properties[name];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** The keys under which list elements of a map list are the same element. */
export function listKeysOf(schema: Schema): readonly string[] | undefined {
  return schema['x-kubernetes-list-type'] === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : undefined;
}

/** The key of a map list's element, as one comparable text; a key that is left out counts with its default. */
export function listKey(schema: Schema, item: JsonObject): string {
  return JSON.stringify((listKeysOf(schema) ?? []).map((key) => item[key] ?? schema.items?.properties?.[key]?.default ?? null));
}

const regexes = new Map<string, RegExp | undefined>();

/** The pattern as a regular expression: by code points where the expression allows it. */
export function regexOf(pattern: string): RegExp | undefined {
  if (!regexes.has(pattern)) regexes.set(pattern, compile(pattern, 'u') ?? compile(pattern, ''));
  return regexes.get(pattern);
}

function compile(pattern: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(pattern, flags);
  } catch {
    return undefined;
  }
}

function checkerOf(keyword: string): (value: unknown) => boolean {
  return Object.entries(keywords).find(([name]) => name === keyword)?.[1] ?? (() => false);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every(isString);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isSchemas(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isSchema);
}

function isSchemaList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isSchema);
}
