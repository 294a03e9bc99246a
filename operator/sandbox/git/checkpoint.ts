/** The worktree as it is in the middle of the work leaves the sandbox, and a new sandbox is put to it. */
import { posix } from 'node:path';
import type { Sandbox } from '../sandbox.ts';
import type { GitIdentity } from './git.ts';
import { BUNDLE, notesOf, parseFields, runScript } from './sandbox-git.ts';
import { worktreeTree } from './worktree.ts';
import { CHECKPOINT, RESTORE, STORE } from './worktree-script.ts';

export type CheckpointRequest = {
  /** The commit of the checkpoint before, or what the work began from: where the tree is the same, nothing is saved. */
  last: string;
  /** The one parent of the checkpoint's commit. */
  parent: string;
  /** What a new sandbox will have before it gets the bundle: the parent, or an older commit when a new chain begins. */
  exclude: string;
  /** Author and committer date in seconds since 1970. */
  date: number;
  identity: GitIdentity;
  maxBytes: number;
};

export type Checkpoint =
  /** The worktree is as it was. */
  | { state: 'same'; tree: string }
  /** The bundle holds what the excluded commit does not have. */
  | { state: 'changed'; tree: string; commit: string; bundle: Uint8Array }
  /** A bundle of this many bytes is not taken out of the sandbox. */
  | { state: 'too-large'; tree: string; bytes: number };

/**
 * Commits everything in the worktree but ignored files, on a ref of the platform's own; index and branches of the worktree
 * stay as they are. Nothing else may run a script on the worktree meanwhile.
 * @throws GitError StorageFull | GitFailed
 */
export async function saveCheckpoint(sandbox: Sandbox, request: CheckpointRequest, signal: AbortSignal): Promise<Checkpoint> {
  const path = `${STORE}/checkpoint.bundle`;
  const { name, email } = request.identity;
  const date = `${request.date} +0000`;
  const env = {
    SWE_LAST: request.last,
    SWE_PARENT: request.parent,
    SWE_EXCLUDE: request.exclude,
    SWE_BUNDLE: posix.join(sandbox.root, path),
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: date,
  };
  const what = 'saving the worktree';
  const output = await runScript(sandbox, what, CHECKPOINT, env, signal);
  notesOf(what, output);
  const fields = parseFields(output);
  const tree = fields.get('tree') ?? '';
  const commit = fields.get('commit');
  if (commit === undefined) return { state: 'same', tree };
  const bytes = Number(fields.get('bytes'));
  if (!(bytes <= request.maxBytes)) return { state: 'too-large', tree, bytes };
  const bundle = await sandbox.download(path, { maxBytes: request.maxBytes, signal });
  return bundle ? { state: 'changed', tree, commit, bundle } : { state: 'too-large', tree, bytes };
}

/**
 * Puts a worktree that was seeded with its base to a checkpoint: the branch is at `head`, and what was done since lies in
 * the worktree as it did. Repeating it changes nothing.
 * @param checkpoint bundles in the order in which they were saved; `commit` is what the last one brings
 * @returns the tree of the worktree as it is then
 * @throws GitError StorageFull | GitFailed
 */
export async function restoreCheckpoint(
  sandbox: Sandbox,
  checkpoint: { commit: string; head: string; bundles: readonly Uint8Array[] },
  signal: AbortSignal,
): Promise<string> {
  for (const [index, bundle] of checkpoint.bundles.entries()) await sandbox.upload(`${BUNDLE}.${index}`, bundle, signal);
  const env = {
    SWE_COMMIT: checkpoint.commit,
    SWE_HEAD: checkpoint.head,
    SWE_BUNDLE: posix.join(sandbox.root, BUNDLE),
    SWE_PIECES: String(checkpoint.bundles.length),
  };
  await runScript(sandbox, 'restoring the worktree', RESTORE, env, signal);
  return await worktreeTree(sandbox, signal);
}
