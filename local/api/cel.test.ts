import { describe, expect, it } from '@jest/globals';
import { compileRules, evaluateRules } from './cel.ts';

describe('a rule that is younger than an object', () => {
  const rules = compileRules({
    type: 'object',
    properties: {
      repository: {
        type: 'object',
        properties: { url: { type: 'string' }, depth: { type: 'integer' } },
        'x-kubernetes-validations': [{ rule: "self.url.startsWith('https:')", message: 'not https' }],
      },
      steps: {
        type: 'integer',
        'x-kubernetes-validations': [{ rule: 'self > oldSelf', message: 'does not grow' }],
      },
    },
  });
  const problems = (value: unknown, old?: unknown) =>
    rules ? evaluateRules(rules, value, old).map(({ field }) => field) : ['there are no rules'];
  const old = { repository: { url: 'git:x', depth: 1 }, steps: 1 };

  it('lets it stay as it is, so that it can be worked on and deleted', () => {
    expect(problems({ ...old, steps: 2 }, old)).toEqual([]);
  });

  it('is heeded by every change of what it speaks of, and by new objects', () => {
    expect(problems({ repository: { url: 'git:x', depth: 2 }, steps: 2 }, old)).toEqual(['repository']);
    expect(problems({ repository: old.repository })).toEqual(['repository']);
  });

  it('that speaks of a change itself is always heeded', () => {
    expect(problems(old, old)).toEqual(['steps']);
  });
});
