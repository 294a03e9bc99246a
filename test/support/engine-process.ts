/** The engine in a process of its own, to be killed. Argument: JSON of ProcessOptions. Prints `done` when the session finished, `lost` when another took it. */
import { type CrashPoint, crashingAt, withoutEpochCheck, withoutIntents } from './crashing-log.ts';
import { startEngine } from './engine.ts';
import { redisLog } from './redis-logs.ts';

export type ProcessOptions = {
  folder: string;
  baseUrl: string;
  repository: string;
  crash?: CrashPoint;
  mutant?: 'no-intents' | 'no-epoch-check';
  /** The Redis that keeps the log, instead of a file. */
  redis?: { url: string; prefix: string };
};

const options = JSON.parse(process.argv[2] ?? '{}') as ProcessOptions;
const inRedis = options.redis && (await redisLog(options.redis));
const engine = await startEngine({
  baseUrl: options.baseUrl,
  folder: options.folder,
  ...(options.redis && { holder: 'test' }),
  wrapLog: (file) => {
    const log = inRedis ?? file;
    const mutated =
      options.mutant === 'no-intents' ? withoutIntents(log) : options.mutant === 'no-epoch-check' ? withoutEpochCheck(log) : log;
    return crashingAt(mutated, options.crash);
  },
});
engine.apply('crash', { goal: 'Say hello', repository: { url: options.repository } });
const lost = Promise.withResolvers<string>();
engine.runner.onChange(() => {
  if (engine.runner.running === 0) lost.resolve('lost');
});
const done = engine.until('crash', (state) => state.finished !== undefined, 600_000).then(() => 'done');
console.log(await Promise.race([done, lost.promise]));
await engine.stop();
await inRedis?.close();
process.exit(0);
