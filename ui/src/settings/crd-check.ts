/**
 * Checks a value against a structural schema, the one that the API server itself refuses objects by. An interpreter and not
 * a compiled validator: the page's policy lets no code be made while it runs, and its messages are for people.
 */

/** What is used of a schema; unknown keywords are left to the server. */
export type CrdSchema = {
  type?: string;
  format?: string;
  enum?: readonly unknown[];
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  required?: readonly string[];
  properties?: Readonly<Record<string, CrdSchema>>;
  items?: CrdSchema;
};

/** `path` leads from the value to what is wrong. */
export type CrdError = { path: readonly string[]; message: string };

/** Every fault, in the order of the schema. Only what is there is checked, besides what is required. */
export function checkAgainst(schema: CrdSchema, value: unknown, path: readonly string[] = []): CrdError[] {
  const wrong = (message: string): CrdError[] => [{ path, message }];
  switch (schema.type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('This is no object.');
      const given: Readonly<Record<string, unknown>> = { ...value };
      const missing = (schema.required ?? []).filter((name) => given[name] === undefined);
      return [
        ...missing.map((name): CrdError => ({ path: [...path, name], message: 'Please fill this in.' })),
        ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
          given[name] === undefined ? [] : checkAgainst(inner, given[name], [...path, name]),
        ),
      ];
    }
    case 'array': {
      if (!Array.isArray(value)) return wrong('This is no list.');
      if (schema.maxItems !== undefined && value.length > schema.maxItems)
        return wrong(`At most ${schema.maxItems} are possible.`);
      const { items } = schema;
      return items ? value.flatMap((item: unknown, index) => checkAgainst(items, item, [...path, String(index)])) : [];
    }
    case 'string':
      return typeof value === 'string' ? checkText(schema, value).flatMap(wrong) : wrong('This is no text.');
    case 'integer':
    case 'number':
      return typeof value === 'number' ? checkNumber(schema, value).flatMap(wrong) : wrong('This is no number.');
    default:
      return [];
  }
}

function checkText(schema: CrdSchema, value: string): string[] {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
  // As the API server counts: characters, not units of UTF-16.
  const length = [...value].length;
  if (value === '' && minLength > 0) return ['Please fill this in.'];
  if (schema.enum && !schema.enum.includes(value)) return [`This is none of ${schema.enum.join(', ')}.`];
  if (pattern?.startsWith('^https?://') && !new RegExp(pattern, 'u').test(value))
    return ['This is no address: it has to begin with http:// or https:// and have no space and no @ in it.'];
  if (length < minLength) return [`At least ${minLength} characters are needed.`];
  if (length > maxLength) return [`At most ${maxLength} characters are possible; these are ${length}.`];
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) return [`This does not match ${pattern}.`];
  return [];
}

function checkNumber(schema: CrdSchema, value: number): string[] {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  if (!Number.isFinite(value)) return ['Please enter a number.'];
  if (schema.type === 'integer' && !Number.isInteger(value)) return ['Please enter a whole number.'];
  if (value < minimum) return [`At least ${minimum.toLocaleString('en')} is needed.`];
  if (value > maximum) return [`At most ${maximum.toLocaleString('en')} is possible.`];
  return [];
}
