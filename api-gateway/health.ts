/** Whether the gateway can do its work: it needs the Kubernetes API and the event log. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RESOURCES } from '../operator/api/resources.ts';
import type { EventLog } from '../operator/engine/log.ts';
import type { Sessions } from './sessions.ts';

const DEADLINE_MS = 2_000;

export type Readiness = { ready: boolean; checks: { kubernetes: string; log: string } };

export async function readiness(sessions: Sessions, log: EventLog): Promise<Readiness> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const [kubernetes, events] = await Promise.all([
    outcome(sessions.kube.list(RESOURCES.sessions, { namespace: sessions.namespace, limit: 1 }, signal)),
    outcome(log.head('readiness')),
  ]);
  return { ready: kubernetes === 'ok' && events === 'ok', checks: { kubernetes, log: events } };
}

async function outcome(check: Promise<unknown>): Promise<string> {
  const done = new AbortController();
  const late = sleep(DEADLINE_MS, 'no answer', { signal: done.signal }).catch(() => 'no answer');
  try {
    return await Promise.race([
      check.then(
        () => 'ok',
        () => 'unreachable',
      ),
      late,
    ]);
  } finally {
    done.abort();
  }
}
