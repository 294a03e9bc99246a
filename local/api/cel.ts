/** The CEL rules of a schema (x-kubernetes-validations): compiled once, evaluated for every write. */
import { isDeepStrictEqual } from 'node:util';
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import { duplicate, type FieldError, forbidden, invalid, required } from './field-error.ts';
import { isObject, type JsonObject } from './json.ts';
import { fieldSchema, listKey, listKeysOf, type Rule, type Schema } from './schema.ts';
import { child } from './validation.ts';

type CompiledRule = {
  readonly source: Rule;
  readonly run: ParseResult;
  readonly message?: ParseResult;
  readonly transition: boolean;
};

/** The part of a schema below which there are rules. */
export type RuleTree = {
  readonly schema: Schema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleTree>;
  readonly items?: RuleTree;
  readonly values?: RuleTree;
};

/** Undefined when the schema has no rules. Throws when a rule is no valid CEL, naming it. */
export function compileRules(schema: Schema): RuleTree | undefined {
  const environment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true })
    .registerVariable('self', 'dyn')
    .registerVariable('oldSelf', 'dyn');
  return compile(schema, environment);
}

/**
 * Rules about a change run only where the value existed before: in `old`. The others let a value stay as it was, since it may
 * be older than they are: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting
 */
export function evaluateRules(tree: RuleTree, value: unknown, old: unknown, path = ''): FieldError[] {
  if (value === null || value === undefined) return [];
  const errors: FieldError[] = [];
  if (tree.rules.length) {
    const context: JsonObject = { self: toCel(value, tree.schema) };
    if (old !== undefined && old !== null) context.oldSelf = toCel(old, tree.schema);
    for (const rule of tree.rules) {
      if (rule.transition && !('oldSelf' in context)) continue;
      const problem = evaluateRule(rule, context);
      const lasting = !rule.transition && !rule.source.optionalOldSelf;
      if (problem === undefined || (lasting && isDeepStrictEqual(value, old))) continue;
      errors.push(ruleError(rule.source, problem, value, path));
    }
  }
  if (Array.isArray(value)) {
    const items = tree.items;
    if (!items) return errors;
    const before = elementsByKey(tree.schema, old);
    value.forEach((item, index) => {
      const earlier = isObject(item) ? before.get(listKey(tree.schema, item)) : undefined;
      errors.push(...evaluateRules(items, item, earlier, `${path}[${index}]`));
    });
  } else if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      const below = tree.properties.get(name) ?? tree.values;
      const earlier = isObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
      const at = tree.properties.has(name) ? child(path, name) : `${path}[${name}]`;
      if (below) errors.push(...evaluateRules(below, inner, earlier, at));
    }
  }
  return errors;
}

function compile(schema: Schema, environment: Environment): RuleTree | undefined {
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => compileRule(rule, environment));
  const properties = new Map<string, RuleTree>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const below = compile(property, environment);
    if (below) properties.set(name, below);
  }
  const items = schema.items && compile(schema.items, environment);
  const values = typeof schema.additionalProperties === 'object' ? compile(schema.additionalProperties, environment) : undefined;
  if (!rules.length && !properties.size && !items && !values) return undefined;
  return { schema, rules, properties, ...(items && { items }), ...(values && { values }) };
}

function compileRule(source: Rule, environment: Environment): CompiledRule {
  try {
    const run = environment.parse(source.rule);
    const { valid, error } = run.check();
    if (!valid) throw error;
    return {
      source,
      run,
      transition: mentions(run.ast, 'oldSelf') && !source.optionalOldSelf,
      ...(source.messageExpression && { message: environment.parse(source.messageExpression) }),
    };
  } catch (error) {
    throw new Error(`the CEL rule ${JSON.stringify(source.rule)} cannot be compiled`, { cause: error });
  }
}

/** The rule's complaint, or undefined when it holds. */
function evaluateRule(rule: CompiledRule, context: JsonObject): string | undefined {
  try {
    if (rule.run(context) === true) return undefined;
  } catch (error) {
    const why = Error.isError(error) && 'summary' in error ? String(error.summary) : String(error);
    return `${why} evaluating rule: ${rule.source.message ?? rule.source.rule}`;
  }
  return messageOf(rule, context);
}

function messageOf(rule: CompiledRule, context: JsonObject): string {
  const otherwise = rule.source.message?.trim() || `failed rule: ${rule.source.rule.replaceAll('\n', ' ')}`;
  if (!rule.message) return otherwise;
  try {
    const text: unknown = rule.message(context);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') ? text.trim() : otherwise;
  } catch {
    // A message that cannot be made falls back to the fixed one, as it does in kube-apiserver.
    return otherwise;
  }
}

function ruleError(rule: Rule, detail: string, value: unknown, path: string): FieldError {
  const field = `${path}${rule.fieldPath ?? ''}`;
  const scalar = !rule.fieldPath && typeof value !== 'object';
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbidden(field, detail);
    case 'FieldValueRequired':
      return required(field, detail);
    case 'FieldValueDuplicate':
      return duplicate(field, value);
    default:
      return scalar ? invalid(field, value, detail) : { type: 'invalid', field, detail };
  }
}

function mentions(node: ASTNode, name: string): boolean {
  const seen = (part: unknown): boolean => {
    if (Array.isArray(part)) return part.some(seen);
    if (!isNode(part)) return false;
    return (part.op === 'id' && part.args === name) || seen(part.args);
  };
  return seen(node);
}

function isNode(value: unknown): value is { op: string; args: unknown } {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function elementsByKey(schema: Schema, old: unknown): Map<string, JsonObject> {
  const found = new Map<string, JsonObject>();
  if (listKeysOf(schema) && Array.isArray(old))
    for (const item of old) if (isObject(item)) found.set(listKey(schema, item), item);
  return found;
}

/** JSON as CEL sees it through the schema: integers are int, times are timestamps, unknown parts keep their JSON form. */
function toCel(value: unknown, schema: Schema | undefined): unknown {
  if (typeof value === 'number') return integral(value, schema) ? BigInt(value) : value;
  if (typeof value === 'string') return schema?.format === 'date-time' ? new Date(value) : value;
  // Array.from, since the array may stem from another realm (structuredClone under a test runner), which CEL does not know.
  if (Array.isArray(value)) return Array.from(value, (item) => toCel(item, schema?.items));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, toCel(inner, schema && fieldSchema(schema, name))]),
  );
}

function integral(value: number, schema: Schema | undefined): boolean {
  return Number.isSafeInteger(value) && schema?.type !== 'number';
}
