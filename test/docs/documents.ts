/** The Markdown files of the repository, and what in them refers to something that is not there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** Folders that are installed or made by running. */
const NOT_OURS = new Set(['node_modules', '.git', '.cache', '.swe-agent', 'workspace', 'coverage']);

/** Paths of all Markdown files, relative to the folder. */
export function documents(folder = root): string[] {
  return walk(folder).map((path) => relative(folder, path));
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : walk(path);
    return entry.isFile() && entry.name.endsWith('.md') ? [path] : [];
  });
}

export function read(document: string, folder = root): string {
  return readFileSync(join(folder, document), 'utf8');
}

/** Links and pictures of a document that lead to no file of the repository, or to no heading of it. */
export function brokenLinks(document: string, folder = root): string[] {
  const targets = [...withoutCode(read(document, folder)).matchAll(/!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)/g)].map(
    ([, target = '']) => target,
  );
  return targets.filter((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? join(folder, document) : join(folder, dirname(document), decodeURIComponent(path));
    if (!existsSync(file) || relative(folder, file).startsWith('..')) return true;
    return anchor !== undefined && (statSync(file).isDirectory() || !anchors(readFileSync(file, 'utf8')).has(anchor));
  });
}

/** Example manifests that a document names, in its code too, and that are not there. */
export function missingExamples(document: string, folder = root): string[] {
  const named = [...read(document, folder).matchAll(/(?<![\w-])(?:session|profile)(?:-[a-z0-9]+)*\.yaml\b/g)].map(
    ([name]) => name,
  );
  return [...new Set(named)].filter((name) => !existsSync(join(folder, 'docs/examples', name)));
}

/** Files and folders of this repository that a document names in `code` and that are not there. */
export function missingPaths(document: string, folder = root): string[] {
  const own = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() && !NOT_OURS.has(entry.name) ? [entry.name] : [],
  );
  const named = [...withoutFences(read(document, folder)).matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, path = '']) => path);
  return [...new Set(named)].filter((path) => own.includes(path.split('/')[0] ?? '') && !existsSync(join(folder, path)));
}

/** The text between `<!-- name -->` and `<!-- /name -->`. */
export function marked(text: string, name: string): string {
  const found = new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)<!-- /${name} -->`).exec(text)?.[1];
  if (found === undefined) throw new Error(`the text has no <!-- ${name} --> … <!-- /${name} -->`);
  return found;
}

/** Anchors of the headings, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const headings = [...withoutFences(text).matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

function withoutFences(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

function withoutCode(text: string): string {
  return withoutFences(text).replace(/`[^`\n]*`/g, '');
}
