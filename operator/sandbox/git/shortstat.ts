import type { DiffStat } from './git.ts';

/** Reads the line of `git diff --shortstat`, which is empty when nothing changed. */
export function parseStat(text: string): DiffStat {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    filesChanged: number(/(\d+) files? changed/),
    additions: number(/(\d+) insertions?\(\+\)/),
    deletions: number(/(\d+) deletions?\(-\)/),
  };
}
