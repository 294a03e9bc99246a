/** Many paths as a short tree: folders that do not fit are closed and say how many files they hold. */
import { formatCount, formatNumber } from './truncate.ts';

type Folder = { name: string; files: string[]; folders: Folder[]; count: number };

/**
 * The tree of paths in at most about `maxLines` lines. Folders are opened level by level as long as what is in them fits,
 * so that the shape of the whole is seen before the details.
 */
export function renderTree(paths: readonly string[], maxLines: number): { text: string; closed: number } {
  const root = build(paths);
  const open = new Set<Folder>([root]);
  let lines = root.folders.length + root.files.length;
  let level = root.folders;
  while (level.length > 0) {
    const opened: Folder[] = [];
    for (const folder of level) {
      const more = folder.folders.length + folder.files.length;
      if (lines + more > maxLines) continue;
      lines += more;
      open.add(folder);
      opened.push(folder);
    }
    level = opened.flatMap((folder) => folder.folders);
  }
  const out: string[] = [];
  const closed = print(root, '', open, out);
  if (out.length <= maxLines) return { text: out.join('\n'), closed };
  return {
    text: `${out.slice(0, maxLines).join('\n')}\n[... ${formatNumber(out.length - maxLines)} more entries]`,
    closed,
  };
}

function build(paths: readonly string[]): Folder {
  const root: Folder = { name: '', files: [], folders: [], count: 0 };
  const folders = new Map<string, Folder>([['', root]]);
  const folderOf = (path: string): Folder => {
    const known = folders.get(path);
    if (known) return known;
    const slash = path.lastIndexOf('/');
    const parent = folderOf(slash < 0 ? '' : path.slice(0, slash));
    const folder: Folder = { name: path.slice(slash + 1), files: [], folders: [], count: 0 };
    parent.folders.push(folder);
    folders.set(path, folder);
    return folder;
  };
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    folderOf(slash < 0 ? '' : path.slice(0, slash)).files.push(path.slice(slash + 1));
  }
  return { ...joinChains(root), name: '' };
}

/** A folder that holds nothing but one folder shares a line with it: a/b/c/. */
function joinChains(folder: Folder): Folder {
  const folders = folder.folders.map(joinChains);
  const count = folder.files.length + folders.reduce((sum, inner) => sum + inner.count, 0);
  const [only] = folders;
  if (only && folders.length === 1 && folder.files.length === 0 && folder.name !== '')
    return { ...only, name: `${folder.name}/${only.name}` };
  return { ...folder, folders, count };
}

/** Returns how many folders stay closed. */
function print(folder: Folder, indent: string, open: ReadonlySet<Folder>, out: string[]): number {
  let closed = 0;
  for (const inner of folder.folders) {
    if (open.has(inner)) {
      out.push(`${indent}${inner.name}/`);
      closed += print(inner, `${indent}  `, open, out);
    } else {
      out.push(`${indent}${inner.name}/ (${formatCount(inner.count, 'file')})`);
      closed++;
    }
  }
  for (const file of folder.files) out.push(indent + file);
  return closed;
}
