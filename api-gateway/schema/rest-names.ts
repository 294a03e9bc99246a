/** REST writes names with underscores, Kubernetes in camel case. The schema says what is a name and what is the user's own key. */
import type { FieldError } from '../http/problem.ts';
import type { Schema } from './crd.ts';
import { suggest } from './suggest.ts';

/** maxCostUSD → max_cost_usd */
export function restName(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** A value as REST shows it. */
export function toRest(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) return schema.items ? value.map((one) => toRest(one, schema.items ?? schema)) : value;
  const { properties } = schema;
  if (typeof value !== 'object' || value === null || !properties) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const property = properties[name];
      return property ? [restName(name), toRest(inner, property)] : [name, inner];
    }),
  );
}

/** A value that came through REST, as the API wants it. Unknown fields are added to `errors`. */
export function fromRest(value: unknown, schema: Schema, path: string, errors: FieldError[]): unknown {
  const { items, properties } = schema;
  if (Array.isArray(value)) return items ? value.map((one, index) => fromRest(one, items, `${path}[${index}]`, errors)) : value;
  if (typeof value !== 'object' || value === null || !properties) return value;
  const names = new Map(Object.keys(properties).map((name) => [restName(name), name]));
  const out: Record<string, unknown> = {};
  for (const [written, inner] of Object.entries(value)) {
    const name = names.get(written);
    const property = name === undefined ? undefined : properties[name];
    const field = path === '' ? written : `${path}.${written}`;
    if (name === undefined || !property) errors.push(unknownField(field, written, [...names.keys()]));
    else out[name] = fromRest(inner, property, field, errors);
  }
  return out;
}

export function unknownField(field: string, written: string, names: readonly string[]): FieldError {
  const meant = suggest(written, names);
  const possible = names.length === 0 ? 'leave it out' : `possible here: ${names.join(', ')}`;
  const hint = meant === undefined ? possible : `did you mean ${meant}?`;
  return { field: field.slice(0, 200), message: `is not a field here; ${hint}` };
}

/** A path below `schema`, such as ['network', 'allow', '0', 'cidr'], as REST writes it: network.allow[0].cidr */
export function restPath(path: readonly string[], schema: Schema | undefined): string {
  let at = schema;
  let out = '';
  for (const name of path) {
    if (at?.items) {
      out += `[${name}]`;
      at = at.items;
      continue;
    }
    const property = at?.properties?.[name];
    out += `${out === '' ? '' : '.'}${property ? restName(name) : name}`;
    at = property ?? at?.additionalProperties;
  }
  return out;
}

/** The schema as JSON Schema with REST's names. */
export function restSchema(schema: Schema): Record<string, unknown> {
  const { type, description, properties, required, items, additionalProperties, keywords } = schema;
  return {
    ...(schema.intOrString ? { type: ['integer', 'string'] } : type !== undefined && { type }),
    ...(description !== undefined && { description }),
    ...keywords,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [restName(name), restSchema(one)])),
      ...(!schema.open && { additionalProperties: false }),
    }),
    ...(required && { required: required.map(restName) }),
    ...(items && { items: restSchema(items) }),
    ...(additionalProperties && { additionalProperties: restSchema(additionalProperties) }),
  };
}
