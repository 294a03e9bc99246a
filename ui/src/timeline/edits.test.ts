import { describe, expect, it } from '@jest/globals';
import { editsOf, lineDiff } from './edits.ts';

const shown = (name: string, args: unknown) =>
  editsOf({ name }, JSON.stringify(args)).map(({ path, change, hunks, additions, deletions }) => [
    `${change} ${path} +${additions} -${deletions}`,
    ...hunks.flatMap(({ header, lines }) => [`@@ ${header}`, ...lines.map(({ mark, text }) => mark + text)]),
  ]);

describe('editsOf', () => {
  it('shows a file that was written as lines that come', () => {
    expect(shown('write_file', { path: 'a.txt', content: 'one\ntwo\n' })).toEqual([
      ['written a.txt +2 -0', '@@ ', '+one', '+two'],
    ]);
  });

  it('shows an edit with the lines that stay', () => {
    const args = { path: 'a.ts', old_string: 'if (a) {\n  b();\n}', new_string: 'if (a) {\n  c();\n  d();\n}' };
    expect(shown('edit_file', args)).toEqual([['changed a.ts +2 -1', '@@ ', ' if (a) {', '-  b();', '+  c();', '+  d();', ' }']]);
  });

  it('shows every file of a patch', () => {
    const patch = `*** Begin Patch
*** Update File: src/old.py
*** Move to: src/new.py
@@ def greet():
 a
-b
+c
*** Add File: new.txt
+hello
*** Delete File: gone.txt
*** End Patch`;
    expect(shown('apply_patch', { patch })).toEqual([
      ['changed src/new.py +1 -1', '@@ def greet():', ' a', '-b', '+c'],
      ['added new.txt +1 -0', '@@ ', '+hello'],
      ['deleted gone.txt +0 -0'],
    ]);
  });

  it.each([
    ['bash', '{"command":"ls"}'],
    ['write_file', '{"path":7}'],
    ['edit_file', 'no json'],
    ['apply_patch', '{"patch":"nothing of the kind"}'],
    ['write_file', 'null'],
  ])('finds none in a call of %s with %s', (name, args) => {
    expect(editsOf({ name }, args)).toEqual([]);
  });

  it('finds none in arguments that are not in the log itself', () => {
    expect(editsOf({ name: 'write_file' }, { blob: 'sha256-0', bytes: 40_000 })).toEqual([]);
  });
});

describe('lineDiff', () => {
  it.each([
    ['', 'a', '+a'],
    ['a', '', '-a'],
    ['a b c', 'a c', ' a-b c'],
    ['a b', 'x a y b z', '+x a+y b+z'],
    ['a b c d', 'x y', '-a-b-c-d+x+y'],
    ['a b', 'a x', ' a-b+x'],
  ])('of %j and %j is %j', (before, after, lines) => {
    const words = (text: string) => text.split(' ').filter((word) => word !== '');
    const diff = lineDiff(words(before), words(after));
    expect(diff.map(({ mark, text }) => mark + text).join('')).toBe(lines);
  });
});
