/** The sandbox with the repository in it: made the first time, found again after a restart, restored after a loss. */
import { sleep } from '../../clock.ts';
import { openSandbox } from '../../sandbox/commands.ts';
import { GitError, type Snapshot } from '../../sandbox/git/git.ts';
import { redactUrl } from '../../sandbox/git/repository-url.ts';
import { seedWorktree } from '../../sandbox/git/seed.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { type SandboxHandle, type SandboxTransport, SandboxUnavailableError } from '../../sandbox/transport.ts';
import type { SandboxIdentityRecord } from '../event-parts.ts';
import type { SessionState } from '../state.ts';
import { type Restored, restoreLast } from './checkpoint.ts';
import type { ActionContext } from './context.ts';

const CLONE_RETRIES_MS = [1_000, 3_000, 8_000, 20_000];

export async function provision(context: ActionContext): Promise<void> {
  const { session, deps, signal } = context;
  const type = session.spec.sandbox?.type ?? deps.defaultSandboxType;
  const transport = deps.transport(type);
  if (!transport) {
    const message = `This operator has no sandboxes of type ${type}; leave spec.sandbox.type out to use ${deps.defaultSandboxType}.`;
    throw new SandboxUnavailableError('SandboxTypeUnavailable', message, { permanent: true });
  }
  const { url, ref } = session.spec.repository;
  context.emit({ type: 'sandbox.requested', sandboxType: type });
  if (!context.state.base)
    context.emit({ type: 'repository.requested', url: redactUrl(url), ...(ref === undefined ? {} : { ref }) });
  await context.flush();
  // Neither needs the other. The sandbox is asked for first: where that is done elsewhere, git then has the time to fetch.
  const [opened, fetched] = await Promise.allSettled([open(transport, context), fetchSnapshot(context)]);
  if (opened.status === 'rejected') {
    if (fetched.status === 'fulfilled') await fetched.value.dispose();
    throw opened.reason;
  }
  if (fetched.status === 'rejected') return failed(fetched.reason, context);
  await using snapshot = disposing(fetched.value);
  try {
    using _place = await transport.starts?.enter(signal, { first: true });
    await takeIntoUse(opened.value, snapshot.value, context);
  } catch (error) {
    if (error instanceof GitError) return failed(error, context);
    throw error;
  }
}

type Opened = { handle: SandboxHandle; sandbox: Sandbox };

/** A sandbox that is connected to, and closed with the task whatever becomes of the repository. */
async function open(transport: SandboxTransport, context: ActionContext): Promise<Opened> {
  const { session, owner, epoch, signal } = context;
  using _place = await transport.starts?.enter(signal);
  const handle = await transport.provision(owner, session.spec.sandbox ?? {}, signal, context.show);
  const sandbox = await openSandbox(handle, { epoch, signal });
  await context.adopt(sandbox);
  return { handle, sandbox };
}

async function takeIntoUse({ handle, sandbox }: Opened, snapshot: Snapshot, context: ActionContext): Promise<void> {
  const { deps, signal, state } = context;
  const same = state.sandbox?.uid === handle.identity.uid;
  await seedWorktree(
    sandbox,
    snapshot,
    {
      identity: deps.identity,
      baseBranch: state.base?.branch || snapshot.branch,
      remoteUrl: context.session.spec.repository.url,
    },
    signal,
  );
  const base = state.base ?? { commit: snapshot.commit, branch: snapshot.branch };
  const restored = same ? undefined : await restoreLast(sandbox, context);
  const record = recordOf(handle, sandbox);
  if (!state.base) {
    context.emit(
      { type: 'sandbox.ready', sandbox: record },
      { type: 'repository.cloned', ...base, message: snapshot.notes.join(' ') },
    );
    return;
  }
  const fromCommit = restored?.commit ?? base.commit;
  if (same) {
    return context.emit({ type: 'sandbox.restored', sandbox: record, fromCommit, message: 'The sandbox was found again.' });
  }
  const { touched } = state;
  const message = whatWasLost(restored, fromCommit, state);
  // Where all the work is back, what the model asked for can be done.
  const untold = !touched && restored?.exact !== false && waitsToBegin(state);
  context.emit({ type: 'sandbox.restored', sandbox: record, fromCommit, message, ...(untold && { untold }) });
  if (touched) loseIteration(context);
  if (!untold) tellModel(context, message);
}

