/** The part of the fold about the platform's own checks: on the result, before the work, and of the tests without the change. */
import type { EventOf } from './events.ts';
import { checkKey, type Evidence, type SessionState } from './state.ts';

type CheckEvent = EventOf<'verification.started' | 'verification.recorded' | 'tests.isolated' | 'tests.compared'>;

/** What changes in the state. */
export function foldCheck(state: SessionState, event: CheckEvent): Partial<SessionState> {
  switch (event.type) {
    case 'verification.started': {
      const { tree, command, op, sandboxUid, stage, aside } = event;
      return {
        checkRuns: counted(state, event, 1),
        verifications: state.verifications + 1,
        verifying: { tree, command, op, sandboxUid, stage, ...(aside === undefined ? {} : { aside }) },
        displaced: state.displaced || stage !== undefined,
      };
    }
    case 'verification.recorded':
      return recorded(state, event);
    case 'tests.isolated': {
      const { commit, tree, files, note } = event;
      return { tests: { commit, tree, files, note } };
    }
    case 'tests.compared':
      return { compared: { commit: event.commit, fail: event.fail, message: event.message } };
  }
}

function recorded(state: SessionState, event: EventOf<'verification.recorded'>): Partial<SessionState> {
  // Nothing was learned, and it is run again.
  if (event.interrupted) return { verifying: undefined, checkRuns: counted(state, event, -1) };
  const { command, tree, op, exitCode, durationMs, output, counted: counts, note, change, stage, aside } = event;
  const one: Evidence = {
    command,
    tree,
    op,
    exitCode,
    durationMs,
    output,
    counted: counts,
    note,
    change,
    ...(aside === undefined ? {} : { aside }),
  };
  const added = (all: readonly Evidence[]) => [...all.filter((old) => old.command !== command || old.tree !== tree), one];
  if (stage === 'before') return { verifying: undefined, baseline: added(state.baseline) };
  if (stage === 'without-change') return { verifying: undefined, withoutChange: added(state.withoutChange) };
  return { verifying: undefined, evidence: added(state.evidence) };
}

function counted(
  state: SessionState,
  { stage, tree, command }: EventOf<'verification.started' | 'verification.recorded'>,
  by: 1 | -1,
): SessionState['checkRuns'] {
  const key = checkKey(stage, tree, command);
  return new Map([...state.checkRuns, [key, (state.checkRuns.get(key) ?? 0) + by]]);
}
