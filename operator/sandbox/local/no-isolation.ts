/** No isolation, where nothing better works (macOS, no bubblewrap and not root): it says so at every door. */
import type { Isolation } from '../transport.ts';
import type { Isolator, RunnerStart, SandboxPlace } from './isolation.ts';
import { isAlive, killAll, type MarkedProcesses, type ProcessId, signal } from './processes.ts';

export class NoIsolation implements Isolator {
  readonly isolation: Isolation;
  readonly #marked: MarkedProcesses;

  /** @param why what kept the better methods from working, in words that tell how to change it. */
  constructor(why: string, marked: MarkedProcesses, platform: NodeJS.Platform = process.platform) {
    this.#marked = marked;
    const callers =
      platform === 'linux'
        ? 'refuses their calls only as long as they do not hide'
        : 'cannot tell their calls from yours on this system';
    this.isolation = {
      isolated: false,
      method: 'none',
      message: `NOT ISOLATED: commands run with the rights of this operator and can read and change everything that it can, this API included, which ${callers}. ${why}`,
    };
  }

  start(_place: SandboxPlace, shell: readonly string[], env: Readonly<Record<string, string>>): RunnerStart {
    const [file = '/bin/sh', ...args] = shell;
    return { file, args, env };
  }

  /** A command that cleared its environment and left its session escapes this: nothing but isolation could hold it. */
  async endProcesses(place: SandboxPlace, runner: ProcessId | undefined): Promise<boolean> {
    if (runner && isAlive(runner)) signal(-runner.pid, 'SIGKILL');
    return killAll(() => this.#marked.find(place.sandboxUid), 2000);
  }
}
