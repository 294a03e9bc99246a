/** Who works in a folder: remembered there while a process runs, so that after a crash its orphan is ended before anybody else begins. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const FILE = 'running';

/** To be called at once after the start of a process group that has the folder's path among its arguments. */
export function rememberProcess(dir: string, pid: number): void {
  writeFileSync(join(dir, FILE), `${pid}\n`);
}

export async function forgetProcess(dir: string): Promise<void> {
  await rm(join(dir, FILE), { force: true });
}

/** Ends what an operator that died left running in the folder. True when there was something to end or clean up after. */
export async function endOrphan(dir: string): Promise<boolean> {
  const text = await readFile(join(dir, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const pid = Number.parseInt(text, 10);
  for (let tries = 0; tries < 50 && pid > 1 && (await argumentsOf(pid)).includes(dir); tries++) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      break;
    }
    await sleep(20);
  }
  await forgetProcess(dir);
  return true;
}

/** Empty when there is no such process. A pid can belong to another by now, hence the look at what it does. */
async function argumentsOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return await readFile(`/proc/${pid}/cmdline`, 'utf8');
    const { stdout } = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]);
    return stdout;
  } catch {
    return '';
  }
}
