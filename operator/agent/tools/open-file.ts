/** A file of the worktree as the tools need it, and words for the model when it is not what the call needs. */
import { createHash } from 'node:crypto';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { similarPaths } from './paths.ts';
import { repositoryFiles } from './repository-files.ts';
import { decodeFile, isBinary, type TextFile } from './text-file.ts';
import { formatSize } from './truncate.ts';

/** Larger files are read in pieces and not edited. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

export type OpenedFile =
  | { kind: 'text'; file: TextFile; bytes: Uint8Array; hash: string }
  | { kind: 'binary'; what: string; image: boolean; size: number; hash: string }
  | { kind: 'missing' }
  | { kind: 'directory' }
  | { kind: 'large'; size: number };

/** @throws PathError for a path that leaves the worktree through a symlink */
export async function openFile(sandbox: Sandbox, path: string, signal: AbortSignal): Promise<OpenedFile> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await sandbox.readFile(path, { maxBytes: MAX_FILE_BYTES, signal });
  } catch (error) {
    // Reading says no for a directory and a large file as well; looking first would cost every read a round trip.
    signal.throwIfAborted();
    const status = await sandbox.stat(path, signal);
    if (status?.type === 'directory') return { kind: 'directory' };
    if (status?.type === 'file' && status.size > MAX_FILE_BYTES) return { kind: 'large', size: status.size };
    throw error;
  }
  if (!bytes) return { kind: 'missing' };
  const hash = hashOf(bytes);
  const file = decodeFile(bytes);
  if (isBinary(file)) return { kind: 'binary', what: file.kind, image: file.image, size: bytes.byteLength, hash };
  return { kind: 'text', file, bytes, hash };
}

/** What stands in ToolContext.seen for these bytes. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

/** Why a file that is no text cannot be edited. */
export function cannotEdit(path: string, opened: Exclude<OpenedFile, { kind: 'text' | 'missing' }>): string {
  switch (opened.kind) {
    case 'directory':
      return `${path} is a directory.`;
    case 'binary':
      return `${path} is a ${opened.what} of ${formatSize(opened.size)}, not text. Make or change it with a program through bash.`;
    case 'large':
      return `${path} has ${formatSize(opened.size)}, too much for this tool. Change it with a program (sed, a script) through bash.`;
  }
}

/** Says that a file is not there and which ones were probably meant. */
export async function missingFile(sandbox: Sandbox, path: string, signal: AbortSignal): Promise<string> {
  const { files } = await repositoryFiles(sandbox, '.', signal);
  const similar = similarPaths(path, files);
  if (similar.length > 0) return `There is no file ${path}. Did you mean: ${similar.join(', ')}?`;
  return `There is no file ${path}. list_files shows what is there.`;
}
