/** The single-machine system as a process: starts it, says how to use it, and stops it cleanly. */
import { relative } from 'node:path';
import { describeError, type Logger } from '../operator/logger.ts';
import { startProcess } from '../operator/process.ts';
import type { Isolation } from '../operator/sandbox/transport.ts';
import { type LocalSystem, startLocal } from './start.ts';

/** Ends the process when the settings are wrong or the system cannot start, with the reason on standard error. */
export async function serve(): Promise<void> {
  const { system, settings, logger } = await startProcess('machine', startLocal);
  // Whoever hears that it is ready may ask at once, and should not wait for the SDK to load.
  const [isolation] = await Promise.all([
    settings.sandbox.type === 'local' ? isolationOf(system, logger) : undefined,
    system.operator
      .warm()
      .catch((error: unknown) => logger.warn('could not prepare model calls', { error: describeError(error) })),
  ]);
  console.log(welcome(system, isolation));
}

async function isolationOf(system: LocalSystem, logger: Logger): Promise<Isolation | undefined> {
  return system.isolation().catch((error: unknown) => {
    logger.warn('could not find out how commands are isolated', { error: describeError(error) });
    return undefined;
  });
}

function welcome({ url, kubeconfigPath, hasModel, problems }: LocalSystem, isolation: Isolation | undefined): string {
  const kubeconfig = relative(process.cwd(), kubeconfigPath);
  const lines = [`SWE Agent is ready on ${url}`, `kubectl:  kubectl --kubeconfig ${kubeconfig} get agentsessions`];
  if (isolation?.isolated === false) lines.push(`WARNING:  ${isolation.message}`);
  for (const problem of problems) lines.push(`Note:     ${problem}`);
  if (!hasModel) {
    lines.push(`No model is configured: make an AI profile on ${url}/settings/profiles, or set OPENAI_API_KEY (in the`);
    lines.push('          environment or .env) and start again.');
    lines.push('          Sessions wait until there is one, and then start by themselves.');
  }
  lines.push(
    'A first session:',
    `  curl -X POST ${url}/agent/sessions -H 'Content-Type: application/json' \\`,
    `    -d '{"goal":"Make the failing test pass","repo_url":"https://github.com/you/repository.git"}'`,
  );
  return lines.join('\n');
}
