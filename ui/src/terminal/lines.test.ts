import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { quote } from './lines.ts';

/** The words that a shell makes of a line. */
const words = (line: string) =>
  execFileSync('sh', ['-c', `set -- ${line}; for word; do printf '%s\\0' "$word"; done`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);

describe('quote', () => {
  it.each(['plain', 'two words', `it's`, '$(rm -rf /)', '`x`', 'a\nb', '"', '\\', ''])('makes %j one word of a shell', (text) => {
    expect(words(quote(text))).toEqual([text]);
  });
});
