import { describe, expect, it } from '@jest/globals';
import { duplicateFields } from './duplicate-fields.ts';

describe('duplicateFields', () => {
  it.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"inputs":[{"id":"x"},{"id":"y","id":"z"}]}}', ['spec.inputs[1].id']],
    ['{"a":"\\"b\\":1,{[","\\u0061":2}', ['a']],
    ['{"a":"\\\\","a":[[],[{"b":0,"b":0}]]}', ['a', 'a[1][0].b']],
  ])('of %s are %j', (text, expected) => {
    expect(duplicateFields(text)).toEqual(expected);
  });

  it('are found behind megabytes of text', () => {
    const long = 'x\\"'.repeat(500_000);
    expect(duplicateFields(`{"a":"${long}","b":1,"b":2}`)).toEqual(['b']);
  });
});
