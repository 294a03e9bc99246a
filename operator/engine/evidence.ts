/** What the platform's own checks say about a tree. */
import { cut } from '../api/conditions.ts';
import type { Intent } from './intent.ts';
import { type Evidence, evidenceOn, type SessionState } from './state.ts';

/** Characters of a command in a sentence. */
const SHOWN_CHARS = 160;

/** Whether a check that counts passed, and none failed, on exactly the tree that is the result. */
export function verified(state: SessionState): boolean {
  const { commit } = state;
  if (!commit) return false;
  const recorded = evidenceOn(state, commit.tree);
  return recorded.some((one) => one.counted && one.exitCode === 0) && recorded.every((one) => one.exitCode === 0);
}

/** Why a result that was approved is not verified. A check that failed is named here only when the user asks for others now. */
export function whyUnverified(state: SessionState): string {
  const failed = state.commit && evidenceOn(state, state.commit.tree).find((one) => one.exitCode !== 0);
  if (!failed) return 'No check that counts was run on the final tree: unverified.';
  return `\`${cut(failed.command, SHOWN_CHARS)}\`, which is no longer asked for, ${outcomeOf(failed)} on the final tree: unverified.`;
}

/** The checks that decide: the user's when given, else the plan's. */
export function checksOf(state: Pick<SessionState, 'plan'>, intent: Pick<Intent, 'verify'>): readonly string[] {
  return intent.verify.length > 0 ? intent.verify : (state.plan?.checks ?? []);
}

/** How a check ended, in words that follow its name. */
export function outcomeOf({ exitCode }: Pick<Evidence, 'exitCode'>): string {
  return exitCode === -1 ? 'did not come to an end that was seen' : `failed with exit code ${exitCode}`;
}

/**
 * What the evidence says beyond passed or failed, for whoever reads the result: sentences, none when nothing is known of
 * the state before the work.
 */
export function evidenceInWords(state: SessionState): string {
  const { commit, compared } = state;
  if (!commit) return '';
  const changes = evidenceOn(state, commit.tree).map((one) => one.change);
  const parts = [
    counted(
      changes.filter((one) => one === 'fixed').length,
      'failed before the work and passes now',
      'failed before the work and pass now',
    ),
    counted(
      changes.filter((one) => one === 'kept').length,
      'passed before the work and passes now',
      'passed before the work and pass now',
    ),
  ];
  if (compared?.commit === commit.commit && compared.message !== '') parts.push(compared.message);
  return parts.filter((part) => part !== '').join(' ');
}

function counted(count: number, one: string, many: string): string {
  if (count === 0) return '';
  return count === 1 ? `1 check ${one}.` : `${count} checks ${many}.`;
}
