/**
 * Git inside the sandbox: the repository is sent in, what was done is committed and comes out. The operator only runs scripts
 * here and moves bundles; the repository's filters and attributes take effect in the sandbox alone.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { quoteAll } from '../quote.ts';
import type { Sandbox } from '../sandbox.ts';
import { type DiffStat, GitError, type GitIdentity, type Snapshot } from './git.ts';
import { fileFailure } from './git-failure.ts';
import { redactUrl } from './repository-url.ts';
import { parseStat } from './shortstat.ts';
import { singleLine } from './single-line.ts';
import { COMMIT, DIFF, EXPORT, RESET, RESTORE, SEED, SEEDED, STAT, STORE, TREE, TREE_OF } from './worktree-script.ts';

export type SeedOptions = {
  identity: GitIdentity;
  /** The branch that was cloned; the worktree's branch has its name, or `work` when there is none. */
  baseBranch: string;
  /** Becomes the remote `origin`; a credential in it is dropped. */
  remoteUrl: string;
};

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

const SCRIPT_SECONDS = 300;
const BUNDLE = '.run/incoming.bundle';
const SHALLOW = '.run/incoming.shallow';
/** A snapshot may be of any size; the operator never holds more of it than this at once. */
const PIECE_BYTES = 8 * 1024 * 1024;
/** Up to this, sending a bundle that is there already costs less than asking first. */
const SMALL_BUNDLE = 1024 * 1024;
const DEFAULT_EXPORT_BYTES = 256 * 1024 * 1024;

/**
 * Puts the snapshot into the worktree, on a local branch. Done again after a crash it completes what was begun; once it is
 * complete it changes nothing.
 * @throws GitError StorageFull | GitFailed
 */
export async function seedWorktree(
  sandbox: Sandbox,
  snapshot: Snapshot,
  options: SeedOptions,
  signal: AbortSignal,
): Promise<void> {
  await using bundle = await open(snapshot.bundlePath).catch(readFailed);
  const { size } = await bundle.stat().catch(readFailed);
  if (size > SMALL_BUNDLE) {
    const found = await runScript(sandbox, 'looking at the worktree', SEEDED, { SWE_COMMIT: snapshot.commit }, signal);
    if (parseFields(found).has('seeded')) return;
  }
  if (snapshot.shallow.length > 0) await sandbox.upload(SHALLOW, Buffer.from(`${snapshot.shallow.join('\n')}\n`), signal);
  const pieces = await uploadBundle(sandbox, bundle, size, signal);
  const env = {
    SWE_COMMIT: snapshot.commit,
    SWE_BRANCH: options.baseBranch || 'work',
    SWE_TRACKED: options.baseBranch || '-',
    SWE_BUNDLE: posix.join(sandbox.root, BUNDLE),
    SWE_PIECES: String(pieces),
    SWE_SHALLOW: snapshot.shallow.length > 0 ? posix.join(sandbox.root, SHALLOW) : '',
    SWE_CONFIG: `${identityConfig(options.identity)}\n${worktreeConfig(options)}`,
    SWE_IDENTITY: identityConfig(options.identity),
  };
  await runScript(sandbox, 'putting the repository into the sandbox', SEED, env, signal);
}

/**
 * Puts a worktree that was seeded with its base to a commit that a bundle from exportBundle brings.
 * @throws GitError StorageFull | GitFailed
 */
