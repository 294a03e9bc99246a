/** How often, and for how long, a check may be run. */
import type { CheckStage } from './event-parts.ts';
import { checkKey, type SessionState } from './state.ts';

/** How often a check whose end was not seen is run on the result. */
const MAX_RUNS = 3;
/** The same where its outcome is only good to know. */
const MAX_SIDE_RUNS = 2;

/** Whether the check may be run: it still runs here, or it was not begun too often. A run that was interrupted does not count. */
export function mayRun(state: SessionState, stage: CheckStage | undefined, tree: string, command: string): boolean {
  const { verifying, sandbox } = state;
  const runs = state.checkRuns.get(checkKey(stage, tree, command)) ?? 0;
  const running = verifying?.stage === stage && verifying?.command === command && verifying.sandboxUid === sandbox?.uid;
  return running || runs < (stage === undefined ? MAX_RUNS : MAX_SIDE_RUNS);
}

/** What is left of a time that several runs share, in whole seconds. */
export function secondsLeft(total: number, runs: readonly { durationMs: number }[]): number {
  return Math.max(0, Math.ceil(total - runs.reduce((sum, one) => sum + one.durationMs, 0) / 1000));
}
