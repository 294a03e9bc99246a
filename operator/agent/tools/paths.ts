/** Paths as models write them, and as the tools use them: relative to the worktree, without detours. */
import { posix } from 'node:path';

/** `path` is relative to the worktree ('.' is the worktree itself); `outside` is the absolute path of something else. */
export type Located = { path: string } | { outside: string } | { problem: string };

/** Where a path of the model's leads, by its text alone: symlinks are the sandbox's business. */
export function locate(written: string, worktree: string): Located {
  const given = written.trim();
  if (given === '') return { problem: 'The path is empty.' };
  if (given.includes('\0')) return { problem: 'The path holds a NUL character.' };
  if (given === '~' || given.startsWith('~/'))
    return { problem: `${given}: ~ is not expanded here; give a path relative to the repository root.` };
  const absolute = posix.resolve(worktree, given);
  const relative = posix.relative(worktree, absolute);
  if (relative === '') return { path: '.' };
  if (relative === '..' || relative.startsWith('../')) return { outside: absolute };
  return { path: relative };
}

/** A path that may be written, or why not. */
export function locateForWriting(written: string, worktree: string): { path: string } | { problem: string } {
  const located = locate(written, worktree);
  if ('problem' in located) return located;
  if ('outside' in located) {
    return {
      problem: `${located.outside} is outside of the worktree ${worktree}. Give a path relative to the repository root; for scratch files elsewhere use bash.`,
    };
  }
  if (located.path === '.') return { problem: 'That is the root of the repository, not a file.' };
  if (located.path.split('/').some((name) => name.toLowerCase() === '.git')) {
    return { problem: `${located.path}: files of git itself are not edited; use git commands through bash.` };
  }
  return located;
}

/**
 * Paths of the repository that a wrong path may have meant, the likeliest first: the same name elsewhere, then names
 * that differ a little.
 */
export function similarPaths(wanted: string, present: readonly string[], limit = 5): string[] {
  const name = posix.basename(wanted).toLowerCase();
  const folders = new Set(posix.dirname(wanted).toLowerCase().split('/'));
  const scored = present.flatMap((path) => {
    const likeness = nameLikeness(name, posix.basename(path).toLowerCase());
    if (likeness < 0.65) return [];
    const shared = posix
      .dirname(path)
      .toLowerCase()
      .split('/')
      .filter((folder) => folders.has(folder)).length;
    return [{ path, score: likeness + shared / (2 * (folders.size + 1)) }];
  });
  return scored
    .sort((a, b) => b.score - a.score || a.path.length - b.path.length || (a.path < b.path ? -1 : 1))
    .slice(0, limit)
    .map(({ path }) => path);
}

/** 1 for the same name; less for each character that would have to change; a name whose stem is the same comes close. */
function nameLikeness(a: string, b: string): number {
  if (a === b) return 1;
  const stem = (name: string) => name.replace(/\.[^.]*$/, '');
  if (stem(a) === stem(b) && stem(a) !== '') return 0.9;
  const longer = Math.max(a.length, b.length);
  if (Math.abs(a.length - b.length) > longer * 0.4) return 0;
  return 1 - editDistance(a, b) / longer;
}

function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
