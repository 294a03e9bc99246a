import { describe, expect, it } from '@jest/globals';
import { applyHunks } from './patch-apply.ts';
import { type Hunk, parsePatch } from './patch-parse.ts';

const envelope = (body: string) => `*** Begin Patch\n${body}\n*** End Patch`;

function hunks(body: string): Hunk[] {
  const parsed = parsePatch(envelope(`*** Update File: f\n${body}`));
  if ('error' in parsed) throw new Error(parsed.error);
  const [section] = parsed.ok;
  if (section?.kind !== 'update') throw new Error('no update section');
  return section.hunks;
}

describe('reading a patch', () => {
  const update = {
    kind: 'update',
    path: 'a.py',
    hunks: [
      {
        anchors: [],
        lines: [
          { mark: '-', text: 'x' },
          { mark: '+', text: 'y' },
        ],
      },
    ],
  };
  const body = '*** Update File: a.py\n@@\n-x\n+y';

  it.each([
    ['as it should be', envelope(body)],
    ['in a here-document', `apply_patch <<'EOF'\n${envelope(body)}\nEOF\n`],
    ['in a code fence', `\`\`\`diff\n${envelope(body)}\n\`\`\``],
    ['with CRLF line ends', envelope(body).replaceAll('\n', '\r\n')],
    ['with blanks around the markers', `\n  *** Begin Patch \n *** Update File: a.py \n@@\n-x\n+y\n*** End Patch  \n`],
    ['without the first line', `${body}\n*** End Patch`],
    ['without @@', envelope('*** Update File: a.py\n-x\n+y')],
    ['with the path in quotes', envelope('*** Update File: "a.py"\n@@\n-x\n+y')],
  ])('takes one %s', (_, patch) => {
    expect(parsePatch(patch)).toMatchObject({ ok: [update] });
  });

  it('reads every kind of section', () => {
    const patch = envelope(
      '*** Add File: new dir/n.txt\n+one\n+\n+ three\n*** Delete File: gone\n*** Update File: a\n*** Move to: b/c\n@@ class A\n@@   def f():\n keep\n-old\n+new\n\n@@\n+end\n*** End of File',
    );
    expect(parsePatch(patch)).toEqual({
      ok: [
        { kind: 'add', path: 'new dir/n.txt', lines: ['one', '', ' three'] },
        { kind: 'delete', path: 'gone' },
        {
          kind: 'update',
          path: 'a',
          moveTo: 'b/c',
          hunks: [
            {
              anchors: ['class A', '  def f():'],
              lines: [
                { mark: ' ', text: 'keep' },
                { mark: '-', text: 'old' },
                { mark: '+', text: 'new' },
              ],
              atEnd: false,
              patchLine: 9,
            },
            { anchors: [], lines: [{ mark: '+', text: 'end' }], atEnd: true, patchLine: 15 },
          ],
        },
      ],
    });
  });

  it('reads the header of a unified diff as a line number', () => {
    expect(hunks('@@ -12,3 +12,4 @@ def f():\n a\n+b')).toMatchObject([{ line: 12, anchors: ['def f():'] }]);
  });

  it.each([
    ['nothing', '', 'no file section'],
    ['a unified diff', '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b', 'a unified diff does not work here'],
    ['a patch that was cut off', '*** Begin Patch\n*** Update File: a\n@@\n-x\n+', 'may have been cut off'],
    ['an empty section', envelope('*** Update File: a'), 'changes nothing'],
    ['a hunk of context only', envelope('*** Update File: a\n@@\n x\n y'), 'line 3 of the patch changes nothing'],
    ['words between sections', envelope('hello\n*** Delete File: a'), 'Line 2 of the patch is outside'],
    [
      'an unknown instruction',
      envelope('*** Update File: a\n*** Rename to: b\n-x\n+y'),
      'Line 3 of the patch is no known instruction',
    ],
    ['a section without path', envelope('*** Delete File:'), 'names no file'],
  ])('refuses %s and says why', (_, patch, words) => {
    const parsed = parsePatch(patch);
    expect('error' in parsed ? parsed.error : parsed).toContain(words);
  });
});

