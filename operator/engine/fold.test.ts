import { describe, expect, it } from '@jest/globals';
import { SessionScript } from '../../test/support/session-script.ts';
import { type EventBody, FORMAT, type SessionEvent } from './events.ts';
import { apply, fold } from './fold.ts';
import { ImpossibleLogError } from './impossible-log.ts';
import { INITIAL_STATE, type SessionState } from './state.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

/** Events as they would be stored, a second apart. */
function stored(bodies: readonly EventBody[], { epoch = 1, after = 0 } = {}): SessionEvent[] {
  return bodies.map((body, index) => {
    const seq = after + index + 1;
    return { ...body, seq, epoch, time: new Date(START + seq * 1000).toISOString(), format: FORMAT };
  });
}

/** A script that remembers what happened. */
class RecordingScript extends SessionScript {
  readonly bodies: EventBody[] = [];
  override happen(...bodies: EventBody[]): this {
    this.bodies.push(...bodies);
    return super.happen(...bodies);
  }
}

function begun(...bodies: EventBody[]): SessionState {
  return fold(stored([{ type: 'session.started', goal: 'g', mode: 'auto', repository: { url: '/r' } }, ...bodies]));
}

function next(state: SessionState, body: EventBody): SessionState {
  const [event] = stored([body], { after: state.lastSeq });
  if (!event) throw new Error('no event');
  return apply(state, event);
}

const entered = (phase: 'Provisioning' | 'Planning' | 'WaitingForUser'): EventBody => ({
  type: 'phase.entered',
  phase,
  reason: 'R',
  message: '',
});
const conversation: EventBody = {
  type: 'conversation.started',
  conversation: 'c1',
  role: 'programmer',
  profile: 'main',
  model: 'm',
  promptVersion: '1',
  system: 's',
  opening: 'o',
};
const answered = (...ids: string[]): EventBody => ({
  type: 'model.answered',
  conversation: 'c1',
  call: 1,
  text: '',
  calls: ids.map((id) => ({ id, name: 'bash', arguments: '{}' })),
  purpose: 'step',
  stop: 'calls',
  model: 'm',
  usage: { inputTokens: 10, cachedInputTokens: 1, outputTokens: 2, reasoningTokens: 0 },
  costUSD: 0.5,
  durationMs: 1,
});
const finished = (callId: string, result = 'ok'): EventBody => ({
  type: 'tool.finished',
  conversation: 'c1',
  callId,
  name: 'bash',
  outcome: 'ok',
  result,
  durationMs: 1,
});

