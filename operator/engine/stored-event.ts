/** What is stored of an event is its JSON. Here it is read back, whatever store it comes from. */
import type { SessionEvent } from './events.ts';
import { LogDamagedError } from './log.ts';

/** The event that is stored under a sequence. @throws LogDamagedError when it is no event, or another one */
export function parseStoredEvent(uid: string, seq: number, json: string): SessionEvent {
  const event = decode(json);
  if (!isEvent(event) || event.seq !== seq) throw new LogDamagedError(`session ${uid}: event ${seq} in the log is unreadable`);
  return event;
}

function decode(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Checks the envelope. The body was typed when it was appended, and its format says whether a reader may use it. */
function isEvent(value: unknown): value is SessionEvent {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'seq' in value &&
    typeof value.seq === 'number' &&
    'epoch' in value &&
    typeof value.epoch === 'number' &&
    'format' in value &&
    typeof value.format === 'number' &&
    'time' in value &&
    typeof value.time === 'string' &&
    'type' in value &&
    typeof value.type === 'string'
  );
}
