import { chmod, lstat, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { git } from '../../../test/support/git-repository.ts';
import { type ToolSandbox, toolSandbox } from '../../../test/support/tool-sandbox.ts';

const PYTHON =
  'import os\n\n\ndef load(path):\n    with open(path) as file:\n        return parse(file.read())\n\n\ndef save(path, data):\n    pass\n';

let box: ToolSandbox;
beforeAll(async () => {
  box = await toolSandbox({ files: { 'keep.txt': 'kept\n' } });
  await mkdir(join(box.repo, '..', 'elsewhere'));
});
afterAll(async () => box[Symbol.asyncDispose]());
beforeEach(async () => {
  await git(box.repo, 'clean', '-qfdx');
  await git(box.repo, 'reset', '-q', '--hard');
  box.seen.clear();
});

const put = async (path: string, content: string | Uint8Array) => {
  await mkdir(join(box.repo, path, '..'), { recursive: true });
  await writeFile(join(box.repo, path), content);
};
const has = (path: string) => readFile(join(box.repo, path), 'utf8');
const refused = async (name: string, args: Record<string, unknown>, ...words: string[]) => {
  const result = await box.call(name, args);
  expect(result.outcome).toBe('error');
  expect(result.wrote).toBeUndefined();
  for (const word of words) expect(result.text).toContain(word);
};

describe('edit_file', () => {
  it('changes the one place and shows it', async () => {
    await put('io.py', PYTHON);
    expect(
      await box.call('edit_file', {
        path: 'io.py',
        old_string: '    pass',
        new_string: '    with open(path, "w") as file:\n        file.write(data)',
      }),
    ).toEqual({
      outcome: 'ok',
      text: 'Edited io.py. Now:\n 7\t\n 8\t\n 9\tdef save(path, data):\n10\t    with open(path, "w") as file:\n11\t        file.write(data)',
      wrote: ['io.py'],
    });
    expect(await has('io.py')).toBe(PYTHON.replace('    pass', '    with open(path, "w") as file:\n        file.write(data)'));
  });

  it('keeps mode, line ends, byte order mark and encoding', async () => {
    await put('run.sh', '#!/bin/sh\necho a\n');
    await chmod(join(box.repo, 'run.sh'), 0o755);
    await box.call('edit_file', { path: 'run.sh', old_string: 'echo a', new_string: 'echo b' });
    expect((await stat(join(box.repo, 'run.sh'))).mode & 0o777).toBe(0o755);
    await put('dos.txt', '\uFEFFa\r\nb\r\nc');
    await box.call('edit_file', { path: 'dos.txt', old_string: 'a\nb\n', new_string: 'a\nx\n' });
    expect(await has('dos.txt')).toBe('\uFEFFa\r\nx\r\nc');
    await put('latin.txt', Buffer.from('gr\xfc\xdfe\n', 'latin1'));
    await box.call('edit_file', { path: 'latin.txt', old_string: 'grüße', new_string: 'Grüße' });
    expect(await readFile(join(box.repo, 'latin.txt'), 'latin1')).toBe('Gr\xfc\xdfe\n');
    await refused('edit_file', { path: 'latin.txt', old_string: 'Gr', new_string: '日本' }, 'is in Latin-1, which cannot hold');
  });

  it('says so when it overlooked a difference', async () => {
    await put('io.py', PYTHON);
    const { text } = await box.call('edit_file', {
      path: 'io.py',
      old_string: 'with open(path) as file:\n    return parse(file.read())',
      new_string: 'with open(path) as file:\n    return parse(file.read().strip())',
    });
    expect(text).toContain('in spite of a difference in indentation');
    expect(await has('io.py')).toContain('    with open(path) as file:\n        return parse(file.read().strip())\n');
  });

  it('shows what is there instead of a text that is not', async () => {
    await put('io.py', PYTHON);
    await refused(
      'edit_file',
      { path: 'io.py', old_string: 'def load(path):\n    with open(path) as handle:', new_string: 'x' },
      'old_string is not in io.py. Nothing was changed.',
      'The most similar place is line 4 to 5:',
      '5\t    with open(path) as file:',
      'First difference, at line 5: you wrote "    with open(path) as handle:", the file has "    with open(path) as file:".',
    );
    await refused(
      'edit_file',
      { path: 'io.py', old_string: 'class Entirely(Different): ...', new_string: 'x' },
      'Nothing in its 10 lines is similar',
    );
    await refused(
      'edit_file',
      { path: 'io.py', old_string: 'def store(p):', new_string: 'def save(path, data):' },
      'The new text is already in the file, at line 9',
    );
    expect(await has('io.py')).toBe(PYTHON);
  });

  it('names the lines of a text that occurs several times, and replaces them all when asked to', async () => {
    await put('a.txt', 'x = 1\ny = x\nx = 2\n');
    await refused(
      'edit_file',
      { path: 'a.txt', old_string: 'x = ', new_string: 'z = ' },
      'occurs 2 times in a.txt, beginning at lines 1, 3',
      'replace_all',
    );
    const { text } = await box.call('edit_file', { path: 'a.txt', old_string: 'x', new_string: 'z', replace_all: true });
    expect(text).toContain('in 3 places');
    expect(await has('a.txt')).toBe('z = 1\ny = z\nz = 2\n');
  });

  it('applies an exact edit to a file that changed since it was seen, says so, and guesses nothing', async () => {
    await put('a.txt', 'one\ntwo  \nthree\n');
    await box.call('read_file', { path: 'a.txt' });
    await put('a.txt', 'zero\none\ntwo  \nthree\n');
    await refused(
      'edit_file',
      { path: 'a.txt', old_string: 'two\nthree', new_string: 'x' },
      'The file has changed since you last saw it.',
      '3\ttwo',
    );
    const { text } = await box.call('edit_file', { path: 'a.txt', old_string: 'three', new_string: '3' });
    expect(text).toContain('The file had changed since you last saw it');
    expect((await box.call('edit_file', { path: 'a.txt', old_string: '3', new_string: 'three' })).text).not.toContain(
      'had changed',
    );
  });

  it('warns when JSON stops being JSON', async () => {
    await put('package.json', '{\n  "a": 1\n}\n');
    const { text } = await box.call('edit_file', { path: 'package.json', old_string: '"a": 1', new_string: '"a": 1,' });
    expect(text).toContain('Warning: package.json is not valid JSON now');
    const again = await box.call('edit_file', { path: 'package.json', old_string: '"a": 1,', new_string: '"a": 1, // why' });
    expect(again.text).not.toContain('Warning');
    expect((await box.call('write_file', { path: 'new.json', content: '{' })).text).toContain(
      'Warning: new.json is not valid JSON now',
    );
  });

  it('creates a file that is not there from an empty old_string, and overwrites none', async () => {
    expect(await box.call('edit_file', { path: 'new/a.txt', old_string: '', new_string: 'a\n' })).toMatchObject({
      text: 'Created new/a.txt (1 line).',
      wrote: ['new/a.txt'],
    });
    await refused('edit_file', { path: 'new/a.txt', old_string: '', new_string: 'b\n' }, 'exists and old_string is empty');
    await put('empty.txt', '');
    await box.call('edit_file', { path: 'empty.txt', old_string: '', new_string: 'filled\n' });
    expect(await has('empty.txt')).toBe('filled\n');
  });

  it('refuses what is no edit or no file of the repository', async () => {
    await put('a.txt', 'a\n');
    await put('logo.png', Buffer.from('\x89PNG\r\n\0', 'latin1'));
    await symlink('../elsewhere', join(box.repo, 'out'));
    await refused('edit_file', { path: 'a.txt', old_string: 'a', new_string: 'a' }, 'are the same');
    await refused(
      'edit_file',
      { path: 'b.txt', old_string: 'a', new_string: 'b' },
      'There is no file b.txt. Did you mean: a.txt',
    );
    await refused('edit_file', { path: 'logo.png', old_string: 'a', new_string: 'b' }, 'is a PNG image');
    await refused('edit_file', { path: 'out/x', old_string: '', new_string: 'b' }, 'out/x is outside of the repository');
    await refused('edit_file', { path: '../x', old_string: '', new_string: 'b' }, 'is outside of the worktree');
    await refused('edit_file', { path: '.git/config', old_string: 'a', new_string: 'b' }, 'files of git itself are not edited');
  });
});

describe('write_file', () => {
  it('creates a file with its directories, whatever its name', async () => {
    for (const path of ['a/b/c.txt', 'with space/größe.txt', '-dash', "it's", 'new\nline']) {
      expect(await box.call('write_file', { path, content: `in ${path}` })).toMatchObject({
        outcome: 'ok',
        text: expect.stringContaining(`Created ${path}`),
        wrote: [path],
      });
      expect(await has(path)).toBe(`in ${path}`);
    }
  });

  it('says how much it replaced, and warns when the model had not read it', async () => {
    await put('a.txt', 'one\ntwo\n');
    expect((await box.call('write_file', { path: 'a.txt', content: 'x\n' })).text).toBe(
      'Overwrote a.txt: 1 line, before 2 lines.\nWarning: you had not read what you replaced (2 lines). See what was lost with: git diff -- a.txt',
    );
    expect((await box.call('write_file', { path: 'a.txt', content: 'y\n' })).text).toBe(
      'Overwrote a.txt: 1 line, before 1 line.',
    );
    await put('a.txt', 'changed by a program\n');
    expect((await box.call('write_file', { path: 'a.txt', content: 'z\n' })).text).toContain('had changed since you last saw it');
    expect((await box.call('write_file', { path: 'a.txt', content: 'z\n' })).text).toContain('has exactly this content already');
  });

  it('keeps the line ends of the file', async () => {
    await put('dos.txt', 'a\r\nb\r\n');
    expect((await box.call('write_file', { path: 'dos.txt', content: 'x\ny\n' })).text).toContain('CRLF line ends were kept');
    expect(await has('dos.txt')).toBe('x\r\ny\r\n');
  });

  it('does not let a placeholder take the place of code', async () => {
    await put('a.ts', 'const a = 1;\n// ... existing code of others here\n');
    await refused(
      'write_file',
      { path: 'a.ts', content: 'const b = 2;\n// ... rest of the code unchanged ...\n' },
      'Line 2 of content stands for code that would be lost',
    );
    expect(
      (await box.call('write_file', { path: 'a.ts', content: 'const b = 2;\n// ... existing code of others here\n' })).outcome,
    ).toBe('ok');
    expect(
      (await box.call('write_file', { path: 'new.ts', content: '// the rest of the file is generated here\n' })).outcome,
    ).toBe('ok');
  });

  it('refuses a directory, the outside and git', async () => {
    await mkdir(join(box.repo, 'dir'));
    await symlink('../elsewhere/file', join(box.repo, 'link'));
    await refused('write_file', { path: 'dir', content: '' }, 'dir is a directory');
    await refused('write_file', { path: 'keep.txt/x', content: '' }, 'not a directory');
    await refused('write_file', { path: 'link', content: '' }, 'outside of the repository');
    await refused('write_file', { path: '/tmp/x', content: '' }, 'is outside of the worktree');
    await refused('write_file', { path: 'a/.git/hooks/post-commit', content: '' }, 'files of git itself are not edited');
    expect((await lstat(join(box.repo, 'link'))).isSymbolicLink()).toBe(true);
  });
});

describe('apply_patch', () => {
  const patch = (body: string) => ({ patch: `*** Begin Patch\n${body}\n*** End Patch` });

  it('updates, adds, moves and deletes in one go', async () => {
    await put('io.py', PYTHON);
    await put('old.txt', 'old\n');
    await put('tool.sh', '#!/bin/sh\necho 1\n');
    await chmod(join(box.repo, 'tool.sh'), 0o755);
    await put('logo.png', Buffer.from('\x89PNG\r\n\0', 'latin1'));
    const result = await box.call(
      'apply_patch',
      patch(
        [
          '*** Update File: io.py\n@@ def save(path, data):\n-    pass\n+    raise NotImplementedError',
          '*** Add File: docs/new file.md\n+# New\n+',
          '*** Update File: tool.sh\n*** Move to: bin/tool.sh\n@@\n-echo 1\n+echo 2',
          '*** Update File: logo.png\n*** Move to: art/logo.png',
          '*** Delete File: old.txt',
        ].join('\n'),
      ),
    );
    expect(result.outcome).toBe('ok');
    expect(result.wrote?.toSorted()).toEqual([
      'art/logo.png',
      'bin/tool.sh',
      'docs/new file.md',
      'io.py',
      'logo.png',
      'old.txt',
      'tool.sh',
    ]);
    expect(result.text).toContain('Updated io.py:\n 7\t\n 8\t\n 9\tdef save(path, data):\n10\t    raise NotImplementedError');
    expect(result.text).toContain(
      'Added docs/new file.md (2 lines).\nMoved tool.sh to bin/tool.sh.\n1\t#!/bin/sh\n2\techo 2\nMoved logo.png to art/logo.png.\nDeleted old.txt.',
    );
    expect(await has('docs/new file.md')).toBe('# New\n\n');
    expect(await has('bin/tool.sh')).toBe('#!/bin/sh\necho 2\n');
    expect((await stat(join(box.repo, 'bin/tool.sh'))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(box.repo, 'art/logo.png'), 'latin1')).toBe('\x89PNG\r\n\0');
    expect(await git(box.repo, 'status', '--porcelain', '-uall')).not.toContain('old.txt');
  });

  it('shows where new text stands, and little of the text itself', async () => {
    await put('a.py', 'one = 1\ntwo = 2\n');
    const added = Array.from({ length: 150 }, (_, index) => `+value_${index} = ${index}`);
    const { text } = await box.call('apply_patch', patch(['*** Update File: a.py', ' one = 1', ...added, ' two = 2'].join('\n')));
    expect(text).toBe(
      'Updated a.py:\n1\tone = 1\n2\tvalue_0 = 0\n3\tvalue_1 = 1\n4\tvalue_2 = 2\n[... 144 lines ...]\n149\tvalue_147 = 147\n150\tvalue_148 = 148\n151\tvalue_149 = 149\n152\ttwo = 2',
    );
  });

  it('shows little of many files', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `f${index}.txt`);
    for (const name of names) await put(name, 'a\nb\nc\nd\ne\nf\ng\nh\n');
    const { text } = await box.call('apply_patch', patch(names.map((name) => `*** Update File: ${name}\n-d\n+D`).join('\n')));
    expect(text).toContain('Updated f0.txt:\n1\ta\n2\tb\n3\tc\n4\tD\n5\te\n6\tf\n7\tg\nUpdated f1.txt:');
    expect(text).toContain('Updated f29.txt:\n[... changed near line 4]');
    expect(text.split('\n').length).toBeLessThan(60 + 2 * names.length);
  });

  it('applies several sections to one file, one after the other', async () => {
    await put('a.txt', '1\n2\n3\n');
    await box.call('apply_patch', patch('*** Update File: a.txt\n-1\n+one\n*** Update File: a.txt\n one\n-2\n+two'));
    expect(await has('a.txt')).toBe('one\ntwo\n3\n');
    await box.call('apply_patch', patch('*** Delete File: a.txt\n*** Add File: a.txt\n+new'));
    expect(await has('a.txt')).toBe('new\n');
  });

  it('changes nothing at all when one hunk does not fit, and shows what is there', async () => {
    await put('a.txt', 'one\ntwo\nthree\n');
    await put('io.py', PYTHON);
    await refused(
      'apply_patch',
      patch(
        '*** Update File: a.txt\n-one\n+1\n*** Update File: io.py\n@@ def load(path):\n     with open(path) as handle:\n-        return parse(handle.read())\n+        return handle\n*** Delete File: nope.txt',
      ),
      'The patch was not applied, no file was changed.',
      'io.py:\nHunk 1 (line 6 of the patch): its context and removed lines are not in the file.',
      '6\t        return parse(file.read())',
      'nope.txt: cannot be deleted.',
    );
    expect(await has('a.txt')).toBe('one\ntwo\nthree\n');
  });

  it('keeps CRLF line ends and says what it overlooked', async () => {
    await put('dos.txt', 'a  \r\nb\r\nc');
    const { text } = await box.call('apply_patch', patch('*** Update File: dos.txt\n@@\n a\n-b\n+x'));
    expect(text).toContain('in spite of a difference in trailing whitespace');
    expect(await has('dos.txt')).toBe('a  \r\nx\r\nc');
  });

  it('refuses to move over a file, to leave the repository and what is no patch', async () => {
    await put('a.txt', 'a\n');
    await refused('apply_patch', patch('*** Update File: a.txt\n*** Move to: keep.txt'), 'keep.txt: that exists already');
    await refused('apply_patch', patch('*** Add File: ../x\n+x'), 'is outside of the worktree');
    await refused('apply_patch', patch('*** Add File: .git/hooks/pre-push\n+x'), 'files of git itself');
    await refused('apply_patch', patch('*** Update File: missing.txt\n-a\n+b'), 'There is no file missing.txt');
    await refused('apply_patch', { patch: 'please fix it' }, 'no file section', 'Nothing was changed.');
  });

  it('says that an added file was there before', async () => {
    expect((await box.call('apply_patch', patch('*** Add File: keep.txt\n+x'))).text).toContain(
      'Replaced keep.txt (1 line); it existed before',
    );
  });
});

