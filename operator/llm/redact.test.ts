import { expect, it } from '@jest/globals';
import { redact } from './redact.ts';

it.each([
  ['Incorrect API key provided: sk-proj-abc***wxyz. You can find', 'Incorrect API key provided: [key]. You can find'],
  ['Incorrect API key provided: wrongkey***1234.', 'Incorrect API key provided: [key].'],
  ['header Authorization: Bearer abcdef0123456789', 'header Authorization: [key]'],
  ['use AIzaSyA0123456789abcdef now', 'use [key] now'],
  ['the token my-own-secret is bad', 'the token [key] is bad'],
  ['a risk-averse task with sk- nothing', 'a risk-averse task with sk- nothing'],
])('%s', (text, shown) => {
  expect(redact(text, ['my-own-secret'])).toBe(shown);
});
