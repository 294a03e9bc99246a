/** The repository goes into the sandbox. */
import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Sandbox } from '../sandbox.ts';
import { GitError, type GitIdentity, type Snapshot } from './git.ts';
import { fileFailure } from './git-failure.ts';
import { redactUrl } from './repository-url.ts';
import { BUNDLE, parseFields, runScript } from './sandbox-git.ts';
import { SEED, SEEDED } from './worktree-script.ts';

export type SeedOptions = {
  identity: GitIdentity;
  /** The branch that was cloned; the worktree's branch has its name, or `work` when there is none. */
  baseBranch: string;
  /** Becomes the remote `origin`; a credential in it is dropped. */
  remoteUrl: string;
};

const SHALLOW = '.run/incoming.shallow';
/** Up to so many commits go along with the script; more go as a file. */
const FEW = 4;
/** A snapshot may be of any size; the operator never holds more of it than this at once. */
const PIECE_BYTES = 8 * 1024 * 1024;
/** Up to this, sending a bundle that is there already costs less than asking first. */
const SMALL_BUNDLE = 1024 * 1024;

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
  const { shallow } = snapshot;
  const many = shallow.length > FEW;
  if (many) await sandbox.upload(SHALLOW, Buffer.from(`${shallow.join('\n')}\n`), signal);
  const pieces = await uploadBundle(sandbox, bundle, size, signal);
  const env = {
    SWE_COMMIT: snapshot.commit,
    SWE_BRANCH: options.baseBranch || 'work',
    SWE_TRACKED: options.baseBranch || '-',
    SWE_BUNDLE: posix.join(sandbox.root, BUNDLE),
    SWE_PIECES: String(pieces),
    SWE_CUT: many ? '' : shallow.join('\n'),
    SWE_SHALLOW: many ? posix.join(sandbox.root, SHALLOW) : '',
    SWE_CONFIG: worktreeConfig(options),
    SWE_IDENTITY: identityConfig(options.identity),
  };
  await runScript(sandbox, 'putting the repository into the sandbox', SEED, env, signal);
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

function readFailed(error: unknown): never {
  throw fileFailure('reading the snapshot', error);
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
