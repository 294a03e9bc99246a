/**
 * Reads the protobuf that kubectl's typed commands send (`kubectl create secret`, `kubectl auth whoami`). Answers are JSON,
 * which every client accepts beside it. Only the few messages that arrive this way are described.
 */
import { badRequest } from './api-status.ts';
import { isObject, type JsonObject, setField } from './json.ts';

/** A message by field number: the JSON name and what the field holds. */
export type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>;
type FieldType =
  | 'string'
  | 'bytes'
  | 'integer'
  | 'boolean'
  | 'time'
  | { readonly message: Message }
  | { readonly list: 'string' | { readonly message: Message } }
  | { readonly map: 'string' | 'bytes' };

/** Begins every message: the envelope k8s.io/apimachinery/pkg/runtime.Unknown follows. */
const magic = Buffer.from('k8s\0');
const envelope: Message = {
  1: ['type', { message: { 1: ['apiVersion', 'string'], 2: ['kind', 'string'] } }],
  2: ['raw', 'bytes'],
};

export const metadataMessage: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'integer'],
  8: ['creationTimestamp', 'time'],
  9: ['deletionTimestamp', 'time'],
  10: ['deletionGracePeriodSeconds', 'integer'],
  11: ['labels', { map: 'string' }],
  12: ['annotations', { map: 'string' }],
  13: [
    'ownerReferences',
    {
      list: {
        message: {
          1: ['kind', 'string'],
          3: ['name', 'string'],
          4: ['uid', 'string'],
          5: ['apiVersion', 'string'],
          6: ['controller', 'boolean'],
          7: ['blockOwnerDeletion', 'boolean'],
        },
      },
    },
  ],
  14: ['finalizers', { list: 'string' }],
};

/** The object in its JSON form. Throws BadRequest for what is no such message. */
export function decodeProtobuf(body: Buffer, message: Message): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic)) throw broken('it does not begin with k8s');
  const outer = decodeMessage(body.subarray(magic.length), envelope);
  const { type, raw } = outer;
  if (typeof raw !== 'string') throw broken('it holds no object');
  return { ...(typeof type === 'object' && type), ...decodeMessage(Buffer.from(raw, 'base64'), message) };
}

function decodeMessage(buffer: Buffer, message: Message): JsonObject {
  const result: JsonObject = {};
  const reader = new Reader(buffer);
  while (!reader.done) {
    const tag = reader.varint();
    const field = message[Math.floor(tag / 8)];
    const value = reader.value(tag % 8);
    if (field) put(result, field[0], field[1], value);
  }
  return result;
}

function put(result: JsonObject, name: string, type: FieldType, value: number | Buffer): void {
  if (typeof type === 'object' && 'map' in type) {
    const entry = decodeMessage(bufferOf(value), { 1: ['key', 'string'], 2: ['value', type.map] });
    const map = result[name];
    const entries: JsonObject = isObject(map) ? map : {};
    setField(entries, String(entry.key ?? ''), entry.value ?? '');
    result[name] = entries;
  } else if (typeof type === 'object' && 'list' in type) {
    const item = type.list === 'string' ? bufferOf(value).toString('utf8') : decodeMessage(bufferOf(value), type.list.message);
    const list = result[name];
    result[name] = Array.isArray(list) ? [...list, item] : [item];
  } else if (type !== 'string' || bufferOf(value).length > 0) {
    // Go writes empty strings too; left out means the same.
    result[name] = scalar(type, value);
  }
}

function scalar(type: Exclude<FieldType, { list: unknown } | { map: unknown }>, value: number | Buffer): unknown {
  if (typeof type === 'object') return decodeMessage(bufferOf(value), type.message);
  switch (type) {
    case 'string':
      return bufferOf(value).toString('utf8');
    case 'bytes':
      return bufferOf(value).toString('base64');
    case 'integer':
      return numberOf(value);
    case 'boolean':
      return numberOf(value) !== 0;
    case 'time': {
      const { seconds } = decodeMessage(bufferOf(value), { 1: ['seconds', 'integer'] });
      return typeof seconds === 'number' ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z') : null;
    }
  }
}

function bufferOf(value: number | Buffer): Buffer {
  if (typeof value === 'number') throw broken('a field has the wrong type');
  return value;
}

function numberOf(value: number | Buffer): number {
  if (typeof value !== 'number') throw broken('a field has the wrong type');
  return value;
}

function broken(why: string) {
  return badRequest(`the body of the request is no Kubernetes protobuf message: ${why}`);
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined || factor > 2 ** 63) throw broken('it ends in the middle of a number');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  /** The value of a field by its wire type. */
  value(wireType: number): number | Buffer {
    switch (wireType) {
      case 0:
        return this.varint();
      case 1:
        return this.#take(8);
      case 2:
        return this.#take(this.varint());
      case 5:
        return this.#take(4);
      default:
        throw broken(`wire type ${wireType} is unknown`);
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#buffer.length) throw broken('it ends in the middle of a field');
    const part = this.#buffer.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
