import { describe, expect, it } from '@jest/globals';
import { globFilter } from './glob.ts';

describe('file name patterns', () => {
  it.each<[string, string, boolean]>([
    ['*.ts', 'a.ts', true],
    ['*.ts', 'src/deep/a.ts', true],
    ['*.ts', 'a.tsx', false],
    ['*.{ts,tsx}', 'src/a.tsx', true],
    ['*.js,*.ts', 'a.ts', true],
    ['*.ts, !*.test.ts', 'a.test.ts', false],
    ['!*.md', 'a.ts', true],
    ['!*.md', 'docs/a.md', false],
    ['src/*.ts', 'src/a.ts', true],
    ['src/*.ts', 'src/b/a.ts', false],
    ['./src/**', 'src/b/a.ts', true],
    ['src/', 'src/b/a.ts', true],
    ['**/test_*.py', 'test_a.py', true],
    ['**/test_*.py', 'x/y/test_a.py', true],
    ['a/**/z.ts', 'a/z.ts', true],
    ['a/**/z.ts', 'a/b/c/z.ts', true],
    ['/top.ts', 'top.ts', true],
    ['/top.ts', 'sub/top.ts', false],
    ['file?.[ch]', 'file1.c', true],
    ['file?.[!ch]', 'file1.c', false],
    ['Makefile', 'sub/Makefile', true],
    ['a+b(1).txt', 'a+b(1).txt', true],
    ['my dir/*.txt', 'my dir/ä.txt', true],
    ['[', '[', true],
    ['.env*', '.env.local', true],
  ])('%s and %s: %s', (glob, path, expected) => {
    expect(globFilter(glob).matches(path, path)).toBe(expected);
  });

  it('fits a path from the directory searched or from the root of the repository', () => {
    expect(globFilter('src/ui/*.ts').matches('ui/a.ts', 'src/ui/a.ts')).toBe(true);
    expect(globFilter('ui/*.ts').matches('ui/a.ts', 'src/ui/a.ts')).toBe(true);
  });

  it('knows which base names can fit', () => {
    expect(globFilter('src/**/*.{ts,tsx}').names).toEqual(['*.ts', '*.tsx']);
    expect(globFilter('src/**').names).toBeUndefined();
    expect(globFilter('!*.md').names).toBeUndefined();
  });
});
