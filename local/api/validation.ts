/** Checks an object against its schema, with the words of kube-apiserver. */
import { type FieldError, invalid, notSupported, required, tooLong } from './field-error.ts';
import { matchesFormat } from './formats.ts';
import { deepEqual, isObject, type JsonObject } from './json.ts';
import { fieldSchema, listKey, listKeysOf, regexOf, type Schema } from './schema.ts';

/**
 * All problems of the value. What an update leaves as it was is not complained about, so that an object that was valid
 * once can still be changed elsewhere; `old` is the value before.
 */
export function validate(value: unknown, schema: Schema, path = '', old?: unknown): FieldError[] {
  if (old !== undefined && deepEqual(value, old)) return [];
  const errors: FieldError[] = [];
  if (value === null && schema.nullable) return errors;
  const wrong = typeError(value, schema, path);
  if (wrong) errors.push(wrong);
  errors.push(...combined(value, schema, path));
  if (wrong) return errors;
  if (schema.enum && !schema.enum.some((each) => deepEqual(each, value))) errors.push(notSupported(path, value, schema.enum));
  if (typeof value === 'string') errors.push(...ofString(value, schema, path));
  else if (typeof value === 'number') errors.push(...ofNumber(value, schema, path));
  else if (Array.isArray(value)) errors.push(...ofArray(value, schema, path, old));
  else if (isObject(value)) errors.push(...ofObject(value, schema, path, old));
  return errors;
}

/** Problems of lists whose elements must differ: sets, and maps by their keys. */
export function validateLists(value: unknown, schema: Schema, path = '', old?: unknown): FieldError[] {
  if (old !== undefined && deepEqual(value, old)) return [];
  if (Array.isArray(value)) {
    const errors = duplicates(value, schema, path);
    const items = schema.items;
    if (items) value.forEach((item, index) => void errors.push(...validateLists(item, items, `${path}[${index}]`)));
    return errors;
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const property = fieldSchema(schema, name);
    return property ? validateLists(inner, property, child(path, name), isObject(old) ? old[name] : undefined) : [];
  });
}

export function child(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function typeError(value: unknown, schema: Schema, path: string): FieldError | undefined {
  const actual = typeOf(value);
  const expected = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  const fits = expected.length === 0 || expected.includes(actual) || (actual === 'integer' && expected.includes('number'));
  if (!fits) {
    const detail = `${path} in body must be of type ${expected.join(',')}: ${JSON.stringify(actual)}`;
    return { type: 'typeInvalid', field: path, value: actual, detail };
  }
  if (typeof value === 'string' && schema.format && !matchesFormat(value, schema.format)) {
    const detail = `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`;
    return { type: 'typeInvalid', field: path, value, detail };
  }
  return undefined;
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function combined(value: unknown, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const say = (words: string): FieldError => ({
    type: 'invalid',
    field: '<nil>',
    value: '',
    detail: `${JSON.stringify(path)} ${words}`,
  });
  for (const each of schema.allOf ?? []) errors.push(...validate(value, each, path));
  if (schema.anyOf?.length) {
    const attempts = schema.anyOf.map((each) => validate(value, each, path));
    const best = attempts.find((attempt) => attempt.length === 0) ?? attempts[0] ?? [];
    if (best.length) errors.push(say('must validate at least one schema (anyOf)'), ...best);
  }
  if (schema.oneOf?.length && schema.oneOf.filter((each) => validate(value, each, path).length === 0).length !== 1) {
    errors.push(say('must validate one and only one schema (oneOf)'));
  }
  if (schema.not && validate(value, schema.not, path).length === 0) errors.push(say('must not validate the schema (not)'));
  return errors;
}

function ofString(value: string, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  // Code points are counted, whatever the word in the message; counting is spared where length alone decides.
  const length = value.length > (schema.maxLength ?? Number.POSITIVE_INFINITY) ? [...value].length : value.length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    // No further: a pattern may take for ever over a text without bounds.
    return [tooLong(path, schema.maxLength)];
  }
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    errors.push(invalid(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && !regexOf(schema.pattern)?.test(value)) {
    errors.push(invalid(path, value, `${path} in body should match '${schema.pattern}'`));
  }
  return errors;
}

function ofNumber(value: number, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    const bound = schema.exclusiveMinimum ? 'greater than' : 'greater than or equal to';
    errors.push(invalid(path, value, `${path} in body should be ${bound} ${minimum}`));
  }
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    const bound = schema.exclusiveMaximum ? 'less than' : 'less than or equal to';
    errors.push(invalid(path, value, `${path} in body should be ${bound} ${maximum}`));
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    errors.push(invalid(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  }
  return errors;
}

function ofArray(value: readonly unknown[], schema: Schema, path: string, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    errors.push({ type: 'tooMany', field: path, detail: `must have at most ${schema.maxItems} items`, value: value.length });
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    errors.push(invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  const items = schema.items;
  if (!items) return errors;
  const before = new Map<string, unknown>();
  if (listKeysOf(schema) && Array.isArray(old))
    for (const item of old) if (isObject(item)) before.set(listKey(schema, item), item);
  value.forEach((item, index) => {
    errors.push(...validate(item, items, `${path}[${index}]`, isObject(item) ? before.get(listKey(schema, item)) : undefined));
  });
  return errors;
}

function ofObject(value: JsonObject, schema: Schema, path: string, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const count = Object.keys(value).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    errors.push({ type: 'tooMany', field: path, detail: `must have at most ${schema.maxProperties} items`, value: count });
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    errors.push(invalid(path, count, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) errors.push(required(child(path, name)));
  for (const [name, inner] of Object.entries(value)) {
    const property = fieldSchema(schema, name);
    if (property) errors.push(...validate(inner, property, child(path, name), isObject(old) ? old[name] : undefined));
  }
  return errors;
}

function duplicates(value: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const keys = listKeysOf(schema);
  if (!keys && schema['x-kubernetes-list-type'] !== 'set') return [];
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  value.forEach((item, index) => {
    const key = keys ? (isObject(item) ? listKey(schema, item) : undefined) : JSON.stringify(item);
    if (key === undefined) return;
    if (seen.has(key)) {
      const shown = keys && isObject(item) ? Object.fromEntries(keys.map((name) => [name, item[name]])) : item;
      errors.push({ type: 'duplicate', field: `${path}[${index}]`, value: shown });
    }
    seen.add(key);
  });
  return errors;
}
