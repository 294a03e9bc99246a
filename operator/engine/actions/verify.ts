/** Runs one check on the final tree and records what came of it: the platform's own evidence. */
import { resetWorktree } from '../../sandbox/git/worktree.ts';
import type { CommandResult } from '../../sandbox/sandbox.ts';
import { endsCommands } from '../interrupt.ts';
import { judgeCheck } from '../verification.ts';
import type { ActionContext } from './context.ts';
import { endCommand } from './end-command.ts';

const KEEP_BYTES = 24 * 1024;

export async function verify(action: { command: string; tree: string }, context: ActionContext): Promise<void> {
  const { state, signal, deps } = context;
  const sandbox = await context.sandbox();
  const { command, tree } = action;
  const begun = state.verifying;
  const attached =
    begun?.command === command && begun.tree === tree && begun.sandboxUid === sandbox.identity.uid ? begun : undefined;
  const op = attached?.op ?? `check-${state.verifications + 1}`;
  if (!attached) {
    // Earlier checks may have written to tracked files; each starts from the tree that is judged.
    await resetWorktree(sandbox, state.commit?.commit ?? '', signal);
    context.emit({ type: 'verification.started', tree, command, op, sandboxUid: sandbox.identity.uid });
    await context.flush();
  }
  let result: CommandResult;
  try {
    result = await sandbox.run(op, { command, timeoutSeconds: deps.maxCommandSeconds }, { signal, keepBytes: KEEP_BYTES });
  } catch (error) {
    if (signal.aborted && endsCommands(signal.reason)) {
      await endCommand(sandbox, op, context);
      const nothing = { exitCode: -1, durationMs: 0, output: '', counted: false };
      context.emit({ type: 'verification.recorded', tree, command, op, ...nothing, note: 'interrupted', interrupted: true });
    }
    throw error;
  }
  await record(op, action, result, context);
}

async function record(
  op: string,
  { command, tree }: { command: string; tree: string },
  result: CommandResult,
  context: ActionContext,
): Promise<void> {
  const { output } = result;
  const text =
    output.omitted > 0
      ? `${output.head}\n[… ${output.omitted} bytes left out; all of it is in ${output.path} …]\n${output.tail}`
      : `${output.head}${output.tail}`;
  const exitCode = result.state === 'exited' && result.endedBy !== 'cancel' ? result.exitCode : -1;
  const judged = judgeCheck(command, exitCode, text);
  const ended = result.state === 'exited' ? result.endedBy : undefined;
  const note =
    ended === 'timeout' ? 'ended by the time limit' : ended === 'output-limit' ? 'ended for too much output' : judged.note;
  context.emit({
    type: 'verification.recorded',
    tree,
    command,
    op,
    exitCode: ended === 'timeout' && exitCode === 0 ? 124 : exitCode,
    durationMs: result.state === 'exited' ? result.durationMs : 0,
    output: await context.texts.store(text),
    counted: judged.counted && ended === undefined,
    ...(note === undefined ? {} : { note }),
  });
}
