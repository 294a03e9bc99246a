/** Secrets. No message about one ever shows a value. */
import { RESOURCES } from '../../../operator/api/resources.ts';
import { badRequest } from '../api-status.ts';
import { type FieldError, forbidden, invalid, required, tooLong } from '../field-error.ts';
import { illegalBase64At } from '../formats.ts';
import { type ApiObject, deepEqual, isObject, type JsonObject } from '../json.ts';
import { ageColumn, allVerbs, type Kind, objectSchema } from '../kind.ts';
import { metadataMessage } from '../protobuf.ts';

const maxSize = 1024 * 1024;
/** Keys that Secrets of a type must have; of a nested list, at least one. */
const requiredKeys: Record<string, readonly (string | readonly string[])[]> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/basic-auth': [['username', 'password']],
};

export const secretKind: Kind = {
  resource: RESOURCES.secrets,
  singular: 'secret',
  shortNames: [],
  categories: [],
  verbs: allVerbs,
  schema: objectSchema('Secret holds secret data. The values together must stay below 1 MiB.', {
    data: {
      type: 'object',
      description: 'The secret data, each value encoded as base64. Keys consist of letters, digits, -, _ and dots.',
      additionalProperties: { type: 'string', format: 'byte' },
    },
    stringData: {
      type: 'object',
      description: 'Values as plain text, for writing only; they are merged into data.',
      additionalProperties: { type: 'string' },
    },
    type: { type: 'string', description: 'What the secret is for; Opaque when empty. Cannot be updated.' },
    immutable: { type: 'boolean', description: 'Whether the data can no longer be changed.' },
  }),
  custom: false,
  status: false,
  columns: [
    { name: 'Type', type: 'string', description: 'What the secret is for.', cell: (object) => object.type },
    {
      name: 'Data',
      type: 'string',
      description: 'How many values it holds.',
      cell: (object) => Object.keys(dataOf(object)).length,
    },
    ageColumn,
  ],
  fields: { type: (object) => String(object.type ?? '') },
  nameRule: 'subdomain',
  unconditionalUpdate: true,
  bucket: 'secrets',
  protobuf: {
    1: ['metadata', { message: metadataMessage }],
    2: ['data', { map: 'bytes' }],
    3: ['type', 'string'],
    4: ['stringData', { map: 'string' }],
    5: ['immutable', 'boolean'],
  },
  prepare: (object) => {
    for (const value of Object.values(dataOf(object))) {
      const at = illegalBase64At(String(value));
      if (at !== undefined)
        throw badRequest(`Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte ${at}`);
    }
    const plain = isObject(object.stringData) ? object.stringData : {};
    const entries = Object.entries(plain).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]);
    if (entries.length) object.data = { ...dataOf(object), ...Object.fromEntries(entries) };
    delete object.stringData;
    object.type ||= 'Opaque';
  },
  check: (object, old) => [...contentErrors(object), ...(old ? changeErrors(object, old) : [])],
};

function dataOf(object: ApiObject): JsonObject {
  return isObject(object.data) ? object.data : {};
}

function contentErrors(object: ApiObject): FieldError[] {
  const data = dataOf(object);
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    if (!/^[-._a-zA-Z0-9]+$/.test(key) || key === '.' || key.startsWith('..')) {
      errors.push(
        invalid(
          `data[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or " +
            "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ),
      );
    }
    size += Buffer.byteLength(String(value), 'base64');
  }
  if (size > maxSize) errors.push(tooLong('data', maxSize));
  for (const key of ['.dockerconfigjson', '.dockercfg']) {
    const value = data[key];
    if (String(object.type).startsWith('kubernetes.io/docker') && typeof value === 'string' && !isJson(value)) {
      errors.push(invalid(`data[${key}]`, '<secret contents redacted>', 'it is no JSON'));
    }
  }
  for (const keys of requiredKeys[String(object.type)] ?? []) {
    const alternatives = typeof keys === 'string' ? [keys] : keys;
    if (!alternatives.some((key) => Object.hasOwn(data, key)))
      errors.push(...alternatives.map((key) => required(`data[${key}]`)));
  }
  return errors;
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function changeErrors(object: ApiObject, old: ApiObject): FieldError[] {
  const errors: FieldError[] = [];
  if (object.type !== old.type) errors.push(invalid('type', object.type, 'field is immutable'));
  if (old.immutable !== true) return errors;
  const why = 'field is immutable when `immutable` is set';
  if (object.immutable !== true) errors.push(forbidden('immutable', why));
  if (!deepEqual(dataOf(object), dataOf(old))) errors.push(forbidden('data', why));
  return errors;
}
