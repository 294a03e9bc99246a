/**
 * Instructions that hold for a part of a repository: an AGENTS.md in a folder governs everything below it, and goes before
 * those of the folders above. A role is handed one when it first looks into its folder, and never twice.
 */
import type { Sandbox } from '../sandbox/sandbox.ts';
import { locate } from './tools/paths.ts';
import { GIT, unquoteName } from './tools/repository-files.ts';

/** Bytes of one file of instructions that are shown. */
export const GUIDE_BYTES = 12 * 1024;
const NESTED_BYTES = 32 * 1024;
/** Share of the window, at about three bytes a token. */
const NESTED_SHARE = 0.1;
const BYTES_PER_TOKEN = 3;
const MAX_GUIDES = 100;
const MAX_FILE_BYTES = 1024 * 1024;
const CHANGED_BYTES = 1024 * 1024;

/** What a tool call was about: its arguments, and the paths that it wrote. */
export type Touched = { name: string; args: Record<string, unknown>; wrote?: readonly string[] | undefined };

/** Bytes of those of folders that one conversation may hold: they are sent with every call, whatever else is left out. */
export function roomForNested(contextWindow: number | undefined): number {
  return Math.min(NESTED_BYTES, Math.floor((contextWindow ?? Number.POSITIVE_INFINITY) * NESTED_SHARE * BYTES_PER_TOKEN));
}

/** The instructions of folders among the files of a repository, those of outer folders first. Pure. */
export function nestedGuides(files: readonly string[]): string[] {
  const guides = files.filter((file) => file.endsWith('/AGENTS.md'));
  return guides.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1)).slice(0, MAX_GUIDES);
}

/** Those that hold for one of the paths, which are relative to the worktree. Pure. */
export function governing(guides: readonly string[], paths: readonly string[]): string[] {
  return guides.filter((guide) => {
    const folder = folderOf(guide);
    return paths.some((path) => path === folder || path.startsWith(`${folder}/`));
  });
}

/** Those that hold for what a call looked into or changed. Pure. */
export function guidesTouched(guides: readonly string[], call: Touched, worktree: string): string[] {
  if (guides.length === 0) return [];
  if (call.name === 'bash') {
    const command = typeof call.args.command === 'string' ? call.args.command.replaceAll(`${worktree}/`, '') : '';
    return guides.filter((guide) => namesFolder(command, folderOf(guide)));
  }
  const { path, patch } = call.args;
  const patched = typeof patch === 'string' ? [...patch.matchAll(/^\*\*\* (?:\w+ File|Move to): (.+)$/gm)] : [];
  const written = [path, ...patched.map(([, name]) => name)].filter((one) => typeof one === 'string');
  const located = written.flatMap((one) => {
    const place = locate(one, worktree);
    return 'path' in place ? [place.path] : [];
  });
  return governing(guides, [...located, ...(call.wrote ?? [])]);
}

/** What a role reads of the instructions of a folder. */
export function guideWords(guide: string, text: string | undefined): string {
  const folder = folderOf(guide);
  return `## ${guide}\n\nThe repository's instructions for everything below ${folder}/. Where they differ from those of folders above, these count; the goal and the user's messages go before all of them.\n\n${text ?? '[There is nothing in it that could be read.]'}`;
}

/** A file of instructions, its beginning where it is long; undefined when there is nothing that could be read. */
export async function readGuide(
  sandbox: Sandbox,
  guide: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bytes = await sandbox.readFile(guide, { maxBytes: MAX_FILE_BYTES, signal }).catch((error: unknown) => {
    // One that is too large or leads out of the worktree is not worth failing for.
    if (signal.aborted || !(error instanceof Error) || error.name !== 'PathError') throw error;
    return undefined;
  });
  if (!bytes) return undefined;
  const cut = bytes.byteLength > maxBytes;
  // Without the end of a character that the cut goes through.
  const text = new TextDecoder().decode(cut ? bytes.subarray(0, maxBytes) : bytes, { stream: cut }).trim();
  if (text === '') return undefined;
  return cut ? `${text}\n[cut; the rest is in ${guide}]` : text;
}

/** Paths that differ between two commits of the worktree's repository; none when they cannot be told. */
export async function changedPaths(sandbox: Sandbox, from: string, to: string, signal: AbortSignal): Promise<string[]> {
  const { output } = await sandbox.query(
    `${GIT} diff --no-ext-diff --no-renames --name-only ${from} ${to} 2>/dev/null | head -c ${CHANGED_BYTES}`,
    { signal, timeoutSeconds: 60, maxBytes: CHANGED_BYTES * 2 },
  );
  return output.split('\n').flatMap((line) => (line === '' ? [] : [unquoteName(line)]));
}

function folderOf(guide: string): string {
  return guide.slice(0, guide.lastIndexOf('/'));
}

function depth(path: string): number {
  return path.split('/').length;
}

/** Whether a command names something in the folder, or goes there. A single word may be anything: `npm test`. */
function namesFolder(command: string, folder: string): boolean {
  const name = RegExp.escape(folder);
  const before = String.raw`(?:^|[\s'"=:(){},|;&<>]|(?<![\w.])\./)`;
  const after = String.raw`(?=$|[\s'"):},|;&<>])`;
  const inside = folder.includes('/') ? `(?:/|${after})` : '/';
  return new RegExp(`${before}${name}${inside}|\\bcd\\s+(?:--\\s+)?['"]?(?:\\./)?${name}(?:/|${after})`).test(command);
}
