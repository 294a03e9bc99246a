import { expect, it } from '@jest/globals';
import { landing } from './landing.ts';

it.each([
  ['/sessions/1?tab=plan#e7', '/sessions/1?tab=plan#e7'],
  [null, '/'],
  ['', '/'],
  ['https://evil.example', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/\t/evil.example', '/'],
  ['/\n\\evil.example', '/'],
  ['/.//evil.example', '/'],
  ['/x/..//evil.example', '/'],
  ['/sessions/../login', '/'],
  ['javascript:alert(1)', '/'],
  ['/login?next=/login', '/'],
])('after the login %j leads to %s', (next, to) => {
  expect(landing(next)).toBe(to);
});
