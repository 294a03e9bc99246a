/** The schemas of AgentSession and AIProfile, from the one place where they are written. REST's fields, checks and document follow from it. */
import { readFileSync } from 'node:fs';

/** What the gateway needs of a structural schema. */
export type Schema = {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  /** Keys are the user's own. */
  additionalProperties?: Schema;
  /** Not described any further. */
  open: boolean;
  intOrString: boolean;
  /** enum, default, bounds, pattern and format as they are. */
  keywords: Record<string, unknown>;
};

export type KindSchema = { spec: Schema; status: Schema };

const KEYWORDS = [
  'enum',
  'default',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'pattern',
];

const loaded = new Map<string, KindSchema>();

/** Reads what is generated from crds/agentsession.yaml, the first time that it is asked for. */
export function sessionSchema(): KindSchema {
  return schemaNamed('agentsession');
}

/** The same of crds/aiprofile.yaml. */
export function profileSchema(): KindSchema {
  return schemaNamed('aiprofile');
}

function schemaNamed(name: string): KindSchema {
  let schema = loaded.get(name);
  if (!schema) {
    schema = load(new URL(`../../operator/api/${name}.gen.json`, import.meta.url));
    loaded.set(name, schema);
  }
  return schema;
}

function load(file: URL): KindSchema {
  const crd: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const root = schemaOf(at(crd, 'spec', 'versions', '0', 'schema', 'openAPIV3Schema'));
  const { spec, status } = root.properties ?? {};
  if (!spec || !status) throw new Error(`${file.pathname} describes no spec and status`);
  return { spec, status };
}

function schemaOf(value: unknown): Schema {
  const from = record(value);
  const schema: Schema = {
    open: from['x-kubernetes-preserve-unknown-fields'] === true,
    intOrString: from['x-kubernetes-int-or-string'] === true,
    keywords: Object.fromEntries(KEYWORDS.flatMap((name) => (name in from ? [[name, from[name]]] : []))),
  };
  if (typeof from.type === 'string') schema.type = from.type;
  if (typeof from.description === 'string') schema.description = from.description;
  if (from.format === 'date-time') schema.keywords.format = 'date-time';
  if (from.properties) {
    schema.properties = Object.fromEntries(Object.entries(record(from.properties)).map(([name, one]) => [name, schemaOf(one)]));
  }
  if (Array.isArray(from.required)) schema.required = from.required.filter((one) => typeof one === 'string');
  if (from.items) schema.items = schemaOf(from.items);
  if (from.additionalProperties) schema.additionalProperties = schemaOf(from.additionalProperties);
  return schema;
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce((inner, name) => (Array.isArray(inner) ? inner[Number(name)] : record(inner)[name]), value);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** The schema of a part, such as repository.url. */
export function partOf(schema: Schema, ...path: string[]): Schema {
  return path.reduce((inner, name) => {
    const part = inner.properties?.[name];
    if (!part) throw new Error(`the schema has no ${path.join('.')}`);
    return part;
  }, schema);
}
