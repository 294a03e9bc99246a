/** Reading what came as JSON, with nothing taken for granted. */

export type Json = Record<string, unknown>;

/** The value when it is a string, else nothing. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The objects of a list; none when it is no list. */
export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function object(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
