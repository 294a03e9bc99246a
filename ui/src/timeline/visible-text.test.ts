import { describe, expect, it } from '@jest/globals';
import { visible, visibleLine } from './visible-text.ts';

describe('visible', () => {
  it.each([
    ['plain text\n\twith a tab', 'plain text\n\twith a tab'],
    ['\u001b[31mred', '⟨ESC⟩[31mred'],
    ['a\u0000b\u007f', 'a⟨NUL⟩b⟨DEL⟩'],
    ['admin\u202etxt.exe', 'admin⟨U+202E⟩txt.exe'],
    ['zero\u200bwidth\ufeff', 'zero⟨U+200B⟩width⟨U+FEFF⟩'],
    ['a\u200db', 'a⟨U+200D⟩b'],
    ['\u{e0041}', '⟨U+E0041⟩'],
    ['👩‍💻 ❤️‍🔥 é 漢字 שלום', '👩‍💻 ❤️‍🔥 é 漢字 שלום'],
    ['\u009b31m', '⟨U+009B⟩31m'],
  ])('shows %j as %j', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });
});

describe('visibleLine', () => {
  it('stays on one line', () => {
    expect(visibleLine('a\nb\tc\r')).toBe('a↵b c⟨CR⟩');
  });
});
