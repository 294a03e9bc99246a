/** What every role is told about a repository before its first step: how it is laid out, and its rules for contributors. */
import type { Sandbox } from '../sandbox/sandbox.ts';

const GUIDES = ['AGENTS.md', 'CLAUDE.md', 'CONTRIBUTING.md', '.github/CONTRIBUTING.md', 'docs/CONTRIBUTING.md'];
const GUIDE_BYTES = 12 * 1024;
const LISTED_FILES = 120;
const LISTED_FOLDERS = 60;

export type Overview = { layout: string; guidelines: string };

/** Looks at the worktree as it is now. */
export async function overviewOf(sandbox: Sandbox, signal: AbortSignal): Promise<Overview> {
  const { output } = await sandbox.query('git ls-files -co --exclude-standard -z | tr "\\0" "\\n"', {
    signal,
    timeoutSeconds: 60,
    maxBytes: 64 * 1024 * 1024,
  });
  const files = [...new Set(output.split('\n').filter((file) => file !== ''))].sort();
  return { layout: layoutOf(files), guidelines: await guidelinesOf(sandbox, files, signal) };
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

async function guidelinesOf(sandbox: Sandbox, files: readonly string[], signal: AbortSignal): Promise<string> {
  const parts: string[] = [];
  const seen = new Set<string>();
  for (const name of GUIDES) {
    if (!files.includes(name)) continue;
    const bytes = await sandbox.readFile(name, { maxBytes: 1024 * 1024, signal }).catch((error: unknown) => {
      // A guide that is too large or leads out of the worktree is not worth failing for.
      if (signal.aborted || !(error instanceof Error) || error.name !== 'PathError') throw error;
      return undefined;
    });
    if (!bytes) continue;
    const text = Buffer.from(bytes).toString('utf8').trim();
    if (text === '' || seen.has(text)) continue;
    seen.add(text);
    const cut = text.length > GUIDE_BYTES ? `${text.slice(0, GUIDE_BYTES)}\n[cut; the rest is in ${name}]` : text;
    parts.push(`## ${name}\n\n${cut}`);
  }
  const nested = files.filter((file) => file.endsWith('/AGENTS.md'));
  if (nested.length > 0)
    parts.push(`Folders with an AGENTS.md of their own, which holds for what is below them: ${nested.slice(0, 20).join(', ')}`);
  return parts.join('\n\n');
}
