/**
 * Runs the scripts of worktree-script.ts in a sandbox and reads what they print. The operator only runs scripts there and
 * moves bundles; the repository's filters and attributes take effect in the sandbox alone.
 */
import { posix } from 'node:path';
import type { Sandbox } from '../sandbox.ts';
import { GitError } from './git.ts';
import { singleLine } from './single-line.ts';
import { STORE } from './worktree-script.ts';

/** The longest that a script may take, in seconds. */
export const SCRIPT_SECONDS = 300;
/** Where a bundle is put for a script, relative to the sandbox's root. */
export const BUNDLE = '.run/incoming.bundle';

/**
 * Runs one of the scripts and gives what it printed.
 * @throws GitError StorageFull | GitFailed
 */
export async function runScript(
  sandbox: Sandbox,
  what: string,
  script: string,
  env: Record<string, string>,
  signal: AbortSignal,
  maxBytes?: number,
): Promise<string> {
  const format = env.SWE_COMMIT?.length === 64 ? 'sha256' : 'sha1';
  const options = {
    cwd: sandbox.root,
    env: { ...env, ...place(sandbox), SWE_FORMAT: format },
    timeoutSeconds: SCRIPT_SECONDS,
    signal,
  };
  const { exitCode, output } = await sandbox.query(
    singleLine(script),
    maxBytes === undefined ? options : { ...options, maxBytes },
  );
  if (exitCode === 0) return output;
  const said = output.length > 800 ? `…${output.slice(-800)}` : output;
  if (/No space left on device|Disk quota exceeded/i.test(output)) {
    throw new GitError('StorageFull', `${what}: the sandbox's disk is full`);
  }
  if (/git: (?:command )?not found|exec: git: not found/i.test(output)) {
    throw new GitError(
      'GitMissing',
      `${what}: there is no git in the sandbox; use an image that has it, or set SWE_AGENT_TOOLBOX_IMAGE (in the chart sandbox.toolboxImage; for Daytona SWE_AGENT_TOOLBOX)`,
    );
  }
  throw new GitError('GitFailed', `${what} failed with exit code ${exitCode}: ${said.trim()}`);
}

/** What every script is told of the places that it works on. */
export function place(sandbox: Sandbox): Record<string, string> {
  const store = posix.join(sandbox.root, STORE);
  return {
    SWE_STORE: store,
    SWE_WORKTREE: sandbox.worktree,
    // Relative, so that the folder can also be read from outside of the sandbox.
    SWE_ALTERNATE: posix.relative(posix.join(sandbox.worktree, '.git', 'objects'), posix.join(store, 'objects')),
  };
}

/** The result lines of a script; the first of each name. */
export function parseFields(output: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name = '', value = ''] of output.matchAll(/^=(\w+) ?(.*)$/gm))
    if (!fields.has(name)) fields.set(name, value.trim());
  return fields;
}

/** What git could not take in, for people and models. @throws GitError when git failed for another reason */
export function notesOf(what: string, output: string): string[] {
  const lines = [...output.matchAll(/^=added (.*)$/gm)].map(([, line = '']) => line);
  const full = lines.some((line) => /No space left on device|Disk quota exceeded/i.test(line));
  if (full) throw new GitError('StorageFull', `${what}: the sandbox's disk is full`);
  const notes: string[] = [];
  const nested = new Set<string>();
  for (const line of lines) {
    const repository =
      /embedded git repository: (.*)$/.exec(line)?.[1] ?? /^error: '(.*)\/' does not have a commit/.exec(line)?.[1];
    if (repository !== undefined) nested.add(repository);
    const unreadable = /^error: open\("(.*)"\): Permission denied/.exec(line)?.[1];
    if (unreadable !== undefined) notes.push(`${unreadable} cannot be read and is not part of the result.`);
  }
  for (const path of nested) {
    notes.push(
      `${path} is a git repository of its own and is not part of the result. If its files belong to the result, remove ${path}/.git; if not, remove ${path}.`,
    );
  }
  if (parseFields(output).get('status') !== '0' && notes.length === 0) {
    throw new GitError('GitFailed', `${what} failed: ${lines.slice(-3).join(' / ')}`);
  }
  return notes.slice(0, 20);
}
