/**
 * The programmer's work leaves the sandbox while the model thinks about its next step, so that a lost sandbox costs no more
 * than what was running in it. A step never waits for a checkpoint to begin, and never fails with one.
 */
import { sleep } from '../../clock.ts';
import { describeError } from '../../logger.ts';
import { restoreCheckpoint, saveCheckpoint } from '../../sandbox/git/checkpoint.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { BlobTooLargeError } from '../blob.ts';
import { workCommit } from '../rounds.ts';
import type { ActionContext } from './context.ts';

/** A model that answers sooner leaves no time for it; the next answer may. */
const THINKING_MS = 100;
/** How much longer than a checkpoint took nobody else saves one, where sandboxes share the operator's processor. */
const RESTS = 10;
const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;
/** A chain of more bundles than this begins anew with one that holds everything. */
const MAX_BUNDLES = 50;

/**
 * Saves a checkpoint once the model has been thinking for a moment, if the worktree may have changed since the last.
 * Dispose it when the model has answered: it then waits for a checkpoint that has begun, since nothing else may run in the
 * worktree meanwhile.
 */
export function checkpointWhileThinking(context: ActionContext): AsyncDisposable {
  const answered = new AbortController();
  const saving = context.state.touched ? save(context, answered.signal) : Promise.resolve();
  return {
    async [Symbol.asyncDispose]() {
      answered.abort();
      await Promise.race([saving, aborted(context.signal)]);
    },
  };
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}

async function save(context: ActionContext, answered: AbortSignal): Promise<void> {
  const { sandbox } = context.state;
  let place: Disposable | undefined;
  try {
    const thinking = AbortSignal.any([answered, context.signal]);
    await sleep(THINKING_MS, thinking);
    place = sandbox && (await context.deps.transport(sandbox.type)?.checkpoints?.enter(thinking));
  } catch {
    return;
  }
  const began = performance.now();
  try {
    await saveNow(await context.sandbox(), context);
    await context.flush();
  } catch (error) {
    if (context.signal.aborted) return;
    // Whatever it was: the next thing that is done in the sandbox or the store meets it, and knows what to do.
    context.deps.logger.warn('cannot save a checkpoint', { uid: context.owner.uid, error: describeError(error) });
    if (error instanceof BlobTooLargeError) notSaved(error.message, context);
  } finally {
    if (place) leaveRested(place, performance.now() - began);
  }
}

/** Keeps the place a while longer, so that many sessions together never save all the time. */
function leaveRested(place: Disposable, tookMs: number): void {
  setTimeout(() => place[Symbol.dispose](), RESTS * tookMs).unref();
}

/**
 * Saves what the last checkpoint has not; for a session that rests, whose sandbox is to go.
 * @throws SandboxLostError, SandboxUnavailableError, GitError, BlobUnavailableError; what is too large is recorded
 */
export async function saveForRest(context: ActionContext): Promise<void> {
  try {
    await saveNow(await context.sandbox(), context);
  } catch (error) {
    if (!(error instanceof BlobTooLargeError)) throw error;
    notSaved(error.message, context);
  }
  await context.flush();
}

async function saveNow(sandbox: Sandbox, context: ActionContext): Promise<void> {
  const { deps, owner, signal, state } = context;
  const base = state.base?.commit;
  if (base === undefined) return;
  const work = workCommit(state);
  const before = state.checkpoint;
  const goesOn = before === undefined || before.bundles.length < MAX_BUNDLES;
  const last = before?.commit ?? work;
  const request = {
    last,
    parent: goesOn ? last : work,
    exclude: goesOn ? last : base,
    date: Math.floor(Date.parse(state.lastTime) / 1000),
    identity: deps.identity,
    maxBytes: MAX_BUNDLE_BYTES,
  };
  const saved = await saveCheckpoint(sandbox, request, signal);
  if (saved.state === 'too-large') {
    const size = `${Math.ceil(saved.bytes / 1e6)} MB`;
    return notSaved(
      `What changed since the last checkpoint is ${size}; large files that do not belong to the result should be in .gitignore.`,
      context,
    );
  }
  if (saved.state === 'same') return context.emit({ type: 'checkpoint.saved', commit: last, tree: saved.tree });
  const bundle = await deps.blobs.put(owner.uid, saved.bundle);
  // Whoever interrupted did not wait for it, and may have gone on.
  signal.throwIfAborted();
  context.emit({
    type: 'checkpoint.saved',
    commit: saved.commit,
    tree: saved.tree,
    bundle,
    ...(before && goesOn ? { onto: last } : {}),
  });
}

/** Once, and not at every step. */
function notSaved(message: string, context: ActionContext): void {
  if (context.state.checkpointProblem !== message) context.emit({ type: 'checkpoint.failed', message });
}

/** What a new sandbox was put to. `exact`: the worktree was seen to be the tree that was saved. */
export type Restored = { commit: string; exact: boolean };

/**
 * Puts a new sandbox, seeded with the base, to the last checkpoint; undefined when there is none.
 * @throws BlobMissingError, GitError
 */
export async function restoreLast(sandbox: Sandbox, context: ActionContext): Promise<Restored | undefined> {
  const { deps, owner, signal, state } = context;
  const { checkpoint } = state;
  if (!checkpoint) return undefined;
  const bundles: Uint8Array[] = [];
  for (const ref of checkpoint.bundles) bundles.push(await deps.blobs.get(owner.uid, ref, signal));
  const tree = await restoreCheckpoint(sandbox, { commit: checkpoint.commit, head: workCommit(state), bundles }, signal);
  return { commit: checkpoint.commit, exact: checkpoint.tree === undefined || checkpoint.tree === tree };
}
