import { describe, expect, it } from '@jest/globals';
import {
  byteLength,
  formatCount,
  formatSize,
  LIST_LIMITS,
  type Limits,
  OUTPUT_LIMITS,
  shortenLine,
  truncate,
} from './truncate.ts';

const small: Limits = { headBytes: 40, tailBytes: 40, headLines: 3, tailLines: 3, lineChars: 100 };
const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`).join('\n');

describe('the truncation policy', () => {
  it('leaves a text that fits as it is', () => {
    expect(truncate('', small)).toEqual({ text: '', cut: false });
    expect(truncate(lines(6), small)).toEqual({ text: lines(6), cut: false });
    expect(truncate('no newline at the end', small)).toEqual({ text: 'no newline at the end', cut: false });
  });

  it('keeps whole lines of head and tail and says how much is missing and where it is', () => {
    expect(truncate(lines(100), small, 'all of it is in /x')).toEqual({
      text: 'line 1\nline 2\nline 3\n[... 94 lines, 746 bytes left out; all of it is in /x ...]\nline 98\nline 99\nline 100',
      cut: true,
    });
  });

  it('cuts by bytes when lines are long and never through a character', () => {
    const { text } = truncate(`${'ä'.repeat(19)}\n${'ö'.repeat(19)}\n${'ü'.repeat(19)}`, {
      ...small,
      headBytes: 39,
      tailBytes: 39,
    });
    expect(text).toBe(`${'ä'.repeat(19)}\n[... 1 line, 39 bytes left out ...]\n${'ü'.repeat(19)}`);
  });

  it('shows both ends of one endless line', () => {
    const { text, cut } = truncate(`begin${'x'.repeat(1_000_000)}end`, OUTPUT_LIMITS, 'all of it is in /x');
    expect(cut).toBe(true);
    expect(text.startsWith('begin')).toBe(true);
    expect(text).toContain('end\n[long lines were shortened; all of it is in /x]');
    expect(byteLength(text)).toBeLessThan(2000);
  });

  it('takes a text of which only the ends are at hand', () => {
    const { text } = truncate({ head: 'a\nb\nc\nd', tail: 'w\nx\ny\nz', omitted: 1_000_000, bytes: 1_000_014 }, small, 'see /x');
    expect(text).toBe('a\nb\nc\n[... 976.6 KB left out; see /x ...]\nx\ny\nz');
  });

  it('stays within the limits whatever comes', () => {
    for (const text of [lines(100_000), 'x'.repeat(3_000_000), '\n'.repeat(50_000), '日本語\n'.repeat(20_000)]) {
      const output = truncate(text, OUTPUT_LIMITS, 'see /x').text;
      expect(byteLength(output)).toBeLessThan(OUTPUT_LIMITS.headBytes + OUTPUT_LIMITS.tailBytes + 200);
      expect(output.split('\n').length).toBeLessThanOrEqual(OUTPUT_LIMITS.headLines + OUTPUT_LIMITS.tailLines + 1);
      expect(byteLength(truncate(text, LIST_LIMITS).text)).toBeLessThan(LIST_LIMITS.headBytes + 200);
    }
  });

  it.each([
    ['short', 10, 'short'],
    ['x'.repeat(30), 20, `${'x'.repeat(15)}[... 10 characters ...]${'x'.repeat(5)}`],
    [`${'x'.repeat(14)}😀${'x'.repeat(30)}`, 20, `${'x'.repeat(14)}[... 27 characters ...]${'x'.repeat(5)}`],
  ])('shortens %j to %i characters', (line, max, short) => {
    expect(shortenLine(line, max)).toBe(short);
  });

  it('writes sizes and counts as people do', () => {
    expect([formatSize(1), formatSize(812), formatSize(4200), formatSize(3_400_000)]).toEqual([
      '1 byte',
      '812 bytes',
      '4.1 KB',
      '3.2 MB',
    ]);
    expect([formatCount(1, 'line'), formatCount(1_234_567, 'line'), formatCount(2, 'match', 'matches')]).toEqual([
      '1 line',
      '1,234,567 lines',
      '2 matches',
    ]);
  });
});