describe('applying hunks', () => {
  const twice = 'class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n';

  it.each<[string, string, string, string]>([
    ['a replacement', 'a\nb\nc\n', '@@\n a\n-b\n+x\n+y\n c', 'a\nx\ny\nc\n'],
    ['several hunks', 'a\nb\nc\nd\ne\n', '@@\n-a\n+A\n@@\n-e\n+E', 'A\nb\nc\nd\nE\n'],
    ['hunks out of order', 'a\nb\nc\nd\ne\n', '@@\n-e\n+E\n@@\n-a\n+A', 'A\nb\nc\nd\nE\n'],
    [
      'the place that @@ names',
      twice,
      '@@ class B:\n     def f(self):\n-        return 1\n+        return 2',
      twice.replace(/1\n$/, '2\n'),
    ],
    [
      'the place that two @@ name',
      twice,
      '@@ class B:\n@@     def f(self):\n-        return 1\n+        return 2',
      twice.replace(/1\n$/, '2\n'),
    ],
    ['the place nearest to the line number', 'x\n1\nx\n1\nx\n', '@@ -3,2 +3,2 @@\n x\n-1\n+2', 'x\n1\nx\n2\nx\n'],
    ['a place after the hunk before', 'a\nx\nb\nx\n', '@@\n-b\n+B\n@@\n-x\n+X', 'a\nx\nB\nX\n'],
    ['the end of the file', 'x\ny\nx\n', '@@\n-x\n+z\n*** End of File', 'x\ny\nz\n'],
    ['an insertion below @@', 'a\nb\nc\n', '@@ b\n+new', 'a\nb\nnew\nc\n'],
    ['an addition at the end', 'a\n', '@@\n+b', 'a\nb\n'],
    ['an addition to an empty file', '', '@@\n+b', 'b\n'],
    ['removal of everything', 'a\n', '@@\n-a', ''],
    ['lines in a CRLF file', 'a\r\nb\r\n', '@@\n a\n-b\n+x\n+y', 'a\r\nx\r\ny\r\n'],
    ['a CRLF file without final newline', 'a\r\nb', '@@\n b\n+c', 'a\r\nb\r\nc'],
    ['a file without final newline', 'a\nb', '@@\n-b\n+c', 'a\nc'],
    ['context whose leading blank got lost', 'a\nb\n', '@@\na\n-b\n+c', 'a\nc\n'],
    ['context that lost its trailing blanks, and keeps them', 'a  \nb\n', '@@\n a\n-b\n+c', 'a  \nc\n'],
    ['context with plain quotes, and keeps the curly ones', '“a”\nb\n', '@@\n "a"\n-b\n+c', '“a”\nc\n'],
    ['a hunk indented too little', 'f:\n    a\n    b\n', '@@\n a\n-b\n+if b:\n+    c', 'f:\n    a\n    if b:\n        c\n'],
    ['a blank line of context', 'a\n\nb\n', '@@\n a\n\n-b\n+c', 'a\n\nc\n'],
  ])('makes %s', (_, before, body, after) => {
    expect(applyHunks(before, hunks(body))).toMatchObject({ text: after });
  });

  it.each<[string, string, string, string]>([
    ['context that is not there', 'a\nb\n', '@@\n x\n-b\n+c', 'its context and removed lines are not in the file'],
    ['context that occurs twice', twice, '@@\n-        return 1\n+        return 2', 'it fits at lines 3, 7'],
    [
      'an @@ line that is not there',
      twice,
      '@@ class C:\n-        return 1\n+        return 2',
      'its @@ line is not in the file: "class C:"',
    ],
    ['an @@ line that comes later', 'a\nb\nc\n', '@@ c\n-a\n+x', 'only before its @@ line, at line 1'],
    ['an overlap', 'a\nb\nc\n', '@@\n-a\n-b\n+x\n@@\n b\n-c\n+y', 'it overlaps with an earlier hunk'],
  ])('fails for %s', (_, before, body, problem) => {
    const result = applyHunks(before, hunks(body));
    expect('failures' in result ? result.failures.map((failure) => failure.problem).join() : result.text).toContain(problem);
  });

  it('names every hunk that fails', () => {
    const result = applyHunks('a\nb\n', hunks('@@\n-x\n+y\n@@\n-a\n+A\n@@\n-z\n+y'));
    expect(result).toMatchObject({
      failures: [
        { hunk: 1, patchLine: 3 },
        { hunk: 3, patchLine: 9 },
      ],
    });
  });

  it('makes the new file from the old one for any change, with enough context', () => {
    let state = 11;
    const random = (limit: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >> 8) % limit;
    };
    for (let round = 0; round < 300; round++) {
      const end = random(2) ? '\n' : '\r\n';
      const before = Array.from({ length: 1 + random(30) }, (_, index) => (random(3) ? `line ${index}` : '}'));
      const after: string[] = [];
      const body: string[] = [];
      for (const line of before) {
        const choice = random(6);
        if (choice > 1) body.push(` ${line}`);
        else body.push(`-${line}`);
        if (choice === 1) body.push(`+new ${line}`);
        if (choice > 1) after.push(line);
        if (choice === 1) after.push(`new ${line}`);
      }
      if (!body.some((line) => /^[-+]/.test(line))) continue;
      const text = before.join(end) + end;
      const expected = after.length > 0 ? after.join(end) + end : '';
      expect(applyHunks(text, hunks(`@@\n${body.join('\n')}`))).toMatchObject({ text: expected });
    }
  });

  it('tells which lines it wrote and what it overlooked', () => {
    expect(applyHunks('a \nb\nc\nd\n', hunks('@@\n a\n-b\n+x\n+y\n@@\n-d'))).toMatchObject({
      changed: [
        { start: 2, count: 2 },
        { start: 5, count: 0 },
      ],
      leniencies: ['trailing whitespace'],
    });
  });
});
