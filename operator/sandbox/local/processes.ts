/** Processes of a sandbox, seen from outside: is it still the same one, which ones carry the sandbox's mark, end them all. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { pause } from '../deadline.ts';

/** The variable that every process of a sandbox inherits. Its value is the sandbox's uid. */
export const MARK = 'SWE_AGENT_SANDBOX';

/** A process that a later one with the same number is not mistaken for. */
export type ProcessId = { pid: number; start: string };

/** Start time (clock ticks since boot, and the boot) of a running process; undefined when it is gone. "-" where there is no /proc. */
export function identify(pid: number): ProcessId | undefined {
  if (process.platform !== 'linux') {
    try {
      process.kill(pid, 0);
      return { pid, start: '-' };
    } catch {
      return undefined;
    }
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, start: `${fields[19]}@${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}` };
  } catch {
    return undefined;
  }
}

export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.start === id.start;
}

/** Sends a signal; a process or group (negative) that is gone is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  // To the kernel 0 means our own group, and -1 every process of this machine.
  if (!Number.isInteger(pid) || Math.abs(pid) <= 1) throw new RangeError(`${pid} is not a process of a sandbox`);
  try {
    process.kill(pid, name);
  } catch {
    // Gone, or not ours: the caller looks again.
  }
}

/** Waits until none is alive, at most `ms`. */
export async function awaitGone(ids: readonly ProcessId[], ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let delay = 1; ids.some(isAlive); delay = Math.min(delay * 2, 50)) {
    if (performance.now() > deadline) return false;
    await pause(delay);
  }
  return true;
}

/** Finds processes by the mark in their environment. Questions asked at the same time are answered by one look at all processes. */
export class MarkedProcesses {
  #scan: Promise<Map<string, number[]>> | undefined;

  /** Processes of the sandbox, as of some time after the call. */
  async find(sandboxUid: string): Promise<number[]> {
    this.#scan ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#scan = undefined;
      return process.platform === 'linux' ? scanProc() : scanPs();
    });
    return (await this.#scan).get(sandboxUid) ?? [];
  }
}

function scanProc(): Map<string, number[]> {
  return Map.groupBy(processes(), (pid) => {
    try {
      const entry = readFileSync(`/proc/${pid}/environ`, 'latin1')
        .split('\0')
        .find((entry) => entry.startsWith(`${MARK}=`));
      return entry?.slice(MARK.length + 1) ?? '';
    } catch {
      return '';
    }
  });
}

async function scanPs(): Promise<Map<string, number[]>> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { maxBuffer: 1 << 26 });
  const mark = new RegExp(`\\b${MARK}=(\\S+)`);
  return new Map(
    [...Map.groupBy(stdout.split('\n'), (line) => mark.exec(line)?.[1] ?? '')].map(([uid, lines]) => [
      uid,
      lines.map((line) => Number.parseInt(line, 10)).filter(Number.isFinite),
    ]),
  );
}

/** Kills every process that `find` names until it names none. @returns false when some are still there after `ms`. */
export async function killAll(find: () => Promise<number[]>, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let delay = 2; ; delay = Math.min(delay * 2, 100)) {
    const found = (await find()).filter((pid) => pid !== process.pid && identify(pid));
    if (found.length === 0) return true;
    for (const pid of found) signal(pid, 'SIGKILL');
    if (performance.now() > deadline) return false;
    await pause(delay);
  }
}

/** Process ids of this machine (Linux). */
export function processes(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}
