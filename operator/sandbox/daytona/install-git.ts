/** Installs git in a sandbox whose image has none, with the image's own package manager: slower than a toolbox, and it needs a network. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '@daytonaio/sdk';
import { pause } from '../deadline.ts';
import { quoteAll } from '../quote.ts';
import { type DaytonaClient, unavailable } from './client.ts';

const SCRIPT = readFileSync(join(import.meta.dirname, 'install-git.sh'), 'utf8');
const EXECUTE_SECONDS = 30;
/** How long one call waits for it; the next one goes on. */
const INSTALL_MS = 5 * 60_000;

/**
 * Resolves when it is installed, and also when the image has no package manager: then the first use of git tells. Called
 * again after it was given up, it goes on where it was.
 * @param folder in the sandbox, for its use
 * @throws SandboxUnavailableError | the SDK's errors | the signal's reason
 */
export async function installGit(client: DaytonaClient, sandbox: Sandbox, folder: string, signal: AbortSignal): Promise<void> {
  const command = `/bin/sh -c ${quoteAll([SCRIPT, 'swe-agent-install-git', folder])}`;
  const execute = () => sandbox.process.executeCommand(command, undefined, undefined, EXECUTE_SECONDS);
  const options = { signal, ms: (EXECUTE_SECONDS + 10) * 1000, repeatable: true, raw: true };
  const patience = AbortSignal.timeout(INSTALL_MS);
  for (let delay = 100; ; delay = Math.min(delay * 1.5, 2000)) {
    const { result } = await client.call('prepare a sandbox', execute, options);
    const [, word, manager, said = ''] = /^(\w+) ?(\S*)\n?(.*)$/s.exec(result) ?? [];
    if (word === 'installed' || word === 'none') return;
    if (word !== 'running') {
      const why = (word === 'failed' ? said : result).trim();
      const message = `the image of the sandbox ${sandbox.name} has no git, and ${manager || 'its package manager'} could not install it: ${why}; use an image that has git, or set SWE_AGENT_TOOLBOX`;
      throw unavailable('GitMissing', message, undefined, true);
    }
    if (patience.aborted) {
      throw unavailable(
        'GitMissing',
        `the image of the sandbox ${sandbox.name} has no git, and ${manager} did not install it within ${INSTALL_MS / 1000} s`,
      );
    }
    await pause(delay, signal);
  }
}
