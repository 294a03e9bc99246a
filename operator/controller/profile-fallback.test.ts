import { describe, expect, it } from '@jest/globals';
import { SessionScript } from '../../test/support/session-script.ts';
import type { EventBody } from '../engine/events.ts';
import { fallbackNotes } from './profile-fallback.ts';

const stamp = (bodies: EventBody[]) =>
  bodies.map((body, index) => ({ ...body, seq: 100 + index, epoch: 1, time: '2030-01-01T00:00:00Z', format: 1 }));

/** A session whose planner is about to ask its model, and what is told of these events. */
function told(...bodies: EventBody[]): string[] {
  const session = new SessionScript().until('Planning');
  session.next();
  session.go();
  return fallbackNotes(stamp(bodies), session.state).map(({ type, reason, note }) => `${type} ${reason}: ${note}`);
}
const conversation = 'planner-1';
const requested = (profile: string, model = 'm'): EventBody & { type: 'model.requested' } => ({
  type: 'model.requested',
  conversation,
  call: 1,
  profile,
  model,
  purpose: 'step',
});
const failed: EventBody = { type: 'model.failed', conversation, call: 1, class: 'quota', message: 'no credit' };

describe('what is told of fallbacks', () => {
  it('is who takes whose place and why, once for each change', () => {
    expect(told(requested('main'), failed, requested('spare', 'other'), failed, requested('spare', 'other'))).toEqual([
      'Warning FallbackUsed: AIProfile spare (other) takes the place of main: no credit',
    ]);
    expect(told(requested('main'), failed, requested('spare'), failed, requested('third'))).toHaveLength(2);
  });

  it('is nothing while the same profile is asked again, or another role begins with its own', () => {
    expect(told(requested('main'), failed, requested('main'))).toEqual([]);
    const next: EventBody = {
      type: 'conversation.started',
      conversation: 'programmer-2',
      role: 'programmer',
      profile: 'other',
      model: 'm',
      promptVersion: '1',
      system: '',
      opening: '',
    };
    expect(told(requested('main'), next, { ...requested('other'), conversation: 'programmer-2' })).toEqual([]);
  });
});
