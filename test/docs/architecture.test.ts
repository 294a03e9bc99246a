import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { marked, read, root } from './documents.ts';

const architecture = read('docs/architecture.md');
const source = (path: string) => readFileSync(join(root, path), 'utf8');

/** First cells of the table between two marks, without backticks. */
function firstCells(name: string): string[] {
  return [...marked(architecture, name).matchAll(/^\| `([^`]+)`/gm)].map(([, cell = '']) => cell);
}

/** Names in a list of rules, `const NAME: Type[] = [a, b];`. */
function rulesOf(path: string, name: string): string[] {
  const list = new RegExp(`const ${name}: \\w+\\[\\] = \\[([^\\]]*)\\]`).exec(source(path))?.[1] ?? '';
  return [...list.matchAll(/\w+/g)].map(([rule]) => rule);
}

describe('docs/architecture.md', () => {
  it('lists the events of the union, all of them, in its order', () => {
    const events = source('operator/engine/events.ts');
    const union = events.slice(events.indexOf('export type EventBody'), events.indexOf('export type EventType'));
    const types = [...union.matchAll(/\btype: '([a-z.]+)'/g)].map(([, type = '']) => type);
    expect(types.length).toBeGreaterThan(30);
    expect(firstCells('events')).toEqual(types);
  });

  it('lists the rules that decide what a session does next, in their order', () => {
    const rules = rulesOf('operator/engine/decide.ts', 'RULES');
    expect(rules.length).toBeGreaterThan(10);
    expect(firstCells('rules')).toEqual(rules);
  });

  it('lists the policies of the session controller, in their order', () => {
    const policies = rulesOf('operator/controller/policies.ts', 'POLICIES');
    expect(policies.length).toBeGreaterThan(5);
    expect(firstCells('policies')).toEqual(policies);
  });

  it('names every conformance suite', () => {
    const suites = readdirSync(join(root, 'test/conformance')).filter((name) => name.endsWith('.ts'));
    expect(suites.length).toBeGreaterThan(5);
    for (const suite of suites) expect(architecture).toContain(`\`test/conformance/${suite}\``);
  });
});
