import { describe, expect, it } from '@jest/globals';
import type { Conversation, Turn } from '../engine/state.ts';
import { TextStore } from '../engine/text.ts';
import { contextStep } from './context.ts';
import { renderConversation } from './render.ts';

const WINDOW = 20_000;
const RESERVE = 2_000;

function result(id: number, chars: number): Turn[] {
  return [
    { kind: 'assistant', text: '', calls: [{ id: `c${id}`, name: 'bash', arguments: '{"command":"x"}' }], state: undefined },
    { kind: 'result', callId: `c${id}`, name: 'bash', text: 'word '.repeat(chars / 5), outcome: 'ok', pruned: false },
  ];
}

function conversation(turns: Turn[], changes: Partial<Conversation> = {}): Conversation {
  return {
    id: 'programmer-1',
    role: 'programmer',
    profile: 'main',
    model: 'm',
    system: 'system',
    opening: 'opening',
    turns,
    keepFrom: 0,
    summary: undefined,
    requested: undefined,
    openCalls: [],
    started: undefined,
    failures: undefined,
    lastInput: undefined,
    repeats: { fingerprint: '', count: 0, nudges: 0, diagnoses: 0 },
    guides: { unseen: [], due: [] },
    silent: 0,
    ended: undefined,
    ...changes,
  };
}

const store = new TextStore(
  {
    put: () => Promise.reject(new Error('unused')),
    get: () => Promise.reject(new Error('unused')),
    delete: () => Promise.resolve(),
    sessions: () => Promise.resolve([]),
  },
  'uid',
);

describe('keeping a conversation within the window', () => {
  it('sends a short conversation as it is', () => {
    const turns = Array.from({ length: 5 }, (_, index) => result(index, 500)).flat();
    expect(contextStep(conversation(turns), 1_000, WINDOW, RESERVE, false)).toEqual({ do: 'send' });
  });

  it('first prunes results of long ago, and never the latest', () => {
    const turns = Array.from({ length: 16 }, (_, index) => result(index, 3_000)).flat();
    const step = contextStep(conversation(turns), 1_000, WINDOW, RESERVE, false);
    expect(step).toMatchObject({ do: 'prune', callIds: expect.arrayContaining(['c0', 'c1']) });
    expect(step.do === 'prune' && step.callIds).not.toContain('c15');
  });

  it('summarises when pruning is not enough, from an answer on', () => {
    const turns = Array.from({ length: 60 }, (_, index) => result(index, 1_000))
      .flat()
      .map((turn) => (turn.kind === 'result' ? { ...turn, pruned: false, text: 'x '.repeat(500) } : turn));
    const step = contextStep(conversation(turns), 1_000, WINDOW, RESERVE, true);
    expect(step.do).not.toBe('send');
    const pruned = turns.map((turn) => (turn.kind === 'result' ? { ...turn, pruned: true } : turn));
    const after = contextStep(conversation(pruned), 1_000, WINDOW, RESERVE, true);
    expect(after.do).toBe('summarise');
    if (after.do === 'summarise') expect(pruned[after.keepFrom]?.kind ?? 'assistant').toBe('assistant');
  });

  it('believes the provider that the window is smaller than was said', () => {
    const turns = Array.from({ length: 6 }, (_, index) => result(index, 4_000)).flat();
    const step = contextStep(conversation(turns), 500, 200_000, RESERVE, true);
    // A quarter of what was refused: one answer with its result.
    expect(step).toEqual({ do: 'summarise', keepFrom: turns.length - 2 });
  });

  it("keeps the user's own messages word for word when it summarises", async () => {
    const turns: Turn[] = [
      ...result(1, 100),
      { kind: 'note', reason: 'steering', text: 'Use tabs, never spaces.' },
      ...result(2, 100),
    ];
    const summarised = conversation(turns, { keepFrom: 3, summary: 'Half of it is done.' });
    const { messages } = await renderConversation(summarised, store);
    expect(messages.map((message) => message.role)).toEqual(['user', 'user', 'assistant', 'tool']);
    expect(messages[1]?.text).toContain('Use tabs, never spaces.');
    expect(messages[1]?.text).toContain('Half of it is done.');
  });

  it('keeps the instructions of folders word for word when it summarises, and counts them', async () => {
    const text = `Names are short. ${'rule '.repeat(4_000)}`;
    const turns: Turn[] = [...result(1, 100), { kind: 'note', reason: 'instructions', text }, ...result(2, 100)];
    const summarised = conversation(turns, { keepFrom: 3, summary: 'Half of it is done.' });
    const { messages } = await renderConversation(summarised, store);
    expect(messages[1]?.text).toContain(text);
    expect(contextStep(summarised, 1_000, 6_000, RESERVE, false).do).toBe('summarise');
    expect(
      contextStep(
        { ...summarised, turns: [...result(1, 100), ...result(3, 100).slice(1), ...result(2, 100)] },
        1_000,
        6_000,
        RESERVE,
        false,
      ).do,
    ).toBe('send');
  });

  it('says what is left out of a pruned result', async () => {
    const turns = result(1, 2_000).map((turn) => (turn.kind === 'result' ? { ...turn, pruned: true } : turn));
    const { messages } = await renderConversation(conversation(turns), store);
    expect(messages[2]?.text).toContain('left out to save space');
    expect(messages[2]?.text.length).toBeLessThan(500);
  });
});
