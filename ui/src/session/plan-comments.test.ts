import { describe, expect, it } from '@jest/globals';
import { countComments, readComments, sentBack } from './plan-comments.ts';

const step = (id: string, title: string) => ({ id, title, status: 'pending' as const });
const plan = { steps: [step('a', 'Say hello'), step('b', 'Say\u202e goodbye'), step('constructor', 'Test it')] };

describe('comments on a plan', () => {
  it('are one message that says what each is on', () => {
    const comments = { b: 'Leave it.', constructor: ' With one test. ', '': 'Shorter, please.', gone: 'On no step any more.' };
    expect(countComments(plan, comments)).toBe(3);
    expect(sentBack(plan, comments)).toEqual({
      message: [
        'On step 2 «Say⟨U+202E⟩ goodbye» (b):\nLeave it.',
        'On step 3 «Test it» (constructor):\nWith one test.',
        'On the plan as a whole:\nShorter, please.',
      ].join('\n\n'),
    });
  });

  it('name the step as messages do when there is one only', () => {
    expect(sentBack(plan, { b: 'Leave it.\n' })).toEqual({ message: 'Leave it.', plan_step: 'b' });
    expect(sentBack(plan, { '': 'Shorter.' })).toEqual({ message: 'Shorter.' });
  });

  it('are none where only blanks are written', () => {
    expect(sentBack(plan, { a: ' \n' })).toBeUndefined();
    expect(countComments(plan, {})).toBe(0);
  });

  it('are read as they were kept, and not when something else was', () => {
    expect(readComments(JSON.stringify({ a: 'x', b: 1 }))).toEqual({ a: 'x' });
    for (const kept of ['', '{', '1', 'null']) expect(readComments(kept)).toEqual({});
  });
});
