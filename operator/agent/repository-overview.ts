/** What every role is told about a repository before its first step: how it is laid out, and its rules for contributors. */
import type { Sandbox } from '../sandbox/sandbox.ts';
import { changedPaths, GUIDE_BYTES, governing, guideWords, nestedGuides, readGuide, roomForNested } from './nested-guides.ts';

const GUIDES = ['AGENTS.md', 'CLAUDE.md', 'CONTRIBUTING.md', '.github/CONTRIBUTING.md', 'docs/CONTRIBUTING.md'];
const LISTED_FILES = 120;
const LISTED_FOLDERS = 60;
const NAMED_GUIDES = 20;

export type Overview = {
  layout: string;
  guidelines: string;
  /** Instructions of folders that are not among the guidelines. */
  guides: string[];
};

/** Files of the worktree that git does not ignore, sorted. */
export async function listFiles(sandbox: Sandbox, signal: AbortSignal): Promise<string[]> {
  const { output } = await sandbox.query('git ls-files -co --exclude-standard -z | tr "\\0" "\\n"', {
    signal,
    timeoutSeconds: 60,
    maxBytes: 64 * 1024 * 1024,
  });
  return [...new Set(output.split('\n').filter((file) => file !== ''))].sort();
}

export type OverviewOptions = {
  /** The commits between which the work lies, when there is some. */
  changed: { from: string; to: string } | undefined;
  /** Files whose text the role is given from the beginning. */
  shown: readonly string[];
  contextWindow: number | undefined;
};

/** Looks at the worktree as it is now. `files`: those of `listFiles`. */
export async function overviewOf(
  sandbox: Sandbox,
  files: readonly string[],
  { changed, shown: read, contextWindow }: OverviewOptions,
  signal: AbortSignal,
): Promise<Overview> {
  const nested = nestedGuides(files);
  const paths = changed && nested.length > 0 ? await changedPaths(sandbox, changed.from, changed.to, signal) : [];
  paths.push(...read);
  const parts = await rootGuides(sandbox, files, signal);
  const shown = new Set<string>();
  let room = roomForNested(contextWindow);
  for (const guide of governing(nested, paths)) {
    if (room < GUIDE_BYTES) break;
    const words = guideWords(guide, await readGuide(sandbox, guide, GUIDE_BYTES, signal));
    room -= Buffer.byteLength(words);
    parts.push(words);
    shown.add(guide);
  }
  const guides = nested.filter((guide) => !shown.has(guide));
  if (guides.length > 0) parts.push(named(guides));
  return { layout: layoutOf(files), guidelines: parts.join('\n\n'), guides };
}

/** A listing that stays short whatever the repository's size. */
export function layoutOf(files: readonly string[]): string {
  if (files.length === 0) return 'The repository holds no files.';
  if (files.length <= LISTED_FILES) return files.join('\n');
  const folders = new Map<string, number>();
  for (const file of files) {
    const parts = file.split('/');
    const folder = parts.length === 1 ? '' : parts.slice(0, Math.min(2, parts.length - 1)).join('/');
    folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  const top = files.filter((file) => !file.includes('/')).slice(0, LISTED_FOLDERS);
  const inside = [...folders].filter(([folder]) => folder !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = inside
    .slice(0, LISTED_FOLDERS)
    .map(([folder, count]) => `${folder}/ (${count} ${count === 1 ? 'file' : 'files'})`);
  if (inside.length > LISTED_FOLDERS) lines.push(`… and ${inside.length - LISTED_FOLDERS} more folders`);
  return [...top, ...lines].join('\n');
}

async function rootGuides(sandbox: Sandbox, files: readonly string[], signal: AbortSignal): Promise<string[]> {
  const parts: string[] = [];
  const seen = new Set<string>();
  for (const name of GUIDES) {
    if (!files.includes(name)) continue;
    const text = await readGuide(sandbox, name, GUIDE_BYTES, signal);
    if (text === undefined || seen.has(text)) continue;
    seen.add(text);
    parts.push(`## ${name}\n\n${text}`);
  }
  return parts;
}

function named(guides: readonly string[]): string {
  const more = guides.length > NAMED_GUIDES ? ` and ${guides.length - NAMED_GUIDES} more` : '';
  return `Instructions that hold for what is below their folder: ${guides.slice(0, NAMED_GUIDES).join(', ')}${more}. You are given each of them when you first look into its folder.`;
}
