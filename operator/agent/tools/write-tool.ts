/** What the tools that write have in common: the worktree is changed once, under the operation id of the call. */
import type { FileChange } from '../../sandbox/sandbox.ts';
import { hashOf } from './open-file.ts';
import type { ToolContext } from './tool.ts';

/**
 * Whether the files of this very call were written before a crash. True: nothing is left to do but to tell the model.
 * False: nothing was changed, the call begins anew.
 */
export async function finishedBefore(context: ToolContext): Promise<boolean> {
  return context.resumed && (await context.sandbox.resumeFiles(context.op, context.signal)) === 'applied';
}

/** Writes all files or none, and remembers that the model knows what is in them now. */
export async function writeFiles(context: ToolContext, changes: readonly FileChange[]): Promise<void> {
  await context.sandbox.applyFiles(context.op, changes, context.signal);
  for (const { path, bytes } of changes) {
    if (bytes) context.seen.set(path, hashOf(bytes));
    else context.seen.delete(path);
  }
}
