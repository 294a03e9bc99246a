import { describe, expect, it } from '@jest/globals';
import { repositoryName } from './repository-name.ts';
import { agePhrase, compact, dollars, duration, shortAge } from './time.ts';

const NOW = new Date(2026, 5, 15, 12).getTime();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe('times', () => {
  it.each([
    [-5_000, 'now', 'just now'],
    [59_000, 'now', 'just now'],
    [MINUTE, '1m', '1 minute ago'],
    [59.9 * MINUTE, '59m', '59 minutes ago'],
    [25 * 60 * MINUTE, '1d', '1 day ago'],
    [40 * DAY, '6 May', 'on 6 May'],
    [400 * DAY, '11 May 2025', 'on 11 May 2025'],
    [-10 * MINUTE, 'now', 'in 10 minutes'],
  ])('%d milliseconds ago are %s, or %s', (age, short, phrase) => {
    expect([shortAge(NOW - age, NOW), agePhrase(NOW - age, NOW)]).toEqual([short, phrase]);
  });

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [9_960, '9.9 s'],
    [59_999, '59 s'],
    [65_000, '1m 05s'],
    [2 * 60 * MINUTE + 7 * MINUTE, '2h 07m'],
  ])('%d milliseconds take %s', (milliseconds, shown) => {
    expect(duration(milliseconds)).toBe(shown);
  });
});

describe('amounts', () => {
  it.each([
    [0, '$0'],
    [0.0004, '<$0.001'],
    [0.0123, '$0.012'],
    [0.5, '$0.50'],
    [1234.5, '$1,234.50'],
  ])('%d dollars are shown as %s', (amount, shown) => {
    expect(dollars(amount)).toBe(shown);
  });

  it.each([
    [950, '950'],
    [1_000, '1k'],
    [12_360, '12.4k'],
    [999_400, '999k'],
    [999_600, '1M'],
    [3_140_000, '3.1M'],
  ])('%d tokens are shown as %s', (count, shown) => {
    expect(compact(count)).toBe(shown);
  });
});

it.each([
  ['https://github.com/acme/shop.git', 'acme/shop'],
  ['https://user@github.com/acme/shop/', 'acme/shop'],
  ['git@github.com:acme/infra.git', 'acme/infra'],
  ['ssh://git@gitlab.example.com:2222/tools/cli.git', 'gitlab.example.com:2222/tools/cli'],
  ['/home/ada/src/blog', '~/src/blog'],
  ['file:///srv/git/shop.git', '/srv/git/shop'],
  ['', ''],
])('the repository %j is called %s', (url, name) => {
  expect(repositoryName(url)).toBe(name);
});
