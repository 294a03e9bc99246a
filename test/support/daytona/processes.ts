/** The processes of one sandbox of the tests: those that were started with its variables, and all that came of them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { eventually } from '../eventually.ts';

/** Ids of the running processes in whose environment, arguments or directory the folder appears. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const state = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.[0];
      if (state === 'Z') return [];
      const named = ['environ', 'cmdline'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(folder));
      return named || readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ? [pid] : [];
    } catch {
      // It ended, or is another user's.
      return [];
    }
  });
}

/** Kills them all, as the end of a container does. */
export async function killAllIn(folder: string): Promise<void> {
  await eventually(`the processes in ${folder} to be gone`, () => {
    const running = processesIn(folder);
    for (const pid of running) kill(pid, 'SIGKILL');
    return running.length === 0;
  });
}

/** Sends a signal; nothing happens when the process, or group, is gone. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}
