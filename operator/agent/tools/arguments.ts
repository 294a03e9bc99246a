/** From the arguments as a model wrote them to arguments that a tool can take, or to words that let the model mend its call. */
import { createRequire } from 'node:module';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { ToolSpec } from '../../llm/provider.ts';
import { quoteAll } from '../../sandbox/quote.ts';
import { readJson } from './json-repair.ts';
import { isSessionTool } from './session-tool-specs.ts';

/**
 * Reads the raw arguments of a call. `error` is for the model: what is wrong with which argument and what the tool takes.
 * The arguments of a session tool are an object, which its own parser checks.
 */
export function parseArguments(
  name: string,
  raw: string,
  tools: { readonly specs: readonly ToolSpec[] },
): { args: Record<string, unknown> } | { error: string } {
  const spec = tools.specs.find((one) => one.name === name);
  if (!spec)
    return {
      error: `There is no tool ${JSON.stringify(name)} for you here. You have: ${tools.specs.map((one) => one.name).join(', ')}.`,
    };
  const single = onlyRequiredString(spec);
  // GPT models tend to send a patch bare, without JSON around it.
  if (name === 'apply_patch' && /^\s*(\*\*\* Begin Patch|<<|```)/.test(raw)) return { args: { patch: raw } };
  const read = readJson(raw);
  if ('problem' in read) {
    return {
      error: `The arguments of ${name} are not valid JSON: ${read.problem}.\nNothing was done. Send the call again with ${signature(spec)}`,
    };
  }
  let { value } = read;
  if (typeof value === 'string') {
    const inner = readJson(value);
    if ('value' in inner && isRecord(inner.value)) value = inner.value;
    else if (single) value = { [single]: value };
  }
  if (!isRecord(value)) {
    return {
      error: `The arguments of ${name} must be a JSON object, not ${nameOf(value)}. Send the call again with ${signature(spec)}`,
    };
  }
  if (isSessionTool(name)) return { args: value };
  return check(spec, renamed(spec, value));
}

/** How a tool is called, in one line: `bash {command: string, timeout_seconds?: integer}`. */
export function signature(spec: ToolSpec): string {
  const required = requiredOf(spec);
  const parts = Object.entries(propertiesOf(spec)).map(([name, schema]) => {
    const type = isRecord(schema) && typeof schema.type === 'string' ? schema.type : 'value';
    return `${name}${required.has(name) ? '' : '?'}: ${type}`;
  });
  return `${spec.name} {${parts.join(', ')}}`;
}

/** What other agents call our arguments. Only used where the right name is missing. */
const OTHER_NAMES: Record<string, readonly string[]> = {
  path: ['file_path', 'filepath', 'filePath', 'filename', 'file', 'absolute_path', 'directory', 'dir', 'target_file'],
  command: ['cmd', 'script'],
  timeout_seconds: ['timeout'],
  content: ['contents', 'file_text', 'text'],
  old_string: ['old_str', 'old_text', 'oldString', 'oldText', 'old'],
  new_string: ['new_str', 'new_text', 'newString', 'newText', 'new'],
  replace_all: ['replaceAll'],
  patch: ['input', 'diff'],
  pattern: ['query', 'regex'],
  glob: ['include', 'file_pattern', 'file_glob'],
  start_line: ['startLine', 'line_start', 'start'],
  end_line: ['endLine', 'line_end', 'end'],
};

/** Arguments that models add to explain themselves. */
const REMARKS = new Set(['description', 'explanation', 'reason', 'reasoning', 'thought', 'justification']);

function renamed(spec: ToolSpec, args: Record<string, unknown>): Record<string, unknown> {
  const properties = propertiesOf(spec);
  const required = requiredOf(spec);
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(args)) {
    // Clients in "strict" mode send null for what they leave out.
    if (value === null && !required.has(key)) continue;
    const known = key in properties;
    if (!known && REMARKS.has(key)) continue;
    const meant = known ? key : Object.keys(properties).find((name) => !(name in args) && OTHER_NAMES[name]?.includes(key));
    result[meant ?? key] = value;
  }
  const { command } = result;
  if ('command' in properties && Array.isArray(command) && command.every((word) => typeof word === 'string')) {
    const [shell = '', option = '', script] = command;
    result.command =
      /^(\/bin\/)?(ba)?sh$/.test(shell) && /^-l?c$/.test(option) && script !== undefined ? script : quoteAll(command);
  }
  return result;
}

function check(spec: ToolSpec, args: Record<string, unknown>): { args: Record<string, unknown> } | { error: string } {
  const validate = validatorOf(spec);
  // A missing value must not be coerced to an empty one.
  const nothing = Object.entries(args).find(([, value]) => value === null);
  if (nothing) return { error: `${spec.name}: "${nothing[0]}" is null. Send the call again with ${signature(spec)}` };
  const before = { ...args };
  if (validate(args)) return { args };
  const problems = (validate.errors ?? []).map((error) => problemOf(error, before, spec));
  return {
    error: `${spec.name}: ${[...new Set(problems)].join('; ')}.\nNothing was done. Send the call again with ${signature(spec)}`,
  };
}

function problemOf(error: ErrorObject, args: Record<string, unknown>, spec: ToolSpec): string {
  const name = error.instancePath.slice(1);
  switch (error.keyword) {
    case 'required':
      return `"${error.params.missingProperty}" is missing`;
    case 'additionalProperties':
      return `there is no argument "${error.params.additionalProperty}" (it takes ${Object.keys(propertiesOf(spec)).join(', ')})`;
    case 'type':
      return `"${name}" must be ${article(String(error.params.type))}, not ${nameOf(args[name])}`;
    default:
      return `"${name}" ${error.message ?? 'is not valid'}`;
  }
}

const validators = new Map<string, ValidateFunction>();

/** Compiled when a tool is first called: ajv costs memory and time that the start of the process has no use for. */
function validatorOf(spec: ToolSpec): ValidateFunction {
  const known = validators.get(spec.name);
  if (known) return known;
  const ajvModule: typeof import('ajv') = createRequire(import.meta.url)('ajv');
  const ajv = new ajvModule.Ajv({ allErrors: true, coerceTypes: true, strict: false });
  const validate = ajv.compile(spec.parameters);
  validators.set(spec.name, validate);
  return validate;
}

function propertiesOf(spec: ToolSpec): Record<string, unknown> {
  const { properties } = spec.parameters;
  return isRecord(properties) ? properties : {};
}

function requiredOf(spec: ToolSpec): ReadonlySet<unknown> {
  const { required } = spec.parameters;
  return new Set(Array.isArray(required) ? required : []);
}

function onlyRequiredString(spec: ToolSpec): string | undefined {
  const [name, ...more] = [...requiredOf(spec)];
  return typeof name === 'string' && more.length === 0 && !isSessionTool(spec.name) ? name : undefined;
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  return JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
}

function article(type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
