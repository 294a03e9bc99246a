/** Event logs that misbehave on purpose: one ends its process at a chosen write, others lack a rule that the engine relies on. */
import type { NewEvent } from '../../operator/engine/events.ts';
import type { EventLog } from '../../operator/engine/log.ts';

export type CrashPoint = { write: number; when: 'before' | 'after' };

/** Kills this process with SIGKILL right before or right after the n-th write is on disk. */
export function crashingAt(log: EventLog, point: CrashPoint | undefined): EventLog {
  if (!point) return log;
  let writes = 0;
  return wrap(log, async (uid, epoch, expectedSeq, events) => {
    const now = ++writes === point.write;
    if (now && point.when === 'before') process.kill(process.pid, 'SIGKILL');
    const stored = await log.append(uid, epoch, expectedSeq, events);
    if (now) process.kill(process.pid, 'SIGKILL');
    return stored;
  });
}

/** Says that an intent is on disk when it is not: it is written together with the result. */
export function withoutIntents(log: EventLog): EventLog {
  let held: NewEvent[] = [];
  return wrap(log, async (uid, epoch, expectedSeq, events) => {
    const batch = [...held, ...events];
    const from = expectedSeq - held.length;
    const last = batch.at(-1)?.type;
    if (last === 'tool.started' || last === 'verification.started' || last === 'publish.started') {
      held = batch;
      return [];
    }
    held = [];
    return log.append(uid, epoch, from, batch);
  });
}

/** Takes every write, whoever owns the session by now. */
export function withoutEpochCheck(log: EventLog): EventLog {
  const unchecked = wrap(log, async (uid, _epoch, _expectedSeq, events) => {
    const claim = await log.claim(uid, `test-${process.pid}`);
    return log.append(uid, claim.epoch, claim.lastSeq, events);
  });
  return { ...unchecked, renew: async () => undefined };
}

function wrap(log: EventLog, append: EventLog['append']): EventLog {
  return {
    append,
    claim: (...args) => log.claim(...args),
    renew: (claim) => log.renew(claim),
    release: (claim) => log.release(claim),
    untilFree: (...args) => log.untilFree(...args),
    read: (...args) => log.read(...args),
    head: (uid) => log.head(uid),
    subscribe: (...args) => log.subscribe(...args),
    delete: (uid) => log.delete(uid),
    sessions: () => log.sessions(),
    close: () => log.close(),
  };
}
