/** What every process of the system does the same: reads its settings, says in words why it cannot start, stops on signals. */
import { ClusterAccessError } from './kube/cluster-access.ts';
import { ListenError } from './listen.ts';
import { describeError, type Logger } from './logger.ts';
import { createLogger } from './logging.ts';
import { Redactor } from './redactor.ts';
import { loadSettings, type Settings, SettingsError, type SettingsRole } from './settings.ts';
import { FolderError } from './usable-folder.ts';

/** After this a stop is no longer clean. */
const STOP_DEADLINE_MS = 2_900;

export type Stoppable = { stop(): Promise<void> };

/**
 * Starts a system by the settings of this process and has it stopped by SIGINT and SIGTERM. Ends the process when the settings
 * are wrong or the system cannot start, with the reason on standard error.
 */
export async function startProcess<T extends Stoppable>(
  role: SettingsRole,
  start: (settings: Settings, logger: Logger) => Promise<T>,
): Promise<{ system: T; settings: Settings; logger: Logger }> {
  const settings = readSettings(role);
  const logger = createLogger({ ...settings.log, redactor: new Redactor(settings.secrets) });
  for (const warning of settings.warnings) logger.warn(warning);
  // Also a start that waits for something can be stopped.
  const starting = start(settings, logger);
  stopOnSignals(starting, logger);
  const system = await starting.catch((error: unknown) => {
    console.error(`swe-agent: ${reasonOf(error)}`);
    process.exit(1);
  });
  return { system, settings, logger };
}

/** What a user can mend is said in a sentence; anything else is a fault of ours and keeps its stack. */
function reasonOf(error: unknown): string {
  if (error instanceof FolderError || error instanceof ListenError || error instanceof ClusterAccessError) return error.message;
  if (!(error instanceof Error) || 'code' in error) return describeError(error);
  return error.stack ?? error.message;
}

function stopOnSignals(starting: Promise<Stoppable>, logger: Logger): void {
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    const timer = setTimeout(() => {
      logger.error('did not stop in time; sessions are taken up again at the next start');
      process.exit(1);
    }, STOP_DEADLINE_MS);
    try {
      await (await starting).stop();
    } catch (error) {
      logger.error('did not stop cleanly', { error: describeError(error) });
    }
    clearTimeout(timer);
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop());
}

function readSettings(role: SettingsRole): Settings {
  try {
    return loadSettings({ role });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(`swe-agent: ${error.message}`);
    process.exit(1);
  }
}
