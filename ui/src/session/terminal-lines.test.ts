import { describe, expect, it } from '@jest/globals';
import { terminalPieces } from './terminal-lines.ts';

const shown = (output: string) => terminalPieces(output).map(({ text, classes }) => [text, ...classes]);

describe('output of a command', () => {
  it.each([
    ['plain', [['plain']]],
    ['\u001b[32mok\u001b[0m done', [['ok', 'green'], [' done']]],
    ['\u001b[1;31mbad\u001b[22;39m', [['bad', 'red', 'bold']]],
    ['\u001b[90mfaint\u001b[0m', [['faint', 'dim']]],
    ['10%\r20%\r100%\nnext', [['100%\nnext']]],
    ['dos\r\nlines', [['dos\nlines']]],
    ['<b onclick="x">&amp;', [['<b onclick="x">&amp;']]],
  ])('%j is shown as %j', (output, pieces) => {
    expect(shown(output)).toEqual(pieces);
  });

  it.each([
    ['moves the cursor', 'a\u001b[2Jb\u001b[10;10Hc', 'abc'],
    ['sets a title', 'a\u001b]0;evil\u0007b', 'ab'],
    ['makes a link', '\u001b]8;;http://evil.example\u001b\\here\u001b]8;;\u001b\\', 'here'],
  ])('that %s does nothing', (_, output, text) => {
    expect(
      terminalPieces(output)
        .map((piece) => piece.text)
        .join(''),
    ).toBe(text);
  });

  it('shows escapes that it does not know', () => {
    expect(terminalPieces('a\u001bcb')[0]?.text).toBe('a⟨ESC⟩cb');
  });
});
