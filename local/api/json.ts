/** JSON values as they come over the wire, and the few questions asked about them. */
import type { ObjectMeta } from '../../operator/api/resources.ts';

export type JsonObject = { [key: string]: unknown };

/** An object as the API serves and stores it. */
export type ApiObject = JsonObject & { apiVersion: string; kind: string; metadata: ObjectMeta };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Whether the value has the outer form of an API object. The inner types of metadata are checked against its schema
 * where a request enters; what the store holds went through that door.
 */
export function isApiObject(value: unknown): value is ApiObject {
  return isObject(value) && typeof value.apiVersion === 'string' && typeof value.kind === 'string' && isObject(value.metadata);
}

/** Reads an object that the store wrote. */
export function parseStored(text: string): ApiObject {
  const value: unknown = JSON.parse(text);
  if (!isApiObject(value)) throw new Error('the object store holds something that is no API object');
  return value;
}

/** Equality of JSON values; the order of an object's fields does not matter. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => deepEqual(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  return (
    keys.length === Object.keys(b).filter((key) => b[key] !== undefined).length &&
    keys.every((key) => Object.hasOwn(b, key) && deepEqual(a[key], b[key]))
  );
}

/** Sets a field even when it is called __proto__, which plain assignment would take for the prototype. */
export function setField(object: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}
