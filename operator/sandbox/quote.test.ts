import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { quote, quoteAll } from './quote.ts';

describe('shell quoting', () => {
  it('gives the shell back exactly the words it was given', () => {
    const words = [
      '',
      'plain',
      'two words',
      "it's",
      '"double"',
      '$HOME `id` $(id) $x',
      'back\\slash',
      'line\nbreak\n',
      '\ttab',
      '*?[a]',
      '~',
      '-n',
      '#no',
      'größe/日本語 ☃',
      'a;b|c&d>e<f',
      '!history',
      'x=y',
    ];
    const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${quoteAll(words)}`], { encoding: 'utf8' });
    expect(printed.split('\0').slice(0, -1)).toEqual(words);
  });

  it('leaves plain words readable', () => {
    expect(quoteAll(['git', 'ls-files', 'src/a.ts'])).toBe('git ls-files src/a.ts');
  });

  it('refuses a NUL character', () => {
    expect(() => quote('a\0b')).toThrow('NUL');
  });
});
