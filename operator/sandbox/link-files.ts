/**
 * Files of a sandbox that link.sh serves, whatever brings the requests to it: which paths may be asked for, what the answers
 * mean, and how a long file is read.
 */
import { canCarry } from './protocol.ts';
import { PathError } from './sandbox.ts';
import { storageFull } from './storage-full.ts';
import type { SandboxType } from './transport.ts';

/** Files are read in pieces of this, so that nothing waits long behind a large one. */
export const CHUNK_BYTES = 512 * 1024;

/** What the script answers: a word, and what belongs to it. */
export type FileAnswer = { word: string; rest: string };

export type FileStat = { type: 'file' | 'directory' | 'other'; size: number; mode: number };

/** The path, which may be asked about. @throws PathError */
export function pathBelow(root: string, path: string): string {
  if (path !== root && !path.startsWith(`${root}/`)) throw new PathError(`${path} is not below ${root}`);
  if (!canCarry(path))
    throw new PathError(`${JSON.stringify(path.slice(0, 200))} holds control characters and cannot be used as a path`);
  return path;
}

/** The path, which may be written to. @throws PathError */
export function plainPathBelow(root: string, path: string): string {
  const parts = pathBelow(root, path)
    .slice(root.length + 1)
    .split('/');
  if (path === root || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new PathError(`${path} is not a plain path below ${root}`);
  }
  return path;
}

/** What a file holds; undefined when there is no such file. @throws PathError */
export function contentIn<T>(path: string, { word, bytes }: { word: string; bytes: T }): T | undefined {
  if (word === 'outside') throw outside(path);
  return word === 'ok' ? bytes : undefined;
}

/** What is at a path; undefined when nothing is. @throws PathError */
export function statIn(path: string, { word, rest }: FileAnswer): FileStat | undefined {
  if (word === 'outside') throw outside(path);
  if (word !== 'file' && word !== 'directory' && word !== 'other') return undefined;
  const [mode = '', size = ''] = rest.split(' ');
  return { type: word, size: /^\d+$/.test(size) ? Number(size) : 0, mode: modeOf(mode) };
}

/** Takes the answer to the request that put a file in its place. @throws PathError | StorageFull as SandboxUnavailableError */
export function expectInstalled(path: string, { word, rest }: FileAnswer, type: SandboxType): void {
  if (word === 'refused') throw new PathError(refusal(path, rest));
  if (word !== 'ok') throw storageFull(type);
}

/**
 * Reads a range of a file, the first piece alone and then several at once.
 * @param window pieces that are under way at once
 * @param read reads that many bytes from a place, fewer at the file's end; undefined when there is no file
 * @throws the signal's reason, once the pieces that are under way are there
 */
export async function readInPieces(
  { offset, length, signal }: { offset: number; length: number; signal: AbortSignal },
  window: number,
  read: (from: number, wanted: number) => Promise<Buffer | undefined>,
): Promise<Buffer | undefined> {
  const end = offset + length;
  const piece = (from: number): Promise<Buffer | undefined> => read(from, Math.min(CHUNK_BYTES, end - from));
  const first = await piece(offset);
  if (first === undefined || first.length < CHUNK_BYTES || length <= CHUNK_BYTES) return first;
  const pieces = [first];
  // Where the end is nobody has said: a row of pieces, then the next one, until one is short.
  for (let from = offset + CHUNK_BYTES; from < end; from += window * CHUNK_BYTES) {
    signal.throwIfAborted();
    const starts = Array.from({ length: window }, (_, index) => from + index * CHUNK_BYTES).filter((at) => at < end);
    for (const bytes of await Promise.all(starts.map(piece))) {
      if (bytes) pieces.push(bytes);
      if (!bytes || bytes.length < CHUNK_BYTES) return Buffer.concat(pieces);
    }
  }
  return Buffer.concat(pieces);
}

function outside(path: string): PathError {
  return new PathError(`${path} leads out of the sandbox`);
}

/** `-rwsr-x--T` as a number. */
function modeOf(text: string): number {
  const bits = [...text.slice(1, 10)];
  const special = ['sS', 'sS', 'tT'];
  return bits.reduce((mode, letter, index) => {
    const set = letter !== '-' && letter !== 'S' && letter !== 'T' ? 1 << (8 - index) : 0;
    const group = Math.floor(index / 3);
    const extra = index % 3 === 2 && special[group]?.includes(letter) ? 1 << (11 - group) : 0;
    return mode | set | extra;
  }, 0);
}

function refusal(path: string, why: string): string {
  switch (why) {
    case 'link':
      return `${path} runs through a symbolic link or something that is not a directory`;
    case 'directory':
      return `${path} is a directory`;
    default:
      return `${path} lies in a directory that cannot be written to`;
  }
}
