/** What becomes of a message that is sent at this moment, and which choices there are. The server decides; this foretells it. */

export type When = 'queued' | 'next-step' | 'now';

export type Foretold = {
  /** A sentence for people. */
  says: string;
  /** The ways in which it can be sent; the first is the usual one. */
  choices: readonly When[];
  /** No message is taken any more. */
  refused: boolean;
};

export const WHEN_LABELS: Readonly<Record<When, string>> = {
  queued: 'After this iteration',
  'next-step': 'At the next step',
  now: 'Interrupt now',
};

const ANY: readonly When[] = ['queued'];

/**
 * @param phase of the session at this moment
 * @param question whether a question is open
 * @param answers whether the message answers it
 * @param when the way chosen
 */
export function foretell(phase: string, given: { question: boolean; answers: boolean; when: When }): Foretold {
  const one = (says: string): Foretold => ({ says, choices: ANY, refused: false });
  if (given.question && given.answers) return one('It answers the question; the session goes on at once.');
  switch (phase) {
    case 'Queued':
    case 'Provisioning':
      return one('It joins the goal before planning starts.');
    case 'Planning':
      return one('The planner reads it at its next step.');
    case 'WaitingForUser':
      return one(
        given.question
          ? 'The goal is updated and planning starts at once; the open question is withdrawn.'
          : 'The goal is updated and planning starts at once.',
      );
    case 'Programming':
    case 'Reviewing': {
      const says = {
        queued: 'It is queued: when this iteration ends, the goal is updated and planning starts again.',
        'next-step': 'It is read at the next step, without a new plan.',
        now: 'It interrupts what is running and is read at once.',
      } as const;
      return { says: says[given.when], choices: ['queued', 'next-step', 'now'], refused: false };
    }
    case 'Publishing':
      return one('When the result is published, the goal is updated and planning starts again.');
    case 'Completed':
    case 'Failed':
      return one('The session is taken up again: the goal is updated and planning starts at once.');
    case 'Paused':
      return one('It is kept and applied when the session is resumed.');
    case 'Cancelled':
      return { says: 'The session is cancelled and takes no more messages.', choices: ANY, refused: true };
    default:
      return one('The session reads it when it can.');
  }
}
