/** Fills in what a user left out. Works in place. */
import { isObject, setField } from './json.ts';
import { fieldSchema, type Schema } from './schema.ts';

/**
 * Sets the defaults of the schema. A null where the schema allows none counts as left out, as it does in
 * kube-apiserver: the field goes, and its default comes.
 */
export function applyDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) applyDefaults(item, schema.items);
    return;
  }
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    const property = fieldSchema(schema, name);
    if (inner === null && property && !property.nullable) delete value[name];
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default !== undefined && !Object.hasOwn(value, name)) setField(value, name, structuredClone(property.default));
  }
  for (const [name, inner] of Object.entries(value)) {
    const property = fieldSchema(schema, name);
    if (property) applyDefaults(inner, property);
  }
}
