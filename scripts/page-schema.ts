/**
 * What the page knows of a session's schema. For the form of a new one: a validator of requests as plain code, for the page's
 * policy lets no code be made at run time, and the bounds and defaults of the fields. Of messages: how long one may be.
 */
import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { restName } from '../api-gateway/schema/rest-names.ts';
import { REQUEST_FIELDS } from '../api-gateway/session-request.ts';

type Schema = { [keyword: string]: unknown; properties?: Record<string, Schema>; items?: Schema };

/** Fields of a request that the form has no place for. */
const NOT_IN_FORM = ['inputs', 'suspend'];
/** Of a sandbox the form asks for these; whoever needs more writes a manifest. */
const IN_SANDBOX = ['type', 'image', 'runtime_class_name'];
/** Keywords that say what is right or wrong. */
const CHECKED = ['type', 'enum', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'pattern'];
/** Keywords that the form shows. */
const SHOWN = ['default', 'enum', 'minimum', 'maximum', 'maxLength', 'maxItems'];

/** The generated files by path, from the schema of AgentSession's spec. */
export function pageSchema(spec: Schema, banner: string): [path: string, content: string][] {
  const fields = Object.entries(REQUEST_FIELDS).filter(([name]) => !NOT_IN_FORM.includes(name));
  const properties = Object.fromEntries(fields.map(([name, path]) => [name, requestSchema(at(spec, path), name)]));
  const ajv = new Ajv({ allErrors: true, strict: false, code: { source: true, esm: true, lines: true } });
  const validate = ajv.compile({
    type: 'object',
    required: ['goal', 'repo_url'],
    properties: mapped(properties, checked),
    additionalProperties: false,
  });
  const imports: string[] = [];
  const code = standalone.default(ajv, validate).replace(/const (\w+) = require\("([^"]+)"\)\.default;/g, (_, name, path) => {
    imports.push(`import ${name}Module from '${path}.js';`);
    return `const ${name} = ${name}Module.default;`;
  });
  const message = at(spec, ['inputs']).items?.properties?.message?.maxLength;
  if (typeof message !== 'number') throw new Error('spec.inputs[].message has no maxLength, which the page shows');
  const shown = Object.fromEntries(Object.entries(properties).flatMap(([name, schema]) => shownOf(name, schema)));
  return [
    ['ui/src/new-session/validate-request.gen.js', `${banner}${imports.join('\n')}\n${code}\n`],
    [
      'ui/src/new-session/request-fields.gen.ts',
      `${banner}\n/** Bounds and defaults of a request's fields, by their names. */\nexport const REQUEST_FIELDS = ${JSON.stringify(shown, null, 2)} as const;\n`,
    ],
    [
      'ui/src/session/message-length.gen.ts',
      `${banner}\n/** Characters that a message to a session may have. */\nexport const MESSAGE_LENGTH = ${message};\n`,
    ],
  ];
}

function at(schema: Schema, path: readonly string[]): Schema {
  return path.reduce<Schema>((inner, name) => inner.properties?.[name] ?? {}, schema);
}

/** The schema with the names that REST has for its fields. */
function requestSchema(schema: Schema, name: string): Schema {
  const { properties, ...rest } = schema;
  if (!properties) return rest;
  const renamed = Object.entries(properties).map(([inner, one]) => [restName(inner), requestSchema(one, inner)] as const);
  const kept = name === 'sandbox' ? renamed.filter(([inner]) => IN_SANDBOX.includes(inner)) : renamed;
  return { ...rest, properties: Object.fromEntries(kept) };
}

function checked(schema: Schema): Schema {
  const out: Schema = Object.fromEntries(Object.entries(schema).filter(([keyword]) => CHECKED.includes(keyword)));
  if (schema.items) out.items = checked(schema.items);
  if (schema.properties) return { ...out, properties: mapped(schema.properties, checked), additionalProperties: false };
  return out;
}

function shownOf(name: string, schema: Schema): [string, Schema][] {
  const out = Object.entries(schema).filter(([keyword, value]) => SHOWN.includes(keyword) && typeof value !== 'object');
  const inner = Object.entries(schema.properties ?? {}).flatMap(([part, one]) => shownOf(`${name}.${part}`, one));
  return [...(out.length > 0 ? [[name, Object.fromEntries(out)] as [string, Schema]] : []), ...inner];
}

function mapped<T>(record: Record<string, Schema>, change: (schema: Schema) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, schema]) => [name, change(schema)]));
}
