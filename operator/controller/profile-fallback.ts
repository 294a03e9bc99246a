/** Tells people that a session goes on with another profile than the one it was using. Pure. */
import type { SessionEvent } from '../engine/events.ts';
import type { SessionState } from '../engine/state.ts';
import type { EventNote } from '../kube/events.ts';

/** Kubernetes Events about changes of profile among new events of a session. @param before the state that they lead from */
export function fallbackNotes(events: readonly SessionEvent[], before: SessionState): EventNote[] {
  const notes: EventNote[] = [];
  let { id, profile } = before.conversation ?? { id: '', profile: '' };
  let why = before.conversation?.failures?.message ?? '';
  for (const event of events) {
    if (event.type === 'conversation.started') ({ conversation: id, profile } = event);
    if (event.type === 'model.failed') why = event.message;
    if (event.type !== 'model.requested') continue;
    // None where no profile was in use yet, or after a resume, which begins with the first one again.
    if (event.conversation === id && profile !== '' && profile !== event.profile) {
      const note = `AIProfile ${event.profile} (${event.model}) takes the place of ${profile}: ${why || 'it cannot be used'}`;
      notes.push({ type: 'Warning', reason: 'FallbackUsed', action: 'CallModel', note });
    }
    ({ conversation: id, profile } = event);
  }
  return notes;
}
