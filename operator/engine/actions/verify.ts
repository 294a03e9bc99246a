/** Runs one check on one commit and records what came of it: the platform's own evidence. */

import { GitError } from '../../sandbox/git/git.ts';
import { commitTests } from '../../sandbox/git/tests-alone.ts';
import { resetWorktree, treeOf } from '../../sandbox/git/worktree.ts';
import type { CommandResult, Sandbox } from '../../sandbox/sandbox.ts';
import type { Action, CheckTarget } from '../action.ts';
import { compareRuns } from '../compare-runs.ts';
import type { EventOf } from '../events.ts';
import { endsCommands } from '../interrupt.ts';
import { isTestFile } from '../test-files.ts';
import { judgeCheck } from '../verification.ts';
import type { ActionContext } from './context.ts';
import { endCommand } from './end-command.ts';
import { bringBack, putAside } from './ignored-output.ts';

const KEEP_BYTES = 24 * 1024;
/** Python tells a stale cache by seconds and size: what is compiled from another state of the source must not stay behind. */
const SIDE_ENVIRONMENT = { PYTHONDONTWRITEBYTECODE: '1' };

/** What both events of a run say of it. */
type Run = Pick<EventOf<'verification.started'>, 'tree' | 'command' | 'op' | 'stage' | 'aside'>;

export async function verify({ command, on, seconds }: Action & { do: 'verify' }, context: ActionContext): Promise<void> {
  const { signal, deps } = context;
  const sandbox = await context.sandbox();
  const run = begun(command, on, sandbox, context) ?? (await begin(command, on, sandbox, context));
  if (!run) return;
  let result: CommandResult;
  try {
    const spec = {
      command,
      timeoutSeconds: Math.min(seconds, deps.maxCommandSeconds),
      ...(on.stage === undefined ? {} : { env: SIDE_ENVIRONMENT }),
    };
    result = await sandbox.run(run.op, spec, { signal, keepBytes: KEEP_BYTES });
  } catch (error) {
    if (signal.aborted && endsCommands(signal.reason)) {
      await endCommand(sandbox, run.op, context);
      context.emit({ type: 'verification.recorded', ...run, ...NOTHING, note: 'interrupted', interrupted: true });
    }
    throw error;
  }
  await record(run, result, context);
}

const NOTHING = { exitCode: -1, durationMs: 0, output: '', counted: false } as const;

/** The run that an earlier owner, or this one before a fault, began in this sandbox: it is attached to. */
function begun(command: string, on: CheckTarget, { identity }: Sandbox, { state }: ActionContext): Run | undefined {
  const { verifying } = state;
  if (verifying?.command !== command || verifying.stage !== on.stage || verifying.sandboxUid !== identity.uid) return undefined;
  if ('tree' in on && on.tree !== verifying.tree) return undefined;
  const { tree, op, aside } = verifying;
  return { command, tree, op, ...(on.stage === undefined ? {} : { stage: on.stage }), ...(aside === undefined ? {} : { aside }) };
}

/** Puts the worktree to what is checked and writes the intent. Nothing is begun where that cannot be, which is recorded. */
async function begin(command: string, on: CheckTarget, sandbox: Sandbox, context: ActionContext): Promise<Run | undefined> {
  const op = `check-${context.state.verifications + 1}`;
  const run = { command, op, ...(on.stage === undefined ? {} : { stage: on.stage }) };
  try {
    // Earlier checks may have written to tracked files; each starts from the tree that is judged.
    const placed = { ...run, ...(await place(on, sandbox, context)) };
    context.emit({ type: 'verification.started', ...placed, sandboxUid: sandbox.identity.uid });
    await context.flush();
    return placed;
  } catch (error) {
    const lasting = error instanceof GitError && !error.transient && error.reason !== 'StorageFull';
    if (on.stage === undefined || !lasting) throw error;
    // What is only good to know ends no session.
    const tree = 'tree' in on ? on.tree : '';
    context.emit({ type: 'verification.recorded', ...run, ...NOTHING, tree, note: `not run: ${error.message}` });
    return undefined;
  }
}

/** Puts the worktree to what is to be checked. @returns its tree, and what had to be put aside */
async function place(on: CheckTarget, sandbox: Sandbox, context: ActionContext): Promise<{ tree: string; aside?: number }> {
  const { state, signal } = context;
  if (on.stage !== 'without-change') {
    await resetWorktree(sandbox, on.commit, signal);
    if (state.displaced) await bringBack(sandbox, signal);
    return { tree: on.stage === undefined ? on.tree : await treeOf(sandbox, on.commit, signal) };
  }
  const commit = await oldCode(on, sandbox, context);
  await resetWorktree(sandbox, commit, signal);
  const aside = await putAside(sandbox, signal);
  return { tree: on.tree, ...(aside === 0 ? {} : { aside }) };
}

/** The commit that was cloned, with the result's tests alone or without them. @throws GitError when it is not what was meant */
async function oldCode(on: CheckTarget & { stage: 'without-change' }, sandbox: Sandbox, context: ActionContext): Promise<string> {
  const { state, signal } = context;
  const base = state.base?.commit ?? '';
  const made = on.control
    ? { commit: base, tree: await treeOf(sandbox, base, signal) }
    : await commitTests(sandbox, { base, commit: on.commit, isTest: isTestFile }, signal);
  if (made.commit && made.tree === on.tree) return made.commit;
  throw new GitError('GitFailed', 'the tests cannot be told from the rest as they were before');
}

async function record(run: Run, result: CommandResult, context: ActionContext): Promise<void> {
  const { command, stage } = run;
  const { output } = result;
  const text =
    output.omitted > 0
      ? `${output.head}\n[… ${output.omitted} bytes left out; all of it is in ${output.path} …]\n${output.tail}`
      : `${output.head}${output.tail}`;
  const ended = result.state === 'exited' ? result.endedBy : undefined;
  const seen = result.state === 'exited' && ended !== 'cancel' ? result.exitCode : -1;
  const timedOut = ended === 'timeout' && seen === 0 ? 124 : seen;
  // A run that only serves to compare has no end that says anything when it was cut short.
  const exitCode = stage !== undefined && ended !== undefined ? -1 : timedOut;
  const judged = judgeCheck(command, exitCode, text);
  const note =
    ended === 'timeout' ? 'ended by the time limit' : ended === 'output-limit' ? 'ended for too much output' : judged.note;
  const change = stage === 'before' ? undefined : await changeOf(command, ended === undefined ? exitCode : -1, text, context);
  context.emit({
    type: 'verification.recorded',
    ...run,
    exitCode,
    durationMs: result.state === 'exited' ? result.durationMs : 0,
    output: await context.texts.store(text),
    counted: judged.counted && ended === undefined,
    ...(note === undefined ? {} : { note }),
    ...(change === undefined ? {} : { change }),
  });
}

/** Compared with the same check before the work, when that is known. */
async function changeOf(command: string, exitCode: number, output: string, { state, texts }: ActionContext) {
  const before = state.baseline.find((one) => one.command === command);
  if (!before) return undefined;
  return compareRuns({ exitCode: before.exitCode, output: await texts.load(before.output) }, { exitCode, output });
}
