/** Processes of this machine, seen from outside: for tests that look for what was left behind. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type SeenProcess = { pid: number; command: string };

/** Processes whose arguments, environment or working directory name the text. This one is never among them. */
export function processesNaming(text: string): SeenProcess[] {
  return (process.platform === 'linux' ? fromProc(text) : fromPs(text)).filter(({ pid }) => pid !== process.pid);
}

function fromProc(text: string): SeenProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
    const ended = /^State:\s+[ZX]/m.test(read(`/proc/${name}/status`));
    const named = [command, read(`/proc/${name}/environ`), linkOf(`/proc/${name}/cwd`)].some((one) => one.includes(text));
    return named && !ended ? [{ pid: Number(name), command }] : [];
  });
}

function fromPs(text: string): SeenProcess[] {
  const lines = execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 1 << 26 }).split(
    '\n',
  );
  return lines.filter((line) => line.includes(text)).map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim() }));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Ends a process that may be gone already. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is.
  }
}
