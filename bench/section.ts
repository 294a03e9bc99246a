/** What a part of the benchmark gets, and gives. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSampleRepository } from '../scripts/demo/sample-repository.ts';

export type Aim = { what: string; value: number; most: number; unit: 'ms' | 'MB' | 'writes' };

export type Report = { title: string; lines: string[]; aims?: Aim[] };

export type SectionOptions = {
  /** Fewer rounds, sizes and sessions: to see that it runs, and the order of magnitude. */
  quick: boolean;
  /** Says what is being done, for a person who waits. */
  progress: (text: string) => void;
};

export type Section = (options: SectionOptions) => Promise<Report>;

/** A folder with a small repository in it, removed with all else that was put there. */
export async function workFolder(): Promise<{ path: string; repository: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'swe-agent-bench-'));
  // A sandbox that runs as a user of its own passes through it.
  await chmod(path, 0o711);
  const repository = join(path, 'receipt');
  makeSampleRepository(repository);
  return {
    path,
    repository,
    // What ended a moment ago may still be writing.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}

let workloads = 0;

/** A name for a workload that no other has. */
export function freshId(): string {
  return `w${process.pid}x${++workloads}`;
}