describe('the fold', () => {
  it('gives the same state for a log however it is cut', () => {
    const script = new RecordingScript().until('Completed').says('More');
    script.until('Completed');
    const events = stored(script.bodies);
    const whole = fold(events);
    expect(whole.finished?.outcome).toBe('Completed');
    for (let cut = 0; cut <= events.length; cut++) {
      expect(fold(events.slice(cut), fold(events.slice(0, cut)))).toEqual(whole);
    }
  });

  it('changes no earlier state', () => {
    const script = new RecordingScript().until('Reviewing');
    const events = stored(script.bodies);
    let state = INITIAL_STATE;
    for (const event of events) {
      const before = JSON.stringify(state, plain);
      const after = apply(state, event);
      expect(JSON.stringify(state, plain)).toBe(before);
      state = after;
    }
  });

  it('counts working time within one claim, and neither waiting nor the time between two claims', () => {
    let state = begun(entered('Provisioning'), entered('Planning'));
    expect(state.workedMs).toBe(1_000);
    state = next(state, entered('WaitingForUser'));
    expect(state.workedMs).toBe(2_000);
    state = next(state, entered('Planning'));
    expect(state.workedMs).toBe(2_000);
    const [later] = stored([{ type: 'log.line', level: 'info', text: '' }], { epoch: 2, after: state.lastSeq });
    if (!later) throw new Error('no event');
    state = apply(state, { ...later, time: '2026-01-02T00:00:00.000Z' });
    expect(state.workedMs).toBe(2_000);
  });

  it('counts every call to the model as a step, whatever it was for', () => {
    let state = begun(conversation, answered('a'));
    for (const purpose of ['summary', 'diagnosis'] as const) {
      const side = answered();
      if (side.type === 'model.answered') state = next(state, { ...side, purpose });
    }
    expect(state.steps).toBe(3);
    expect(state.usage).toMatchObject({ inputTokens: 30, outputTokens: 6, costUSD: 1.5 });
    expect(state.conversation?.turns).toHaveLength(1);
  });

  it('keeps the calls of an answer open in their order, also when their ids are the same', () => {
    let state = begun(conversation, answered('x', 'x', 'y'));
    expect(() => next(state, finished('y'))).toThrow(ImpossibleLogError);
    state = next(next(state, finished('x')), finished('x'));
    expect(state.conversation?.openCalls.map((call) => call.id)).toEqual(['y']);
  });

  it('counts results that differ only in how long it took as the same', () => {
    let state = begun(conversation);
    for (const time of ['0.35s', '0.41s', '1.20s'])
      state = next(next(state, answered('a')), finished('a', `1 failed in ${time}`));
    expect(state.conversation?.repeats.count).toBe(3);
  });

  it('forgets that a session was finished once it works again', () => {
    const over: EventBody = { type: 'session.finished', outcome: 'Completed', reason: 'Verified', message: '' };
    const state = begun(entered('Planning'), over);
    expect(state.finished).toBeDefined();
    expect(next(state, entered('Planning')).finished).toBeUndefined();
  });
});

describe('a log that cannot be', () => {
  const cases: [string, SessionState, EventBody, string][] = [
    [
      'a session that begins twice',
      begun(),
      { type: 'session.started', goal: 'g', mode: 'auto', repository: { url: '/r' } },
      'started already',
    ],
    ['a resume without a pause', begun(), { type: 'session.resumed', resumeCounter: 1 }, 'was not paused'],
    ['progress on no plan', begun(), { type: 'plan.updated', steps: [] }, 'there is no plan'],
    ['an answer in another conversation', begun(), answered('a'), 'is not the current one (none)'],
    ['the end of a call that is not open', begun(conversation), finished('a'), 'is not the next open one'],
    [
      'the begin of a call that is not open',
      begun(conversation, answered('a')),
      { type: 'tool.started', conversation: 'c1', callId: 'b', name: 'bash', summary: '' },
      'is not the next open one',
    ],
    [
      'a summary of what was not said',
      begun(conversation),
      { type: 'context.summarised', conversation: 'c1', keepFrom: 9, summary: '' },
      'is beyond the conversation',
    ],
  ];

  it.each(cases)('is reported: %s', (_what, state, body, why) => {
    expect(() => next(state, body)).toThrow(why);
    expect(() => next(state, body)).toThrow(`event ${state.lastSeq + 1} (${body.type})`);
  });

  it('is reported when an event is missing, doubled, of an earlier owner or of a newer format', () => {
    const state = begun();
    const [event] = stored([{ type: 'log.line', level: 'info', text: '' }], { after: state.lastSeq });
    if (!event) throw new Error('no event');
    expect(() => apply(state, { ...event, seq: event.seq + 1 })).toThrow('expected sequence 2');
    expect(() => apply(state, { ...event, seq: event.seq - 1 })).toThrow('expected sequence 2');
    expect(() => apply(state, { ...event, epoch: 0 })).toThrow('its epoch 0 is before 1');
    expect(() => apply(state, { ...event, format: FORMAT + 1 })).toThrow(`this operator knows up to ${FORMAT}`);
    expect(apply(state, event).lastSeq).toBe(2);
  });
});

/** Sets and maps as lists, for JSON. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Set || value instanceof Map ? [...value] : value;
}