export async function restoreCheckpoint(
  sandbox: Sandbox,
  checkpoint: { commit: string; bundle: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  await sandbox.upload(BUNDLE, checkpoint.bundle, signal);
  const env = { SWE_COMMIT: checkpoint.commit, SWE_BUNDLE: posix.join(sandbox.root, BUNDLE) };
  await runScript(sandbox, 'restoring the worktree', RESTORE, env, signal);
}

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

/**
 * A bundle of what the commit has and the base has not, under refs/heads/<branch> when a branch is given.
 * @throws GitError GitFailed when it is larger than maxBytes (default 256 MiB), StorageFull
 */
export async function exportBundle(
  sandbox: Sandbox,
  request: { base: string; commit: string; branch?: string; maxBytes?: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const path = `${STORE}/outgoing.bundle`;
  const env = {
    SWE_BASE: request.base,
    SWE_COMMIT: request.commit,
    SWE_REF: request.branch === undefined ? 'refs/swe-agent/exported' : `refs/heads/${request.branch}`,
    SWE_BUNDLE: posix.join(sandbox.root, path),
  };
  const output = await runScript(sandbox, 'bundling the changes', EXPORT, env, signal);
  const bytes = Number(parseFields(output).get('bytes'));
  const maxBytes = request.maxBytes ?? DEFAULT_EXPORT_BYTES;
  if (!(bytes <= maxBytes)) {
    const message = `the changes are ${megabytes(bytes)} MB large, more than the ${megabytes(maxBytes)} MB that can be taken out of a sandbox: large files that do not belong to the result should be in .gitignore`;
    throw new GitError('GitFailed', message);
  }
  const bundle = await sandbox.download(path, { maxBytes, signal });
  if (!bundle) throw new GitError('GitFailed', 'the bundle of the changes vanished from the sandbox');
  return bundle;
}

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
    throw new GitError('GitFailed', `${what}: there is no git in the sandbox; use an image that has it`);
  }
  throw new GitError('GitFailed', `${what} failed with exit code ${exitCode}: ${said.trim()}`);
}

function place(sandbox: Sandbox): Record<string, string> {
  const store = posix.join(sandbox.root, STORE);
  return {
    SWE_STORE: store,
    SWE_WORKTREE: sandbox.worktree,
    // Relative, so that the folder can also be read from outside of the sandbox.
    SWE_ALTERNATE: posix.relative(posix.join(sandbox.worktree, '.git', 'objects'), posix.join(store, 'objects')),
  };
}

function readFailed(error: unknown): never {
  throw fileFailure('reading the snapshot', error);
}

/** Each piece is there only until the next is asked for: all are read into the same memory. */
async function* readPieces(file: FileHandle, size: number): AsyncIterable<Uint8Array> {
  const memory = Buffer.allocUnsafe(Math.min(size, PIECE_BYTES));
  for (let offset = 0; offset < size; ) {
    const length = Math.min(PIECE_BYTES, size - offset);
    const { bytesRead } = await file.read(memory, 0, length, offset).catch(readFailed);
    if (bytesRead !== length) throw new GitError('GitFailed', 'reading the snapshot failed: it ended too soon');
    yield memory.subarray(0, length);
    offset += length;
  }
}

/** As one file or, when it is larger than a piece, as several, which the script joins. @returns how many those are */
async function uploadBundle(sandbox: Sandbox, file: FileHandle, size: number, signal: AbortSignal): Promise<number> {
  const whole = size <= PIECE_BYTES;
  let count = 0;
  for await (const piece of readPieces(file, size)) await sandbox.upload(whole ? BUNDLE : `${BUNDLE}.${count++}`, piece, signal);
  return count;
}

function worktreeConfig({ remoteUrl }: SeedOptions): string {
  return [
    '[core]',
    '\tquotePath = false',
    '[remote "origin"]',
    `\turl = ${configValue(redactUrl(remoteUrl))}`,
    '\tfetch = +refs/heads/*:refs/remotes/origin/*',
  ].join('\n');
}

function identityConfig({ name, email }: GitIdentity): string {
  return `[user]\n\tname = ${configValue(name)}\n\temail = ${configValue(email)}`;
}

function configValue(text: string): string {
  let clean = '';
  for (const character of text)
    clean += character < ' ' ? ' ' : character === '"' || character === '\\' ? `\\${character}` : character;
  return `"${clean}"`;
}

/** The result lines of a script; the first of each name. */
export function parseFields(output: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name = '', value = ''] of output.matchAll(/^=(\w+) ?(.*)$/gm))
    if (!fields.has(name)) fields.set(name, value.trim());
  return fields;
}

/** What git could not take in, for people and models. @throws GitError when git failed for another reason */
function notesOf(what: string, output: string): string[] {
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

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
