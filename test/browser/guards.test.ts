import { describe, expect } from '@jest/globals';
import { browserSuite } from '../support/browser-suite.ts';
import { eventually } from '../support/eventually.ts';

const { it } = browserSuite();

describe('what these tests look out for', () => {
  const cases: [string, string, RegExp][] = [
    ['an error in the console', `console.error('something is wrong')`, /something is wrong/],
    ['an error that nobody caught', `setTimeout(() => { throw new Error('not caught') })`, /not caught/],
    [
      'a script within the page',
      `document.body.append(Object.assign(document.createElement('script'), { text: '1' }))`,
      /script-src/,
    ],
    [
      'a style within the page',
      `document.body.append(Object.assign(document.createElement('style'), { textContent: 'p{}' }))`,
      /style-src/,
    ],
    ['a request to somewhere else', `void fetch('http://elsewhere.example/').catch(() => {})`, /elsewhere\.example/],
    [
      'code that is made while the page runs',
      `document.body.setAttribute('onclick', 'x()'); document.body.click()`,
      /script-src/,
    ],
    ['a dialog', `setTimeout(() => alert('hello'))`, /a dialog opened: hello/],
  ];
  for (const [name, script, seen] of cases) {
    it(`is ${name}`, async ({ open }) => {
      const window = await open('/sessions');
      await window.sees('No sessions yet');
      expect(window.problems).toEqual([]);
      window.tolerate(/./);
      await window.page.evaluate(`{ ${script} }`);
      await eventually('it to be seen', () => window.letPass.some((problem) => seen.test(problem)));
    });
  }
});
