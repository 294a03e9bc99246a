/** What the platform itself does to the worktree: undoing a role's changes, and committing an iteration. */

import { exportBundle } from '../../sandbox/git/export.ts';
import { GitError } from '../../sandbox/git/git.ts';
import { commitWorktree, resetWorktree } from '../../sandbox/git/worktree.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { EventBody } from '../events.ts';
import { workCommit } from '../rounds.ts';
import type { ActionContext } from './context.ts';

/** Longest subject line of a commit. */
const SUBJECT_CHARS = 72;

/** Puts the worktree back, so that nothing of a planner's or reviewer's commands stays; repeating it changes nothing. */
export async function reset(action: { commit: string; events: EventBody[] }, context: ActionContext): Promise<void> {
  await resetWorktree(await context.sandbox(), action.commit, context.signal);
  context.emit(...action.events);
}

/** Makes one commit of the iteration. Its date comes from the log, so that doing it again makes the same commit. */
export async function commit(context: ActionContext): Promise<void> {
  const sandbox = await context.sandbox();
  try {
    await commitIn(sandbox, context);
  } catch (error) {
    // A passing fault is tried again; anything else (too large, unreadable) is for the programmer to mend.
    if (!(error instanceof GitError) || error.transient || error.reason === 'StorageFull') throw error;
    context.emit({
      type: 'review.submitted',
      iteration: context.state.iteration,
      tree: '',
      by: 'checks',
      verdict: 'request_changes',
      findings: [{ file: '', problem: error.message }],
      summary: 'The work could not be committed.',
    });
  }
}

async function commitIn(sandbox: Sandbox, context: ActionContext): Promise<void> {
  const { deps, signal, state, owner } = context;
  const parent = workCommit(state);
  const made = await commitWorktree(
    sandbox,
    {
      op: `commit-${state.iteration}`,
      message: messageOf(context),
      parent,
      base: state.base?.commit ?? parent,
      date: Math.floor(Date.parse(state.lastTime) / 1000),
      identity: deps.identity,
      ref: `refs/swe-agent/iteration-${state.iteration}`,
    },
    signal,
  );
  const base = state.base?.commit ?? '';
  // The commit counts only once it is safe outside of the sandbox: a new sandbox is made from it.
  const bundle =
    made.commit === base
      ? undefined
      : await deps.blobs.put(owner.uid, await exportBundle(sandbox, { base, commit: made.commit }, signal));
  context.emit({
    type: 'worktree.committed',
    iteration: state.iteration,
    commit: made.commit,
    tree: made.tree,
    ...made.stat,
    ...(made.notes.length > 0 ? { notes: made.notes } : {}),
  });
  if (bundle) context.emit({ type: 'checkpoint.saved', commit: made.commit, bundle });
  for (const text of made.notes) context.emit({ type: 'log.line', level: 'warning', text });
}

function messageOf({ state }: ActionContext): string {
  const title = state.plan?.title.trim() || state.goal.split('\n')[0]?.trim() || 'Change the code';
  const subject = title.length <= SUBJECT_CHARS ? title : `${title.slice(0, SUBJECT_CHARS - 1).trimEnd()}…`;
  const body = state.programmerSummary?.trim();
  return body ? `${subject}\n\n${body}` : subject;
}
