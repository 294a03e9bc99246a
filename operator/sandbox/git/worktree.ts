/** Git inside the sandbox: what was done is committed, compared and put back. */
import { quoteAll } from '../quote.ts';
import type { Sandbox } from '../sandbox.ts';
import type { DiffStat, GitIdentity } from './git.ts';
import { notesOf, parseFields, place, runScript, SCRIPT_SECONDS } from './sandbox-git.ts';
import { parseStat } from './shortstat.ts';
import { singleLine } from './single-line.ts';
import { COMMIT, DIFF, RESET, STAT, TREE, TREE_OF } from './worktree-script.ts';

export type CommitRequest = {
  /** Operation id: a repeated call finds the same commit. */
  op: string;
  message: string;
  /** The one parent of the commit. */
  parent: string;
  /** What `stat` counts from; the parent when left out. */
  base?: string;
  /** Author and committer date in seconds since 1970: the same date makes the same commit id. */
  date: number;
  identity: GitIdentity;
  /** Where the commit is kept, refs/swe-agent/…. */
  ref: string;
};

export type Committed = {
  /** The parent itself when nothing changed. */
  commit: string;
  tree: string;
  changed: boolean;
  stat: DiffStat;
  /** What is in the worktree and could not be taken in, in sentences. */
  notes: string[];
};

/**
 * Makes one commit of everything in the worktree but ignored files, on top of the parent, whatever was committed in the
 * worktree's own .git, whose index and branches stay as they are.
 * @throws GitError StorageFull | GitFailed
 */
export async function commitWorktree(sandbox: Sandbox, request: CommitRequest, signal: AbortSignal): Promise<Committed> {
  const date = `${request.date} +0000`;
  const { name, email } = request.identity;
  const env = {
    SWE_PARENT: request.parent,
    SWE_BASE: request.base ?? request.parent,
    SWE_MESSAGE: `${request.message.replaceAll('\0', '').trimEnd()}\n`,
    SWE_REF: request.ref,
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: date,
  };
  const spec = {
    command: singleLine(COMMIT),
    cwd: sandbox.root,
    env: { ...env, ...place(sandbox), SWE_FORMAT: 'sha1' },
    timeoutSeconds: SCRIPT_SECONDS,
  };
  const recorded = await sandbox.run(request.op, spec, { signal, keepBytes: 64 * 1024 });
  const done = recorded.state === 'exited' && recorded.exitCode === 0 && recorded.output.omitted === 0;
  // What failed once (a full disk) or ended unknown is done again: it changes nothing but the store.
  const output = done ? recorded.output.head : await runScript(sandbox, 'committing the worktree', COMMIT, env, signal);
  const fields = parseFields(output);
  const commit = fields.get('commit') ?? '';
  return {
    commit,
    tree: fields.get('tree') ?? '',
    changed: commit !== request.parent,
    stat: parseStat(fields.get('stat') ?? ''),
    notes: notesOf('committing the worktree', output),
  };
}

/**
 * Puts the worktree to a commit of the store: tracked changes and untracked files go, ignored files stay, and .git is made
 * anew with the branch at that commit.
 * @throws GitError StorageFull | GitFailed
 */
export async function resetWorktree(sandbox: Sandbox, commit: string, signal: AbortSignal): Promise<void> {
  await runScript(sandbox, 'resetting the worktree', RESET, { SWE_COMMIT: commit }, signal);
}

/** The tree that commitWorktree would make now. @throws GitError StorageFull | GitFailed */
export async function worktreeTree(sandbox: Sandbox, signal: AbortSignal): Promise<string> {
  const output = await runScript(sandbox, 'reading the worktree', TREE, {}, signal);
  notesOf('reading the worktree', output);
  return parseFields(output).get('tree') ?? '';
}

/** The tree of a commit of the store. @throws GitError GitFailed */
export async function treeOf(sandbox: Sandbox, commit: string, signal: AbortSignal): Promise<string> {
  const output = await runScript(sandbox, 'reading a commit', TREE_OF, { SWE_COMMIT: commit }, signal);
  return parseFields(output).get('tree') ?? '';
}

/** The unified diff between two commits, renames found, cut after whole lines at maxBytes. @throws GitError GitFailed */
export async function diff(
  sandbox: Sandbox,
  from: string,
  to: string,
  options: { maxBytes: number; paths?: readonly string[] },
  signal: AbortSignal,
): Promise<{ text: string; truncated: boolean }> {
  const env = { SWE_FROM: from, SWE_TO: to, SWE_MAX_BYTES: String(options.maxBytes) };
  const script = `set -- ${quoteAll(options.paths ?? [])}\n${DIFF}`;
  const output = await runScript(sandbox, 'comparing commits', script, env, signal, options.maxBytes * 3 + 64 * 1024);
  const start = output.indexOf('\n') + 1;
  const bytes = Number(/=bytes (\d+)\n$/.exec(output.slice(0, start))?.[1]);
  const text = output.slice(start);
  const truncated = bytes > options.maxBytes;
  return { text: truncated ? text.slice(0, text.lastIndexOf('\n') + 1) : text, truncated };
}

/** @throws GitError GitFailed */
export async function diffStat(sandbox: Sandbox, from: string, to: string, signal: AbortSignal): Promise<DiffStat> {
  const output = await runScript(sandbox, 'comparing commits', STAT, { SWE_FROM: from, SWE_TO: to }, signal);
  return parseStat(parseFields(output).get('stat') ?? '');
}
