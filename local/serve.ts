/** The single-machine system as a process: starts it, says how to use it, and stops it cleanly. */
import { relative } from 'node:path';
import { ListenError } from '../api-gateway/listen-error.ts';
import { describeError, type Logger } from '../operator/logger.ts';
import { createLogger } from '../operator/logging.ts';
import { Redactor } from '../operator/redactor.ts';
import type { Isolation } from '../operator/sandbox/transport.ts';
import { loadSettings, type Settings, SettingsError } from '../operator/settings.ts';
import { FolderError } from '../operator/usable-folder.ts';
import { type LocalSystem, startLocal } from './start.ts';

/** After this a stop is no longer clean. */
const STOP_DEADLINE_MS = 2_900;

/** Ends the process when the settings are wrong or the system cannot start, with the reason on standard error. */
export async function serve(): Promise<void> {
  const settings = readSettings();
  const logger = createLogger({ ...settings.log, redactor: new Redactor(settings.secrets) });
  for (const warning of settings.warnings) logger.warn(warning);
  const system = await startLocal(settings, logger).catch((error: unknown) => {
    console.error(`swe-agent: ${reasonOf(error)}`);
    process.exit(1);
  });
  stopOnSignals(system, logger);
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

/** What a user can mend is said in a sentence; anything else is a fault of ours and keeps its stack. */
function reasonOf(error: unknown): string {
  if (error instanceof FolderError || error instanceof ListenError) return error.message;
  if (!(error instanceof Error) || 'code' in error) return describeError(error);
  return error.stack ?? error.message;
}

function stopOnSignals(system: LocalSystem, logger: Logger): void {
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    const timer = setTimeout(() => {
      logger.error('did not stop in time; sessions are taken up again at the next start');
      process.exit(1);
    }, STOP_DEADLINE_MS);
    await system.stop().catch((error: unknown) => logger.error('did not stop cleanly', { error: describeError(error) }));
    clearTimeout(timer);
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop());
}

function readSettings(): Settings {
  try {
    return loadSettings();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(`swe-agent: ${error.message}`);
    process.exit(1);
  }
}

function welcome({ url, kubeconfigPath, hasModel, problems }: LocalSystem, isolation: Isolation | undefined): string {
  const kubeconfig = relative(process.cwd(), kubeconfigPath);
  const lines = [`SWE Agent is ready on ${url}`, `kubectl:  kubectl --kubeconfig ${kubeconfig} get agentsessions`];
  if (isolation?.isolated === false) lines.push(`WARNING:  ${isolation.message}`);
  for (const problem of problems) lines.push(`Note:     ${problem}`);
  if (!hasModel) {
    lines.push('No model is configured: set OPENAI_API_KEY (in the environment or .env) and start again, or apply an AIProfile.');
    lines.push('          Sessions wait until there is one, and then start by themselves.');
  }
  lines.push(
    'A first session:',
    `  curl -X POST ${url}/agent/sessions -H 'Content-Type: application/json' \\`,
    `    -d '{"goal":"Make the failing test pass","repo_url":"https://github.com/you/repository.git"}'`,
  );
  return lines.join('\n');
}
