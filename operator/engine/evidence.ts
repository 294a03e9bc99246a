/** What the platform's own checks say about a tree. */
import type { Intent } from './intent.ts';
import { evidenceOn, type SessionState } from './state.ts';

/** Whether a check that counts passed, and none failed, on exactly the tree that is the result. */
export function verified(state: SessionState): boolean {
  const { commit } = state;
  if (!commit) return false;
  const recorded = evidenceOn(state, commit.tree);
  return recorded.some((one) => one.counted && one.exitCode === 0) && recorded.every((one) => one.exitCode === 0);
}

/** The checks that decide: the user's when given, else the plan's. */
export function checksOf(state: SessionState, intent: Pick<Intent, 'verify'>): readonly string[] {
  return intent.verify.length > 0 ? intent.verify : (state.plan?.checks ?? []);
}

/** How often a check was begun on a tree. */
export function runsOf(state: SessionState, command: string, tree: string): number {
  return state.checkRuns.get(`${tree} ${command}`) ?? 0;
}
