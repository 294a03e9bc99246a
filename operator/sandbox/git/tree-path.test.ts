import { describe, expect, it } from '@jest/globals';
import { unsafePath } from './tree-path.ts';

describe('a path in a tree', () => {
  it.each(['a', 'a/b c/ü', '.gitignore', '.github/x', 'git~', 'x.git/config', '...', 'a:b', '.gitmodules'])(
    '%j is safe',
    (path) => {
      expect(unsafePath(path)).toBe(false);
    },
  );

  it.each(
    [
      '.git',
      '.git/config',
      'sub/.GIT/hooks/x',
      'a/../b',
      '../x',
      './x',
      '/etc/passwd',
      'a//b',
      'a\\..\\b',
      'git~1/x',
      '.git /x',
    ].concat(['.git./x', '.git::$INDEX_ALLOCATION/x', '.g\u200cit/config', 'C:/x']),
  )('%j is not', (path) => {
    expect(unsafePath(path)).toBe(true);
  });
});
