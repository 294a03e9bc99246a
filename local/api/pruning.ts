/** Removes what the schema does not know. Works in place. */
import { isObject } from './json.ts';
import { fieldSchema, type Schema } from './schema.ts';

/** Returns the paths of the fields that were dropped, in the order in which they stood. */
export function prune(value: unknown, schema: Schema, path = ''): string[] {
  const dropped: string[] = [];
  walk(value, schema, path, dropped);
  return dropped;
}

function walk(value: unknown, schema: Schema, path: string, dropped: string[]): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      if (schema.items) walk(item, schema.items, `${path}[${index}]`, dropped);
    });
    return;
  }
  if (!isObject(value)) return;
  const open = schema['x-kubernetes-preserve-unknown-fields'] || schema.additionalProperties === true;
  for (const [name, inner] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    const property = fieldSchema(schema, name);
    if (property) walk(inner, property, at, dropped);
    else if (!open) {
      delete value[name];
      dropped.push(at);
    }
  }
}
