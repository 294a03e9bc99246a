/** What the generated validator found, as sentences that name the value and say what to do. */
import type { ErrorObject } from 'ajv';

/** A problem at a path of the object, such as ['spec', 'goal']. */
export type ObjectError = { path: string[]; message: string };

/** The problems of an object that a validator refused. */
export function objectErrors(errors: readonly ErrorObject[], object: unknown): ObjectError[] {
  // The branches of a choice are told by the choice itself.
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf').map(({ instancePath }) => instancePath);
  return errors
    .filter(({ keyword, instancePath }) => keyword === 'anyOf' || !choices.includes(instancePath))
    .map((error) => {
      const path = error.instancePath.split('/').slice(1).map(unescapePointer);
      const value = path.reduce<unknown>((inner, name) => part(inner, name), object);
      const missing = error.keyword === 'required' ? [param(error, 'missingProperty')] : [];
      return { path: [...path, ...missing], message: messageOf(error, value) };
    });
}

function messageOf(error: ErrorObject, value: unknown): string {
  const limit = param(error, 'limit');
  switch (error.keyword) {
    case 'required':
      return 'is missing; it must be given';
    case 'type':
      return `must be ${article(param(error, 'type'))}, not ${shown(value)}`;
    case 'anyOf':
      return `must be an integer or a string, not ${shown(value)}`;
    case 'enum':
      return `must be one of ${param(error, 'allowedValues')}, not ${shown(value)}`;
    case 'minLength':
      return limit === '1' ? 'must not be empty' : `must have at least ${limit} characters, not ${shown(value)}`;
    case 'maxLength':
      return `has ${typeof value === 'string' ? [...value].length : 'too many'} characters; at most ${limit} are allowed`;
    case 'minimum':
      return `must be at least ${limit}, not ${shown(value)}`;
    case 'maximum':
      return `must be at most ${limit}, not ${shown(value)}`;
    case 'maxItems':
      return `has ${Array.isArray(value) ? value.length : 'too many'} items; at most ${limit} are allowed`;
    case 'maxProperties':
      return `has too many entries; at most ${limit} are allowed`;
    case 'pattern':
      return `must match ${param(error, 'pattern')}, unlike ${shown(value)}`;
    default:
      return error.message ?? 'is not valid';
  }
}

function article(type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** A value for a message: short, and its kind where the value itself would say nothing. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function param(error: ErrorObject, name: string): string {
  const params: Record<string, unknown> = error.params;
  const value = params[name];
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function part(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}

function unescapePointer(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
