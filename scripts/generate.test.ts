import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { generate } from './generate.ts';

describe('the generated files', () => {
  const generated = generate();

  it.each([...generated.keys()])('%s is what the definitions in crds/ lead to; if not, run make generate', (path) => {
    const current = readFileSync(join(import.meta.dirname, '..', path), 'utf8');
    expect(current === generated.get(path)).toBe(true);
  });

  it('are at least the types and the validators', () => {
    const files = ['operator/api/types.gen.ts', 'operator/api/validators.gen.js'];
    expect([...generated.keys()]).toEqual(expect.arrayContaining(files));
  });
});
