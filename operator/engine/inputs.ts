/** The user's messages: which are still to be dealt with, and what became of the others. */
import type { EventBody } from './events.ts';
import type { InputState, SessionState } from './state.ts';

/** Messages that nothing was made of yet, oldest first. */
export function pending(state: SessionState): InputState[] {
  return state.inputs.filter((input) => input.applied === undefined);
}

/** Whether the model hears of it at its next tool boundary. */
export function steers(input: InputState): boolean {
  return input.when !== 'queued';
}

/** Says what became of the messages. */
export function applied(inputs: InputState[], as: 'goal' | 'answer' | 'steering'): EventBody {
  return { type: 'input.applied', ids: inputs.map((input) => input.id), as };
}
