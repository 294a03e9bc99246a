/** etcd takes 1.5 MiB, and every watcher and `kubectl apply` carry the whole object: the schema itself has to bound it. */
import { describe, expect, it } from '@jest/globals';
import { MAX_STATUS_BYTES } from '../controller/status-size.ts';
import agentSession from './agentsession.gen.json' with { type: 'json' };
import aiProfile from './aiprofile.gen.json' with { type: 'json' };

type Schema = {
  type?: string;
  enum?: readonly unknown[];
  format?: string;
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-validations'?: readonly { rule: string }[];
};

/** The longest number as JSON. */
const NUMBER = 24;

/** The most bytes that a value may take as JSON in a text of ideographs. @throws where the schema sets no bound */
function most(schema: Schema, path: string, character: string): number {
  if (schema['x-kubernetes-preserve-unknown-fields']) throw new Error(`${path} may hold anything`);
  const values = schema.enum?.map((one) => Buffer.byteLength(JSON.stringify(one)));
  if (values) return Math.max(...values);
  if (schema['x-kubernetes-int-or-string'] || schema.type === 'string') return text(schema, path, character);
  if (schema.type === 'integer' || schema.type === 'number') return number(schema);
  if (schema.type === 'boolean') return 'false'.length;
  if (schema.type === 'array') return list(schema, path, character);
  if (schema.type === 'object') return object(schema, path, character);
  throw new Error(`${path} has no type`);
}

/** Integers between two bounds have no more digits than these. */
function number({ type, minimum, maximum }: Schema): number {
  if (type !== 'integer' || minimum === undefined || maximum === undefined) return NUMBER;
  return Math.max(String(minimum).length, String(maximum).length);
}

function text({ maxLength, pattern, format }: Schema, path: string, character: string): number {
  if (maxLength === undefined) throw new Error(`${path} may have any length`);
  const plain = format === 'date-time' || (pattern !== undefined && !new RegExp(pattern, 'u').test(`a${character}a`));
  return maxLength * (plain ? 1 : Buffer.byteLength(character)) + 2;
}

function list(schema: Schema, path: string, character: string): number {
  const { items, maxItems } = schema;
  if (items === undefined || maxItems === undefined) throw new Error(`${path} may have any number of items`);
  const [field, long, count] = ruleOf(schema, /^self\.filter\(\w+, bytes\(\w+\.(\w+)\)\.size\(\) > (\d+)\)\.size\(\) <= (\d+)$/);
  const each = most(items, `${path}[]`, character) + 1;
  if (field === undefined) return maxItems * each + 2;
  const own = items.properties?.[field];
  const shorter = {
    ...items,
    properties: { ...items.properties, [field]: { ...own, maxLength: Math.floor(Number(long) / Buffer.byteLength(character)) } },
  };
  return Number(count) * each + (maxItems - Number(count)) * (most(shorter, `${path}[]`, character) + 1) + 2;
}

function object(schema: Schema, path: string, character: string): number {
  const { properties = {}, additionalProperties, maxProperties } = schema;
  let bytes = 2;
  for (const [name, one] of Object.entries(properties)) bytes += name.length + 4 + most(one, `${path}.${name}`, character);
  if (!additionalProperties) return bytes;
  const [longest] = ruleOf(schema, /^self\.all\(name, name\.matches\('\^\[A-Za-z0-9\._\/-\]\{1,(\d+)\}\$'\)\)$/);
  if (maxProperties === undefined || longest === undefined) throw new Error(`${path} may have any number or length of names`);
  const name = Number(longest) + 4;
  return bytes + maxProperties * (name + most(additionalProperties, `${path}.*`, character));
}

function ruleOf(schema: Schema, form: RegExp): readonly (string | undefined)[] {
  const found = schema['x-kubernetes-validations']?.map(({ rule }) => form.exec(rule)).find((match) => match !== null);
  return found?.slice(1) ?? [];
}

function partsOf(definition: { spec: { versions: { schema: { openAPIV3Schema: { properties: object } } }[] } }) {
  const { properties } = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
  return properties as { spec: Schema; status: Schema };
}

const KIB = 1024;
/** What `kubectl apply` writes beside the spec; the API server refuses more. */
const ANNOTATIONS = 256 * KIB;

describe.each([
  ['ideographs', '好'],
  ['letters', 'x'],
])('the largest object in a text of %s', (_, character) => {
  it('is an AgentSession far below 1 MiB, also when kubectl keeps a second copy of what it applied', () => {
    const { spec, status } = partsOf(agentSession);
    // That a status is never larger is shown in operator/controller/status.test.ts; here that it is bounded at all.
    expect(most(status, 'status', character)).toBeLessThan(256 * KIB);
    const bytes = most(spec, 'spec', character) + MAX_STATUS_BYTES;
    expect(bytes).toBeLessThan(704 * KIB);
    expect(bytes + ANNOTATIONS).toBeLessThan(1024 * KIB);
  });

  it('is an AIProfile far below it as well', () => {
    const { spec, status } = partsOf(aiProfile);
    expect(most(spec, 'spec', character) + most(status, 'status', character)).toBeLessThan(320 * KIB);
  });
});

it('has a measure that refuses what has no bound', () => {
  const refused: [Schema, string][] = [
    [{ type: 'string' }, 'any length'],
    [{ type: 'array', items: { type: 'boolean' } }, 'any number of items'],
    [{ type: 'object', additionalProperties: { type: 'boolean' }, maxProperties: 4 }, 'any number or length of names'],
    [{ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, 'anything'],
  ];
  for (const [schema, words] of refused) expect(() => most(schema, 'field', 'x')).toThrow(words);
});
