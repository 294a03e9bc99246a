import { describe, expect, it } from '@jest/globals';
import { foretell, type When } from './what-happens.ts';

const given = (more: { question?: boolean; answers?: boolean; when?: When } = {}) => ({
  question: false,
  answers: false,
  when: 'queued' as const,
  ...more,
});

describe('a message that is sent', () => {
  it.each([
    ['Queued', given(), 'joins the goal'],
    ['Provisioning', given(), 'joins the goal'],
    ['Planning', given(), 'planner reads it'],
    ['WaitingForUser', given(), 'planning starts at once'],
    ['WaitingForUser', given({ question: true }), 'question is withdrawn'],
    ['WaitingForUser', given({ question: true, answers: true }), 'answers the question'],
    ['Paused', given({ question: true, answers: true }), 'answers the question'],
    ['Programming', given(), 'when this iteration ends'],
    ['Reviewing', given({ when: 'next-step' }), 'at the next step'],
    ['Programming', given({ when: 'now' }), 'interrupts'],
    ['Publishing', given(), 'When the result is published'],
    ['Completed', given(), 'taken up again'],
    ['Failed', given(), 'taken up again'],
    ['Paused', given(), 'when the session is resumed'],
    ['Cancelled', given(), 'no more messages'],
    ['Dreaming', given(), 'when it can'],
  ])('while it is %s with %j: %s', (phase, moment, says) => {
    expect(foretell(phase, moment).says).toContain(says);
  });

  it('can interrupt only what runs, and is refused only when the session is cancelled', () => {
    expect(foretell('Programming', given()).choices).toEqual(['queued', 'next-step', 'now']);
    expect(foretell('Completed', given()).choices).toEqual(['queued']);
    expect(foretell('Cancelled', given()).refused).toBe(true);
    expect(foretell('Paused', given()).refused).toBe(false);
  });
});
