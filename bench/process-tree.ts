/** Processes below a process, as /proc shows them. Empty where there is no /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** `start` (ticks since boot) tells a process from a later one with the same number. */
export type TreeProcess = { pid: number; start: string; cpuTicks: number };

type Stat = { parent: number; start: string; cpuTicks: number };

/** The process and everything below it. */
export function processTree(pid: number): TreeProcess[] {
  const stats = new Map<number, Stat>();
  const children = new Map<number, number[]>();
  for (const name of readdirOrNothing('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (!stat) continue;
    stats.set(Number(name), stat);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const found: TreeProcess[] = [];
  const left = [pid];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const stat = stats.get(at);
    if (stat) found.push({ pid: at, start: stat.start, cpuTicks: stat.cpuTicks });
    left.push(...(children.get(at) ?? []));
  }
  return found;
}

/** Memory of the processes in bytes, shared pages counted once over all who share them. */
export function proportionalMemory(processes: readonly TreeProcess[]): number {
  return processes.reduce((sum, { pid }) => {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readOrNothing(`/proc/${pid}/smaps_rollup`))?.[1];
    return sum + Number(kilobytes ?? 0) * 1024;
  }, 0);
}

/** Kills those that are still there and still the same. */
export function killLeft(processes: readonly TreeProcess[]): number {
  const left = processes.filter(({ pid, start }) => statOf(pid)?.start === start);
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  return left.length;
}

/** CPU time of the process and of the children that it waited for, in ticks. */
function statOf(pid: number): Stat | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20 || fields[0] === 'Z') return undefined;
  const cpuTicks = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
  return { parent: Number(fields[1]), start: fields[19] ?? '', cpuTicks };
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function readdirOrNothing(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
