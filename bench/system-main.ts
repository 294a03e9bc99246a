/** The single-machine system as local/main.ts starts it, with a choice of isolation and with measurements from within. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startLocal } from '../local/start.ts';
import { createLogger } from '../operator/logging.ts';
import { Redactor } from '../operator/redactor.ts';
import type { IsolationMethod } from '../operator/sandbox/local/isolation.ts';
import { loadSettings } from '../operator/settings.ts';
import { serve } from './child.ts';

/** Milliseconds; `delay` is how late the event loop was since the last time. */
export type Measured = { rss: number; cpuMs: number; delay: { p50: number; p99: number; max: number } };

const RESOLUTION_MS = 10;

const isolation = process.argv[2];
if (!isMethod(isolation)) throw new Error(`unknown isolation ${isolation}`);
const settings = loadSettings();
const logger = createLogger({ ...settings.log, redactor: new Redactor(settings.secrets) });
const system = await startLocal(settings, logger, { isolation });
await system.operator.warm();
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
const stop = () => {
  system.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', stop);
serve(
  {
    measure: (): Measured => {
      const { user, system: kernel } = process.cpuUsage();
      // The histogram holds the time between two looks, which are RESOLUTION_MS apart when nothing is late.
      const late = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
      const measured = {
        rss: process.memoryUsage.rss(),
        cpuMs: (user + kernel) / 1000,
        delay: { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) },
      };
      delay.reset();
      return measured;
    },
  },
  stop,
);
console.log(`ready on ${system.url}`);

function isMethod(text: string | undefined): text is IsolationMethod {
  return text === 'bubblewrap' || text === 'user' || text === 'none';
}
