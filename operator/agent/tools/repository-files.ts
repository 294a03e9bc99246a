/** Which files the repository has: tracked ones and new ones that are not ignored. */
import type { Sandbox } from '../../sandbox/sandbox.ts';

/** Bytes of file names that are asked for; a listing that long is cut. */
const MAX_BYTES = 3 * 1024 * 1024;

/** Prints names as UTF-8, quoted only when they hold control characters, quotes or backslashes. */
export const GIT = 'git -c core.quotePath=false';

/**
 * Files below a directory of the worktree, relative to the worktree, sorted. Where git knows none (no git, or a directory
 * that git ignores: `ignored`) everything below it but .git is listed. `cut`: there are more.
 */
export async function repositoryFiles(
  sandbox: Sandbox,
  directory: string,
  signal: AbortSignal,
): Promise<{ files: string[]; cut: boolean; ignored: boolean }> {
  const git = await sandbox.has('git', signal);
  if (git) {
    // Files that are deleted but not yet committed are known to git and not there.
    const script = `{ ${GIT} ls-files -co --exclude-standard && echo // && ${GIT} ls-files -d; } 2>/dev/null | head -c ${MAX_BYTES}`;
    const { output } = await sandbox.query(script, { cwd: directory, maxBytes: MAX_BYTES * 2, timeoutSeconds: 30, signal });
    const [known = '', deleted = ''] = output.split(/^\/\/$/m);
    const gone = new Set(names(deleted, directory));
    const files = names(known, directory).filter((file) => !gone.has(file));
    if (files.length > 0) return { files: unique(files), cut: output.length >= MAX_BYTES - 4, ignored: false };
  }
  const script = `find . -name .git -prune -o ! -type d -print 2>/dev/null | head -n 5000`;
  const { output } = await sandbox.query(script, { cwd: directory, maxBytes: MAX_BYTES, timeoutSeconds: 30, signal });
  const files = names(output.replace(/^\.\//gm, ''), directory);
  return { files: unique(files), cut: files.length >= 5000, ignored: git && files.length > 0 };
}

/** A name as git prints it, without the quotes that it puts around names with special characters. */
export function unquoteName(name: string): string {
  if (!/^".*"$/s.test(name)) return name;
  const bytes: number[] = [];
  const inner = Buffer.from(name.slice(1, -1), 'utf8').toString('latin1');
  for (const [piece] of inner.matchAll(/\\[0-7]{3}|\\.|[^\\]/gs)) {
    if (/^\\[0-7]{3}$/.test(piece)) bytes.push(Number.parseInt(piece.slice(1), 8));
    else if (piece.startsWith('\\')) bytes.push(...Buffer.from(ESCAPED[piece.slice(1)] ?? piece.slice(1), 'latin1'));
    else bytes.push(piece.charCodeAt(0));
  }
  return Buffer.from(bytes).toString('utf8');
}

const ESCAPED: Record<string, string> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };

function names(output: string, directory: string): string[] {
  const prefix = directory === '.' ? '' : `${directory}/`;
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => prefix + unquoteName(line));
}

function unique(files: readonly string[]): string[] {
  return [...new Set(files)].sort();
}
