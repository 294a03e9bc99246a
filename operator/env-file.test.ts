import { describe, expect, it } from '@jest/globals';
import { cleanValue, parseEnvFile } from './env-file.ts';

describe('A value', () => {
  it.each([
    ['plain', 'plain'],
    ['  spaces around  ', 'spaces around'],
    ['local # in a directory', 'local'],
    ['local\t# after a tab', 'local'],
    ['two words # and a comment # with another', 'two words'],
    ['a#b', 'a#b'],
    ['https://host/path#fragment', 'https://host/path#fragment'],
    ['# only a comment', ''],
    [' # only a comment', ''],
    ['', ''],
    ['"quoted # not a comment"', 'quoted # not a comment'],
    ["'single # quoted'", 'single # quoted'],
    ['"quoted" # and a comment', 'quoted'],
    ["'quoted'# and a comment", 'quoted'],
    ['""', ''],
    ['"a \\"word\\" and\\na line \\\\ \\$HOME"', 'a "word" and\na line \\ $HOME'],
    ["'no \\n escapes'", 'no \\n escapes'],
    ['it"s', 'it"s'],
    ['ends with a quote"', 'ends with a quote"'],
  ])('%j is read as %j', (raw, value) => expect(cleanValue(raw)).toBe(value));
});

describe('An .env file', () => {
  it('has names and values, comments, blank lines, export, quotes, and any line ends', () => {
    const text = '\uFEFF# head\r\nA=1\r\n\r\nexport B="two" # second\n  C = three\nD=\nE=x=y\nA=again\n_F1=\'six\'';
    expect(parseEnvFile(text)).toEqual({
      values: new Map([
        ['A', 'again'],
        ['B', 'two'],
        ['C', 'three'],
        ['D', ''],
        ['E', 'x=y'],
        ['_F1', 'six'],
      ]),
      problems: [],
    });
  });

  it('says which lines cannot be read without showing them', () => {
    const { values, problems } = parseEnvFile('A=1\nsk-secret-key\n1B=2\nC="open\nD=4\n=5');
    expect([...values.keys()]).toEqual(['A', 'D']);
    expect(problems).toEqual([
      { line: 2, message: 'is not of the form NAME=value' },
      { line: 3, message: 'is not of the form NAME=value' },
      { line: 4, message: 'has a quote that is not closed, in C' },
      { line: 6, message: 'is not of the form NAME=value' },
    ]);
  });
});