describe('a write that was begun before a crash', () => {
  it('is told as done and not repeated when its files were written', async () => {
    await put('a.txt', 'one\ntwo\n');
    const edit = { path: 'a.txt', old_string: 'one', new_string: 'one and one' };
    await box.call('edit_file', edit, { op: 'edit.1' });
    expect(await box.call('edit_file', edit, { op: 'edit.1', resumed: true })).toEqual({
      outcome: 'ok',
      text: 'Edited a.txt. Now:\n1\tone and one\n2\ttwo',
      wrote: ['a.txt'],
    });
    expect(await has('a.txt')).toBe('one and one\ntwo\n');

    const write = { path: 'b.txt', content: 'b\n' };
    await box.call('write_file', write, { op: 'write.1' });
    await rm(join(box.repo, 'b.txt'));
    expect(await box.call('write_file', write, { op: 'write.1', resumed: true })).toMatchObject({
      outcome: 'ok',
      wrote: ['b.txt'],
    });
    await expect(has('b.txt')).rejects.toThrow('ENOENT');

    const patch = { patch: '*** Begin Patch\n*** Update File: a.txt\n*** Move to: c.txt\n-two\n+2\n*** End Patch' };
    await box.call('apply_patch', patch, { op: 'patch.1' });
    expect(await box.call('apply_patch', patch, { op: 'patch.1', resumed: true })).toEqual({
      outcome: 'ok',
      text: 'Moved a.txt to c.txt.',
      wrote: ['a.txt', 'c.txt'],
    });
  });

  it('is done now when nothing had been written', async () => {
    await put('a.txt', 'one\n');
    expect(
      await box.call('edit_file', { path: 'a.txt', old_string: 'one', new_string: '1' }, { op: 'edit.2', resumed: true }),
    ).toMatchObject({ outcome: 'ok' });
    expect(await has('a.txt')).toBe('1\n');
  });
});
