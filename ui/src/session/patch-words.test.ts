import { describe, expect, it } from '@jest/globals';
import { patchFiles } from '../timeline/patch-files.ts';
import { modeWords, wordsWithoutLines } from './patch-words.ts';

const told = (...head: string[]) => {
  const [file] = patchFiles(`diff --git a/x b/x\n${head.map((line) => `${line}\n`).join('')}`);
  if (!file) throw new Error('no file was found');
  return [modeWords(file), wordsWithoutLines(file)];
};

describe('a patch', () => {
  it.each([
    ['of a mode', ['old mode 100644', 'new mode 100755'], 'mode 100644 → 100755 (can be run)', 'Only its mode differs, no line.'],
    [
      'back',
      ['old mode 100755', 'new mode 100644'],
      'mode 100755 → 100644 (can be run no more)',
      'Only its mode differs, no line.',
    ],
    ['of an empty file', ['new file mode 100644', 'index 0000000..e69de29'], '', 'A new empty file.'],
    ['of an empty script', ['new file mode 100755'], 'mode 100755 (can be run)', 'A new empty file.'],
    ['of an empty file that goes', ['deleted file mode 100644'], '', 'An empty file is deleted.'],
    ['of a move', ['similarity index 100%', 'rename from x', 'rename to y'], '', 'Only moved: no line differs.'],
    ['of a new binary file', ['new file mode 100644', 'GIT binary patch'], '', 'A new binary file.'],
    ['of a binary file', ['Binary files a/x and b/x differ'], '', 'A binary file; its content differs.'],
    [
      'of a binary file that goes',
      ['deleted file mode 100644', 'Binary files a/x and /dev/null differ'],
      '',
      'A binary file is deleted.',
    ],
    [
      'of a link',
      ['new file mode 120000', '--- /dev/null', '+++ b/x', '@@ -0,0 +1 @@', '+to'],
      'mode 120000 (a symbolic link)',
      undefined,
    ],
    ['of a line', ['--- a/x', '+++ b/x', '@@ -1 +1 @@', '-a', '+b'], '', undefined],
  ])('%s is told in words', (_what, head, mode, words) => {
    expect(told(...head)).toEqual([mode, words]);
  });
});
