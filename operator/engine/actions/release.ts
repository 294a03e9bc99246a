/**
 * Gives back the sandbox of a session at rest. Its work is safe in a checkpoint first; then the intent is on disk, so that
 * whoever takes the session up meanwhile looks what is left, and what a crash left half done is done again.
 */
import { SandboxLostError, SandboxUnavailableError } from '../../sandbox/transport.ts';
import { restOf, unsaved } from '../release.ts';
import { saveForRest } from './checkpoint.ts';
import type { ActionContext } from './context.ts';

/** For the sandbox to be gone, and with it all that runs in it. */
const GONE_MS = 120_000;

export async function release(context: ActionContext): Promise<void> {
  const { deps, owner, signal } = context;
  const { sandboxHeld: type, sandboxReleased, phase } = context.state;
  const transport = type && deps.transport(type);
  if (!transport) {
    const message = `this operator has no sandboxes of type ${type}, and cannot give one back`;
    throw new SandboxUnavailableError('SandboxTypeUnavailable', message, { permanent: true });
  }
  if (sandboxReleased !== 'begun') {
    if (unsaved(context.state)) await save(context);
    // It is kept for as long as its work is nowhere else.
    if (unsaved(context.state)) return;
    const rest = words(restOf(phase, deps.releaseAfter ?? { finishedMs: 0, waitingMs: 0 }));
    context.emit({ type: 'sandbox.releasing', message: `The session has rested for ${rest}; its sandbox is being given back.` });
    await context.flush();
  }
  await context.forget();
  await transport.dispose(owner, AbortSignal.any([signal, AbortSignal.timeout(GONE_MS)]));
  const message = 'Given back, because the session rests; it is made anew from the last checkpoint when the session goes on.';
  context.emit({ type: 'sandbox.released', message });
}

async function save(context: ActionContext): Promise<void> {
  try {
    await saveForRest(context);
  } catch (error) {
    if (!(error instanceof SandboxLostError)) throw error;
    // Somebody was faster; there is nothing left to save.
    context.emit({ type: 'sandbox.lost', sandboxUid: context.state.sandbox?.uid ?? '', message: error.message });
  }
}

function words(ms: number): string {
  const [amount, unit] = ms < 60_000 ? [ms / 1000, 's'] : ms < 3_600_000 ? [ms / 60_000, 'min'] : [ms / 3_600_000, 'h'];
  return `${Number(amount.toFixed(1))} ${unit}`;
}
