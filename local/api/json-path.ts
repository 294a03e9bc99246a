/** The part of JSONPath that printer columns and selectable fields use: .a.b, ['a'], [0], [*] and [?(@.a=="b")]. */
import { isObject } from './json.ts';

type Step =
  | { readonly field: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly where: readonly Step[]; readonly equals: unknown };

/** Compiles the path; the result finds all values that it leads to. Throws when the path uses anything else. */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps = parse(path);
  return (value) => find([value], steps);
}

const step =
  /^(?:\.([A-Za-z_][\w-]*)|\['([^']+)'\]|\[(\d+)\]|\[\*\]|\[\?\(@((?:\.[A-Za-z_][\w-]*)+)\s*==\s*("[^"]*"|'[^']*'|true|false|-?\d+)\)\])/;

function parse(path: string): Step[] {
  let rest = path.startsWith('.') || path.startsWith('[') ? path : `.${path}`;
  const steps: Step[] = [];
  while (rest !== '') {
    const match = step.exec(rest);
    if (!match) throw new Error(`JSONPath ${JSON.stringify(path)} is not understood`);
    const [whole, field, quoted, index, where, literal] = match;
    const name = field ?? quoted;
    if (name !== undefined) steps.push({ field: name });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else if (where !== undefined && literal !== undefined) steps.push({ where: parse(where), equals: literalOf(literal) });
    else steps.push({ all: true });
    rest = rest.slice(whole.length);
  }
  return steps;
}

function literalOf(text: string): unknown {
  return text.startsWith("'") ? text.slice(1, -1) : JSON.parse(text);
}

function find(values: readonly unknown[], steps: readonly Step[]): unknown[] {
  return steps.reduce<unknown[]>((found, step) => found.flatMap((value) => follow(value, step)), [...values]);
}

function follow(value: unknown, step: Step): unknown[] {
  if ('field' in step) return isObject(value) && Object.hasOwn(value, step.field) ? [value[step.field]] : [];
  if (!Array.isArray(value)) return [];
  if ('index' in step) return step.index < value.length ? [value[step.index]] : [];
  if ('all' in step) return value;
  return value.filter((item) => find([item], step.where)[0] === step.equals);
}
