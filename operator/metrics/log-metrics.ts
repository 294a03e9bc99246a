/** The event log, with what its writes take measured. */
import { Histogram, type Registry } from 'prom-client';
import { type EventLog, FencedError, LogUnavailableError, SequenceError } from '../engine/log.ts';

/** The same log; appends through the result are measured. */
export function measuredLog(log: EventLog, registry: Registry): EventLog {
  const durations = new Histogram({
    name: 'swe_agent_event_log_append_duration_seconds',
    help: 'How long appends to the event log took until they were on disk, by outcome: ok, fenced, unavailable or error.',
    labelNames: ['outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5],
    registers: [registry],
  });
  return {
    async append(...args) {
      const begin = performance.now();
      let outcome = 'ok';
      try {
        return await log.append(...args);
      } catch (error) {
        outcome = outcomeOf(error);
        throw error;
      } finally {
        durations.observe({ outcome }, (performance.now() - begin) / 1000);
      }
    },
    claim: (...args) => log.claim(...args),
    untilFree: (...args) => log.untilFree(...args),
    renew: (claim) => log.renew(claim),
    release: (claim) => log.release(claim),
    read: (...args) => log.read(...args),
    head: (uid) => log.head(uid),
    subscribe: (...args) => log.subscribe(...args),
    delete: (uid) => log.delete(uid),
    sessions: () => log.sessions(),
    close: () => log.close(),
  };
}

function outcomeOf(error: unknown): string {
  if (error instanceof FencedError || error instanceof SequenceError) return 'fenced';
  return error instanceof LogUnavailableError ? 'unavailable' : 'error';
}
