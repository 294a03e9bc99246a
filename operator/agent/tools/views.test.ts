import { describe, expect, it } from '@jest/globals';
import { commonLines } from './line-diff.ts';
import { explainMismatch } from './mismatch.ts';
import { nearestRegion } from './nearest.ts';
import { locate, locateForWriting, similarPaths } from './paths.ts';
import { unquoteName } from './repository-files.ts';
import { changedView, numbered } from './snippet.ts';
import { screenText } from './terminal-text.ts';
import { decodeFile, encodeFile, isBinary } from './text-file.ts';
import { renderTree } from './tree.ts';

describe('views of files', () => {
  it('number lines compactly', () => {
    expect(numbered(['a', '', 'c'], 9)).toBe(' 9\ta\n10\t\n11\tc');
  });

  it('show what an edit wrote with three lines around it', () => {
    const text = Array.from({ length: 30 }, (_, index) => `l${index + 1}`).join('\n');
    expect(changedView(text, [{ start: 10, count: 1 }])).toBe(' 7\tl7\n 8\tl8\n 9\tl9\n10\tl10\n11\tl11\n12\tl12\n13\tl13');
    expect(
      changedView(text, [
        { start: 2, count: 1 },
        { start: 6, count: 0 },
      ]).split('\n'),
    ).toHaveLength(8);
    expect(
      changedView(text, [
        { start: 1, count: 1 },
        { start: 30, count: 1 },
      ]),
    ).toBe('1\tl1\n2\tl2\n3\tl3\n4\tl4\n...\n27\tl27\n28\tl28\n29\tl29\n30\tl30');
  });

  it('stay short however much was written', () => {
    const text = Array.from({ length: 5000 }, (_, index) => `l${index + 1}`).join('\n');
    expect(changedView(text, [{ start: 1, count: 5000 }])).toBe(
      '1\tl1\n2\tl2\n3\tl3\n[... 4,994 lines ...]\n4998\tl4998\n4999\tl4999\n5000\tl5000',
    );
    expect(changedView(text, [{ start: 100, count: 150 }])).toBe(
      ' 97\tl97\n 98\tl98\n 99\tl99\n100\tl100\n101\tl101\n102\tl102\n[... 144 lines ...]\n247\tl247\n248\tl248\n249\tl249\n250\tl250\n251\tl251\n252\tl252',
    );
    expect(changedView(text, [{ start: 100, count: 12 }]).split('\n')).toHaveLength(18);
    const alternating = changedView(
      text,
      Array.from({ length: 100 }, (_, index) => ({ start: index * 2 + 1, count: 1 })),
    );
    expect(alternating.split('\n')).toHaveLength(41);
    expect(alternating).toContain('40\tl40\n[... 162 lines ...]');
    const many = changedView(
      text,
      Array.from({ length: 100 }, (_, index) => ({ start: index * 50 + 1, count: 1 })),
    );
    expect(many.split('\n').length).toBeLessThan(50);
    expect(many).toContain('[... also changed near lines 301, 351');
    expect(changedView(text, [{ start: 10, count: 1 }], 3)).toBe('[... changed near line 10]');
  });
});

describe('the place a text was meant for', () => {
  const lines =
    'import os\n\ndef load(path):\n    with open(path) as file:\n        return parse(file.read())\n\ndef save(path, data):\n    pass'.split(
      '\n',
    );

  it.each<[string, string, number | undefined]>([
    ['differs in one line', 'def load(path):\n    with open(path) as handle:\n        return parse(handle.read())', 2],
    ['differs in indentation', 'with open(path) as file:\nreturn parse(file.read())', 3],
    ['lacks a line', 'def load(path):\n        return parse(file.read())', 2],
    ['is not like anything', 'class Widget extends Component {\n  render() {}\n}', undefined],
  ])('is found when it %s', (_, wanted, at) => {
    expect(nearestRegion(lines, wanted.split('\n'))?.at).toBe(at);
  });

  it('is shown with the first difference', () => {
    expect(explainMismatch(lines, ['def load(path):', '    with open(path) as f:'])).toContain(
      'First difference, at line 4: you wrote "    with open(path) as f:", the file has "    with open(path) as file:".',
    );
    expect(explainMismatch(['if x:', '\tfoo()', '        bar()'], ['if x:', '    foo()', '    bar()'])).toContain(
      '(only blanks and tabs differ)',
    );
    expect(explainMismatch(lines, ['def loads(path):'], ['def save(path, data):'])).toContain(
      'The new text is already in the file, at line 7',
    );
  });
});

describe('lines in common', () => {
  it.each<[string, string, number[]]>([
    ['abc', 'abc', [0, 1, 2]],
    ['abc', 'axc', [0, -1, 2]],
    ['abcd', 'bxd', [1, -1, 3]],
    ['', 'ab', [-1, -1]],
    ['abab', 'ba', [1, 2]],
  ])('of %j and %j', (before, after, expected) => {
    expect(commonLines([...before], [...after])).toEqual(expected);
  });
});

