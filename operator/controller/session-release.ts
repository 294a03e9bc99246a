/**
 * When the sandbox of a session at rest is to be given back, as far as the operator knows: from the log where it has been
 * read here, else from what the status says, so that a restart changes nothing and no log is read for nothing.
 */
import type { AgentSession } from '../api/resources.ts';
import { type ReleaseTimes, releaseAt, restOf } from '../engine/release.ts';
import type { SessionView } from '../engine/session-tasks.ts';
import type { SandboxType } from '../sandbox/transport.ts';
import { isLoaded } from './status.ts';

export type ReleaseSettings = { times: ReleaseTimes; defaultSandboxType: SandboxType };

/** Reasons of SandboxReady with which there is nothing to give back. */
const NONE_HELD: ReadonlySet<string> = new Set(['NotProvisioned', 'Released']);

/** When it is due, in ms since 1970; undefined: not as things are. Told only of a session at rest. */
export function releaseDueAt(
  session: AgentSession,
  view: SessionView | undefined,
  { times, defaultSandboxType }: ReleaseSettings,
): number | undefined {
  if (view && isLoaded(session, view)) return releaseAt(view.state, times);
  const { spec, status: { phase = 'Queued', sandbox, conditions = [], completionTime } = {} } = session;
  const rest = restOf(phase, times);
  if (rest === 0 || (sandbox?.type ?? spec.sandbox?.type ?? defaultSandboxType) === 'local') return undefined;
  const ready = conditions.find(({ type }) => type === 'SandboxReady');
  if (!ready || NONE_HELD.has(ready.reason)) return undefined;
  if (ready.reason === 'Releasing') return 0;
  const progressing = conditions.find(({ type }) => type === 'Progressing');
  const since = completionTime ?? progressing?.lastTransitionTime;
  return since === undefined ? undefined : Date.parse(since) + rest;
}
