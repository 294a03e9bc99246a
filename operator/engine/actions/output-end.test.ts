import { describe, expect, it } from '@jest/globals';
import { endOf } from './output-end.ts';

const filler = Array.from({ length: 200 }, (_, line) => `ok ${line} - fine`);

describe('The end of an output', () => {
  it('is the whole of it where that fits', () => {
    expect(endOf('not ok 1 - a\n# fail 1', 100)).toBe('not ok 1 - a\n# fail 1');
  });

  it('is whole lines, with a word on how many are before them', () => {
    expect(endOf([...filler, 'last'].join('\n'), 30)).toBe('[199 lines before this are left out]\nok 199 - fine\nlast');
  });

  it.each([
    'not ok 7 - adds a discount',
    'FAIL: test_german (tests.test_names.NamesTest)',
    'ERROR: test_resolves (tests.test_net.NetTest)',
    '--- FAIL: TestParse (0.00s)',
    'FAILED tests/test_sum.py::test_total - assert 3 == 4',
    'test parse::empty ... FAILED',
    '  ✕ rounds to the cent (3 ms)',
    '  1) receipt rounds:',
  ])('keeps what names a failure in the part that is left out: %s', (line) => {
    const shown = endOf([line, ...filler, 'last'].join('\n'), 30);
    expect(shown).toBe(`[200 lines before this are left out, and among them:\n${line.trim()}\n[…]\nok 199 - fine\nlast`);
  });

  it('names a failure once, and no more than a few', () => {
    const failures = Array.from({ length: 40 }, (_, index) => [`not ok ${index} - x`, `not ok ${index} - x`]).flat();
    const shown = endOf([...failures, ...filler].join('\n'), 30);
    expect(shown.match(/not ok/g)).toHaveLength(15);
    expect(shown).toContain('… and 25 more');
  });
});