describe('paths', () => {
  it.each<[string, unknown]>([
    ['src/a.ts', { path: 'src/a.ts' }],
    ['./src//a.ts', { path: 'src/a.ts' }],
    ['/w/repo/src/a.ts', { path: 'src/a.ts' }],
    ['src/../b', { path: 'b' }],
    ['..data/x', { path: '..data/x' }],
    ['.', { path: '.' }],
    ['/w/repo/', { path: '.' }],
    ['../other', { outside: '/w/other' }],
    ['/etc/passwd', { outside: '/etc/passwd' }],
    ['-rf', { path: '-rf' }],
    [' a b/ü.txt\n', { path: 'a b/ü.txt' }],
    ['', { problem: 'The path is empty.' }],
  ])('%j leads to %j', (written, expected) => {
    expect(locate(written, '/w/repo')).toEqual(expected);
  });

  it.each(['.git/config', 'sub/.GIT/hooks/x', '../x', '.', '/etc/x'])('%s is not written', (path) => {
    expect(locateForWriting(path, '/w/repo')).toHaveProperty('problem');
  });

  it('.github and .gitignore are written', () => {
    expect(locateForWriting('.github/workflows/x.yml', '/w/repo')).toEqual({ path: '.github/workflows/x.yml' });
    expect(locateForWriting('.gitignore', '/w/repo')).toEqual({ path: '.gitignore' });
  });

  it('that are wrong are mended by the likeliest ones', () => {
    const present = ['src/auth/login.ts', 'test/login.test.ts', 'src/index.ts', 'lib/Login.tsx', 'docs/logic.md'];
    expect(similarPaths('src/login.ts', present)).toEqual(['src/auth/login.ts', 'lib/Login.tsx']);
    expect(similarPaths('src/idnex.ts', present)[0]).toBe('src/index.ts');
    expect(similarPaths('zzz', present)).toEqual([]);
  });

  it('come out of git as they are', () => {
    expect(['plain', '"a\\tb\\n\\"c\\"\\\\"', '"\\303\\274\\001"', 'ü'].map(unquoteName)).toEqual([
      'plain',
      'a\tb\n"c"\\',
      'ü\x01',
      'ü',
    ]);
  });
});

describe('a tree of files', () => {
  it('opens what fits, joins chains and counts the rest', () => {
    const files = [
      'README.md',
      'src/main.ts',
      'src/a/b/c/x.ts',
      'src/a/b/c/y.ts',
      ...Array.from({ length: 50 }, (_, index) => `data/f${index}.json`),
    ];
    expect(renderTree(files, 10)).toEqual({
      text: 'src/\n  a/b/c/\n    x.ts\n    y.ts\n  main.ts\ndata/ (50 files)\nREADME.md',
      closed: 1,
    });
  });

  it('never grows past its limit', () => {
    const files = Array.from({ length: 1000 }, (_, index) => `f${index}`);
    expect(renderTree(files, 20).text.split('\n')).toHaveLength(21);
    expect(renderTree(files, 20).text).toContain('[... 980 more entries]');
  });
});

describe('text of files', () => {
  it.each<[string, number[]]>([
    ['UTF-8', [0x61, 0xc3, 0xa4, 0x0d, 0x0a]],
    ['UTF-8 with byte order mark', [0xef, 0xbb, 0xbf, 0x61]],
    ['UTF-16LE', [0xff, 0xfe, 0x61, 0x00, 0x0a, 0x00]],
    ['UTF-16BE', [0xfe, 0xff, 0x00, 0x61, 0x00, 0x0a]],
    ['Latin-1', [0x67, 0x72, 0xfc, 0xdf, 0x65, 0x0a]],
    ['nothing', []],
  ])('of %s comes back byte for byte', (_, bytes) => {
    const file = decodeFile(Uint8Array.from(bytes));
    if (isBinary(file)) throw new Error(file.kind);
    expect([...(encodeFile(file.text, file) ?? [])]).toEqual(bytes);
  });

  it('that the encoding cannot hold is not written', () => {
    expect(encodeFile('日本', { encoding: 'Latin-1', bom: false })).toBeUndefined();
  });

  it.each<[string, Uint8Array, string]>([
    ['PNG', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0', 'latin1'), 'PNG image'],
    ['WebP', Buffer.from('RIFF\x10\0\0\0WEBPVP8 ', 'latin1'), 'WebP image'],
    ['ELF', Buffer.from('\x7fELF\x02\x01\0', 'latin1'), 'ELF executable or library'],
    ['bytes', Buffer.from([1, 2, 3, 0, 255]), 'binary file'],
  ])('is told from %s', (_, bytes, kind) => {
    expect(decodeFile(bytes)).toMatchObject({ kind });
  });

  it('of a terminal loses colours, redrawn lines and control characters', () => {
    expect(screenText('\x1b[31mred\x1b[0m \x1b]0;title\x07x\r\n 10%\r 50%\r100%\nbell\x07\x08')).toBe('red x\n100%\nbell');
  });
});
