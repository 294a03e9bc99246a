/** Where a session's files are in its sandbox. */
import type { Sandbox } from '@daytonaio/sdk';
import { type DaytonaClient, unavailable } from './client.ts';

/** The parent of everything of the session. @throws the SDK's errors | SandboxUnavailableError | the signal's reason */
export async function rootOf(client: DaytonaClient, sandbox: Sandbox, signal: AbortSignal): Promise<string> {
  const ask = () => sandbox.getUserHomeDir();
  const options = { signal, repeatable: true, raw: true };
  const home = await client.call('tell the home directory of a sandbox', ask, options);
  if (!home?.startsWith('/')) throw unavailable('SandboxFailed', `the sandbox ${sandbox.name} at Daytona has no home directory`);
  return `${home === '/' ? '' : home}/swe-agent`;
}

export function toolboxIn(root: string): string {
  return `${root}/.toolbox`;
}
