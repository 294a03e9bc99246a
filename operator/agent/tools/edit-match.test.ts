import { describe, expect, it } from '@jest/globals';
import { decideEdit, type EditRequest } from './edit-match.ts';

const request = (oldText: string, newText: string, more: Partial<EditRequest> = {}): EditRequest => ({
  oldText,
  newText,
  replaceAll: false,
  exactOnly: false,
  ...more,
});

const python =
  'def add(a, b):\n    # adds\n    return a - b\n\n\nclass Sum:\n    def add(self, a, b):\n        # adds\n        return a - b\n';

describe('deciding an edit', () => {
  it.each<[string, string, EditRequest, string, string | undefined]>([
    ['the exact text', 'a\nb\nc\n', request('b', 'B'), 'a\nB\nc\n', undefined],
    ['a part of a line', 'x = foo(1)\n', request('foo', 'bar'), 'x = bar(1)\n', undefined],
    ['every occurrence when asked to', 'a a\na\n', request('a', 'b', { replaceAll: true }), 'b b\nb\n', undefined],
    ['text by nothing', 'a\nb\nc\n', request('b\n', ''), 'a\nc\n', undefined],
    [
      'text in a CRLF file and gives the new lines CRLF',
      'a\r\nb\r\nc\r\n',
      request('a\nb\n', 'a\nx\ny\n'),
      'a\r\nx\r\ny\r\nc\r\n',
      undefined,
    ],
    ['CRLF text in an LF file', 'a\nb\n', request('a\r\nb', 'x\r\ny'), 'x\ny\n', undefined],
    [
      'text in a file of mixed line ends and leaves the others alone',
      'a\r\nb\nc\r\nd\n',
      request('b', 'x\ny'),
      'a\r\nx\ny\nc\r\nd\n',
      undefined,
    ],
    [
      'text that lacks trailing blanks of the file',
      'if x:  \n\ty()\t\nz\n',
      request('if x:\n\ty()', 'if z:\n\ty()'),
      'if z:\n\ty()\t\nz\n',
      'trailing whitespace',
    ],
    [
      'text that has blanks the file lacks',
      'foo\nbar\n',
      request('foo \nbar ', 'baz\nbar '),
      'baz\nbar\n',
      'trailing whitespace',
    ],
    [
      'plain quotes for curly ones and keeps the curly ones',
      'say “hi” – now\n',
      request('say "hi" - now', 'say "hi" - later'),
      'say “hi” – later\n',
      'typographic characters',
    ],
    [
      'text indented too little',
      'a:\n    b:\n        c\n',
      request('b:\n    c\n', 'b:\n    c\n    d\n'),
      'a:\n    b:\n        c\n        d\n',
      'indentation',
    ],
    ['text indented too much', 'a:\n  b\n  c\n', request('    b\n    c', '    b\n    x'), 'a:\n  b\n  x\n', 'indentation'],
    [
      'spaces for tabs',
      'f {\n\tif x {\n\t\ty\n\t}\n}\n',
      request('    if x {\n        y\n    }', '    if x {\n        z\n    }'),
      'f {\n\tif x {\n\t\tz\n\t}\n}\n',
      'indentation',
    ],
    [
      'tabs for spaces',
      'f:\n    if x:\n        y\n',
      request('\tif x:\n\t\ty', '\tif x:\n\t\ty\n\t\tz'),
      'f:\n    if x:\n        y\n        z\n',
      'indentation',
    ],
    ['a last line without the newline it was given', 'a\nb', request('b\n', 'c\n'), 'a\nc', undefined],
    ['text copied with line numbers', 'a\nb\nc\n', request('2\tb\n3\tc', '2\tB\n3\tnew\n4\tc'), 'a\nB\nnew\nc\n', 'line numbers'],
    [
      'text with blank lines around it that the file has not',
      'a\nb\nc\n',
      request('\nb\n\n', '\nx\n\n'),
      'a\nx\nc\n',
      'blank lines around it',
    ],
    [
      'text escaped twice',
      'f(\n  "x",\n)\n',
      request('f(\\n  \\"x\\",\\n)', 'f(\\n  \\"y\\",\\n)'),
      'f(\n  "y",\n)\n',
      'doubled escapes',
    ],
    ['dollar signs as they are', 'cost: x\n', request('x', "$& $1 $'"), "cost: $& $1 $'\n", undefined],
  ])('replaces %s', (_, text, edit, expected, leniency) => {
    const decision = decideEdit(text, edit);
    expect(decision).toMatchObject({ kind: 'replaced', text: expected });
    expect('leniency' in decision ? decision.leniency : undefined).toBe(leniency);
  });

  it.each<[string, string, EditRequest, number[]]>([
    ['an exact text that occurs twice', 'a\nb\na\n', request('a', 'x'), [1, 3]],
    ['a text that fits twice apart from its indentation', python, request('  # adds\n  return a - b', '  return a + b'), [2, 8]],
    [
      'occurrences of a lenient match even when all are to be replaced',
      'a \na \n',
      request('a\n', 'b\n', { replaceAll: true }),
      [1, 2],
    ],
  ])('refuses %s and names the lines', (_, text, edit, expected) => {
    expect(decideEdit(text, edit)).toMatchObject({ kind: 'ambiguous', lines: expected });
  });

  it.each<[string, string, EditRequest]>([
    ['other words', 'a\nb\n', request('c', 'd')],
    ['an indentation that is not shifted as a whole', 'a:\n    b\n        c\n', request('b\n  c', 'x')],
    ['new text that cannot lose the indentation to take away', 'a\n  b\n', request('    a\n      b', 'x\n      b')],
    ['a lenient match when only an exact one will do', 'a \nb\n', request('a\nb', 'x', { exactOnly: true })],
    ['blank lines where there are none', 'a\nb\n', request('\n\n\n', 'x')],
  ])('does not find %s', (_, text, edit) => {
    expect(decideEdit(text, edit)).toEqual({ kind: 'absent' });
  });

  it('tells which lines it wrote', () => {
    const edit = request('b', 'x\ny', { replaceAll: true });
    expect(decideEdit('a\nb\nc\nb\n', edit)).toMatchObject({
      text: 'a\nx\ny\nc\nx\ny\n',
      changed: [
        { start: 2, count: 2 },
        { start: 5, count: 2 },
      ],
    });
    expect(decideEdit('a\r\nb\r\nc\r\n', request('b\n', ''))).toMatchObject({
      text: 'a\r\nc\r\n',
      changed: [{ start: 2, count: 0 }],
    });
  });

  it('changes nothing but the place, whatever the file is made of', () => {
    const rest = 'é\r\n\ttab \r\n\n\n“q”\r\n';
    expect(decideEdit(`${rest}needle\r\n${rest}`, request('needle', 'pin'))).toMatchObject({ text: `${rest}pin\r\n${rest}` });
  });

  it('does what replacing the text in the file does, for any text and any line ends', () => {
    const random = randomNumbers(7);
    const pieces = ['a', 'b', ' ', '  ', 'é', '“', '\n', '\r\n', '\t', 'word'];
    const text = (length: number) => Array.from({ length }, () => pieces[random(pieces.length)] ?? '').join('');
    let replaced = 0;
    for (let round = 0; round < 500; round++) {
      const raw = text(40);
      const plain = raw.replaceAll('\r\n', '\n');
      const start = random(plain.length);
      const oldText = plain.slice(start, start + 1 + random(12));
      const newText = text(6);
      const decision = decideEdit(raw, request(oldText, newText));
      if (plain.split(oldText).length > 2) {
        expect(decision.kind).toBe('ambiguous');
        continue;
      }
      if (decision.kind !== 'replaced') throw new Error(JSON.stringify({ raw, oldText }));
      const at = plain.indexOf(oldText);
      const expected = plain.slice(0, at) + newText.replaceAll('\r\n', '\n') + plain.slice(at + oldText.length);
      expect(decision.text.replaceAll('\r\n', '\n')).toBe(expected);
      replaced++;
    }
    expect(replaced).toBeGreaterThan(100);
  });
});

/** Numbers below a limit, the same for the same seed. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
}
