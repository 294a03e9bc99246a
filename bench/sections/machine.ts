/** What this machine takes for the things that no agent can do without. Everything else is to be read against these. */
import { execFile, execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { now } from '../clock.ts';
import { type Report, type SectionOptions, workFolder } from '../section.ts';
import { summary } from '../statistics.ts';
import { ms, table } from '../table.ts';

const run = promisify(execFile);

export async function machine({ quick }: SectionOptions): Promise<Report> {
  const count = quick ? 20 : 100;
  await using folder = await workFolder();
  const rows: string[][] = [];
  const add = (what: string, samples: number[]) => {
    const { p50, p95 } = summary(samples);
    rows.push([what, ms(p50), ms(p95)]);
  };
  add('write 500 bytes and fsync', synced(join(folder.path, 'file'), count));
  add('run sh', await repeat(count, () => run('sh', ['-c', ':'])));
  if (hasBubblewrap()) {
    const args = ['--ro-bind', '/', '/', '--unshare-pid', '--proc', '/proc', '--dev', '/dev', 'sh', '-c', ':'];
    add('run sh under a new bubblewrap', await repeat(count, () => run('bwrap', args)));
  }
  add(
    'clone the small repository with git',
    await repeat(Math.ceil(count / 10), (index) =>
      run('git', ['clone', '-q', folder.repository, join(folder.path, `clone${index}`)]),
    ),
  );
  add('start node and end it', await repeat(Math.ceil(count / 10), () => run(process.execPath, ['-e', '0'])));
  const [cpu] = cpus();
  return {
    title: 'This machine',
    lines: [
      `  ${availableParallelism()} × ${cpu?.model.trim() ?? 'CPU'}, ${Math.round(totalmem() / 1024 ** 3)} GB, ${process.platform}, Node ${process.versions.node}`,
      table(['', 'p50 ms', 'p95 ms'], rows),
    ],
  };
}

export function hasBubblewrap(): boolean {
  try {
    execFileSync('bwrap', ['--ro-bind', '/', '/', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function synced(path: string, count: number): number[] {
  const file = openSync(path, 'w');
  try {
    return Array.from({ length: count }, () => {
      const began = now();
      writeSync(file, 'x'.repeat(500));
      fdatasyncSync(file);
      return now() - began;
    });
  } finally {
    closeSync(file);
  }
}

async function repeat(count: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    const began = now();
    await work(index);
    samples.push(now() - began);
  }
  return samples;
}
