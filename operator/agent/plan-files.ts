/** The files that somebody's words name, whole, so that who is to change them need not ask for each. */
import { PathError, type Sandbox } from '../sandbox/sandbox.ts';
import { hashOf } from './tools/open-file.ts';
import { numbered } from './tools/snippet.ts';
import { decodeFile, isBinary, toLF } from './tools/text-file.ts';
import { byteLength, splitLines } from './tools/truncate.ts';

/** `text` is with line numbers, as read_file shows it; `hash` is that of ToolContext.seen. */
export type ShownFile = { path: string; text: string; hash: string };

const FILE_LINES = 250;
const FILE_BYTES = 10 * 1024;
const ALL_BYTES = 24 * 1024;
/** Share of the window, at about three bytes a token. */
const ALL_SHARE = 0.1;
const BYTES_PER_TOKEN = 3;
/** Each is a round trip to the sandbox. */
const MAX_FILES = 16;
/** A folder with more of them is a place, not a thing to change. */
const FOLDER_FILES = 8;

/**
 * Files of the repository that are named, in the order in which they are: by their path, or by its end where no other file's
 * is the same. A folder stands for the few files in it. What is said to be left out is not meant, nor are instructions, which every role has anyway. Pure.
 */
export function namedFiles(words: string, files: readonly string[]): string[] {
  const meant = words.replace(/^[\s>*-]*Left out:.*$/gim, '');
  const known = new Set(files);
  const folders = Map.groupBy(files, (file) => file.slice(0, Math.max(0, file.lastIndexOf('/'))));
  const ends = Map.groupBy(files, (file) => file.slice(file.lastIndexOf('/') + 1));
  const named = meant.split(/[\s'"`,;<>|=]+/).flatMap((token) => {
    const path = /^[([{*]*(?:\.\/)?(.*?)(?:(?::|#L).*|[)\]}*.!?]*)$/s.exec(token)?.[1] ?? '';
    if (known.has(path)) return [path];
    const inside = path.includes('/') ? (folders.get(path.replace(/\/(?:\*[\w.]*)?$/, '')) ?? []) : [];
    if (inside.length > 0) return inside.length <= FOLDER_FILES ? inside : [];
    // "e.g" is no file, and "main" may be anything.
    if (!/[\w)\]]\.\w|\w\/\w/.test(path)) return [];
    const alike = ends.get(path.slice(path.lastIndexOf('/') + 1))?.filter((file) => file.endsWith(`/${path}`)) ?? [];
    return alike.length === 1 ? alike : [];
  });
  return [...new Set(named)].filter((path) => !/(?:^|\/)(?:AGENTS|CLAUDE|CONTRIBUTING)\.md$/.test(path));
}

/** Those of the files that are text and short, as many as there is room for in a window of so many tokens. */
export async function showFiles(
  sandbox: Sandbox,
  paths: readonly string[],
  contextWindow: number | undefined,
  signal: AbortSignal,
): Promise<ShownFile[]> {
  const shown: ShownFile[] = [];
  let room = Math.min(ALL_BYTES, Math.floor((contextWindow ?? Number.POSITIVE_INFINITY) * ALL_SHARE * BYTES_PER_TOKEN));
  for (const path of paths.slice(0, MAX_FILES)) {
    const bytes = await sandbox.readFile(path, { maxBytes: FILE_BYTES, signal }).catch((error: unknown) => {
      // One that is long, or leads out of the worktree, is for read_file.
      if (signal.aborted || !(error instanceof PathError)) throw error;
      return undefined;
    });
    const file = bytes && decodeFile(bytes);
    if (!bytes || !file || isBinary(file) || file.encoding !== 'UTF-8') continue;
    const lines = splitLines(toLF(file.text));
    if (lines.length === 0 || lines.length > FILE_LINES) continue;
    const text = numbered(lines, 1, FILE_BYTES);
    const size = byteLength(text) + byteLength(path);
    if (size > room) continue;
    room -= size;
    shown.push({ path, text, hash: hashOf(bytes) });
  }
  return shown;
}
