/** Label and field selectors: text → predicate. */
import { badRequest } from './api-status.ts';

type Requirement =
  | { key: string; op: 'in' | 'notin'; values: readonly string[] }
  | { key: string; op: 'exists' | 'absent' }
  | { key: string; op: 'gt' | 'lt'; bound: number };

export type LabelSelector = (labels: Record<string, string>) => boolean;
export type FieldSelector = (field: (path: string) => string) => boolean;

/** Equality (a=b, a==b, a!=b), sets (a in (b,c), a notin (b), a, !a) and numbers (a>1, a<1), joined by commas. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = new LabelParser(text).parse();
  return (labels) => requirements.every((requirement) => meets(labels[requirement.key], requirement));
}

/** Terms a=b, a==b, a!=b joined by commas; a path that the kind cannot select by is refused. */
export function parseFieldSelector(text: string, supported: (path: string) => boolean): FieldSelector {
  const terms = splitTerms(text).map((term) => {
    const parts = /^([^=!]+)(!=|==|=)(.*)$/s.exec(term);
    const [, path, op, value] = parts ?? [];
    if (path === undefined || value === undefined) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
    if (!supported(path)) throw badRequest(`field label not supported: ${path}`);
    return { path, equal: op !== '!=', value: value.replaceAll(/\\([\\,=])/g, '$1') };
  });
  return (field) => terms.every(({ path, equal, value }) => (field(path) === value) === equal);
}

function meets(value: string | undefined, requirement: Requirement): boolean {
  switch (requirement.op) {
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notin':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'gt':
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > requirement.bound;
    case 'lt':
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < requirement.bound;
  }
}

function splitTerms(text: string): string[] {
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).filter((term) => term !== '');
}

const punctuation = new Set(['!', '(', ')', ',', '=', '==', '!=', '<', '>']);
const operators = new Set(['=', '==', '!=', 'in', 'notin', '<', '>']);

class LabelParser {
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[!(),=<>]|[^\s!(),=<>]+/g) ?? [];
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    while (this.#at < this.#tokens.length) {
      requirements.push(this.#requirement());
      if (this.#at >= this.#tokens.length) break;
      if (this.#tokens[this.#at] !== ',') throw badRequest(`found '${this.#tokens[this.#at]}', expected: ',' or 'end of string'`);
      this.#at++;
    }
    return requirements;
  }

  #requirement(): Requirement {
    const absent = this.#take('!');
    const key = this.#word('identifier');
    if (absent) return { key, op: 'absent' };
    const next = this.#tokens[this.#at];
    if (next === undefined || next === ',') return { key, op: 'exists' };
    if (!operators.has(next)) {
      throw badRequest(`unable to parse requirement: found '${next}', expected: in, notin, =, ==, !=, gt, lt`);
    }
    this.#at++;
    if (next === 'in' || next === 'notin') return { key, op: next, values: this.#set() };
    const after = this.#tokens[this.#at];
    const value = after === undefined || after === ',' ? '' : this.#word('value');
    if (next === '<' || next === '>') {
      if (!/^-?\d+$/.test(value))
        throw badRequest(
          `unable to parse requirement: values[0][${key}]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`,
        );
      return { key, op: next === '<' ? 'lt' : 'gt', bound: Number(value) };
    }
    return { key, op: next === '!=' ? 'notin' : 'in', values: [value] };
  }

  #set(): string[] {
    if (!this.#take('(')) throw badRequest(`unable to parse requirement: found '${this.#tokens[this.#at] ?? ''}', expected: '('`);
    const values: string[] = [];
    while (!this.#take(')')) {
      const token = this.#tokens[this.#at];
      if (token === undefined) throw badRequest("unable to parse requirement: found '', expected: ',' or ')'");
      if (token === ',') {
        values.push('');
        this.#at++;
        continue;
      }
      values.push(this.#word('value'));
      if (this.#tokens[this.#at] === ',') this.#at++;
    }
    return values;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #word(what: string): string {
    const token = this.#tokens[this.#at];
    if (token === undefined || punctuation.has(token)) {
      throw badRequest(`unable to parse requirement: found '${token ?? ''}', expected: ${what}`);
    }
    this.#at++;
    return token;
  }
}