/** Whether there is a call to a tool that nothing was done for yet. */
function waitsToBegin({ conversation }: SessionState): boolean {
  const [call] = conversation?.openCalls ?? [];
  return call !== undefined && conversation?.ended === undefined && conversation?.started?.callId !== call.id;
}

function whatWasLost(restored: Restored | undefined, commit: string, { touched, sandboxReleased }: SessionState): string {
  const from = restored ? `checkpoint ${commit.slice(0, 12)}` : `commit ${commit.slice(0, 12)}`;
  const changes = touched
    ? 'changes made after it are gone'
    : 'the worktree is as the last step left it, but for files that git ignores';
  const doubt = restored?.exact === false ? ' Its files differ from those that were saved; look at them with care.' : '';
  const what = sandboxReleased ? 'was given back while the session rested,' : 'was lost';
  return `The sandbox ${what} and made anew from ${from}: ${changes}; commits of your own, installed packages and running processes are gone.${doubt}`;
}

/** What a programmer had finished but nobody had committed is gone: the iteration is done again. */
function loseIteration(context: ActionContext): void {
  const { phase, conversation, commit, iteration, plan } = context.state;
  if (phase !== 'Programming' || conversation?.role !== 'programmer' || conversation.ended !== 'submitted') return;
  if (commit?.iteration === iteration) return;
  const text = `What was done in iteration ${iteration} was lost with the sandbox before it could be committed; it is done again.`;
  context.emit({ type: 'log.line', level: 'warning', text });
  context.emit({ type: 'conversation.ended', conversation: conversation.id, reason: 'abandoned' });
  if (!commit && plan) context.emit({ type: 'plan.updated', steps: plan.steps.map(({ id }) => ({ id, status: 'pending' })) });
}

/** What is open in the conversation cannot be found in a new sandbox; the model must know. */
function tellModel(context: ActionContext, message: string): void {
  const { conversation } = context.state;
  if (!conversation || conversation.ended) return;
  const look = `${message} Look at the state of the worktree before you go on.`;
  const [call] = conversation.openCalls;
  if (!call) {
    context.emit({ type: 'note.added', conversation: conversation.id, reason: 'environment', text: look });
    return;
  }
  // The next result is where the model reads it; a call that rests on what is gone is better thought over.
  const begun = conversation.started?.callId === call.id;
  context.emit({
    type: 'tool.finished',
    conversation: conversation.id,
    callId: call.id,
    name: call.name,
    outcome: 'lost',
    result: begun
      ? `The sandbox was lost while this ran; whether it came to an end is not known. ${look}`
      : `Not done: the sandbox was lost before. ${look}`,
    durationMs: 0,
  });
}

async function fetchSnapshot(context: ActionContext): Promise<Snapshot> {
  const { session, deps, signal, state } = context;
  const { url, depth = 1 } = session.spec.repository;
  const ref = state.base?.commit ?? session.spec.repository.ref;
  const source = { url, depth, ...(ref === undefined ? {} : { ref }) };
  for (const delay of [...CLONE_RETRIES_MS, undefined]) {
    try {
      const credential = await deps.credential(session, signal);
      return await deps.repositories.fetch(source, credential, signal);
    } catch (error) {
      if (!(error instanceof GitError) || !error.transient || delay === undefined) throw error;
      context.emit({ type: 'log.line', level: 'warning', text: `${error.message} Trying again in ${delay / 1000} s.` });
      await context.flush();
      await sleep(delay, signal);
    }
  }
  throw new GitError('Unreachable', 'the repository cannot be reached');
}

/** What git says no to is for the user: the session fails with it, and a message starts it again. */
function failed(error: unknown, context: ActionContext): void {
  if (!(error instanceof GitError)) throw error;
  // A session that is under way does not fail because the remote is away for a while.
  if (error.transient && context.state.base) throw error;
  if (error.reason === 'StorageFull')
    throw new SandboxUnavailableError('StorageFull', error.message, { permanent: false, cause: error });
  context.emit({ type: 'session.finished', outcome: 'Failed', reason: error.reason, message: error.message });
}

function recordOf(handle: SandboxHandle, sandbox: Sandbox): SandboxIdentityRecord {
  return {
    ...handle.identity,
    root: sandbox.root,
    worktree: sandbox.worktree,
    isolated: handle.isolation.isolated,
    isolation: handle.isolation.method,
    isolationMessage: handle.isolation.message,
  };
}

function disposing<T extends { dispose(): Promise<void> }>(value: T): { value: T } & AsyncDisposable {
  return { value, [Symbol.asyncDispose]: () => value.dispose() };
}
