/** Ending every process of a sandbox, with its files kept. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '@daytonaio/sdk';
import { quoteAll } from '../quote.ts';
import { SandboxLostError } from '../transport.ts';
import type { DaytonaClient } from './client.ts';
import { faultOf } from './faults.ts';
import { refresh } from './ready.ts';
import { rootOf } from './root.ts';
import { verdictOf } from './state.ts';

const QUIESCE_SCRIPT = readFileSync(join(import.meta.dirname, 'quiesce.sh'), 'utf8');

/**
 * @param graceMs how long processes have to heed TERM
 * @throws SandboxUnavailableError | the signal's reason
 */
export async function endProcesses(client: DaytonaClient, sandbox: Sandbox, graceMs: number, signal: AbortSignal): Promise<void> {
  try {
    await runScript(client, sandbox, graceMs, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (await sleeps(client, sandbox, signal)) return;
    throw faultOf(error, 'end the processes of a sandbox', client.apiUrl);
  }
}

async function runScript(client: DaytonaClient, sandbox: Sandbox, graceMs: number, signal: AbortSignal): Promise<void> {
  const root = await rootOf(client, sandbox, signal);
  const args = [QUIESCE_SCRIPT, 'swe-agent-quiesce', root, String(Math.ceil(graceMs / 10)), sandbox.id];
  const seconds = Math.ceil(graceMs / 1000) + 15;
  const command = `/bin/sh -c ${quoteAll(args)}`;
  const execute = () => sandbox.process.executeCommand(command, undefined, undefined, seconds);
  const options = { signal, ms: (seconds + 5) * 1000, repeatable: true, raw: true };
  await client.call('end the processes of a sandbox', execute, options);
}

/** Whether it was stopped or deleted meanwhile, and with it all that ran in it. */
async function sleeps(client: DaytonaClient, sandbox: Sandbox, signal: AbortSignal): Promise<boolean> {
  try {
    await refresh(client, sandbox, signal);
  } catch (error) {
    if (error instanceof SandboxLostError) return true;
    throw error;
  }
  return verdictOf(sandbox.state).kind !== 'ready';
}
