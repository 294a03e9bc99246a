/** The list_files tool: which files there are, as a tree. */
import { answering, failed, shown, succeeded, summaryLine } from './answer.ts';
import { globFilter } from './glob.ts';
import { locate, similarPaths } from './paths.ts';
import { repositoryFiles } from './repository-files.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { renderTree } from './tree.ts';
import { formatCount, formatNumber, formatSize } from './truncate.ts';

const MAX_ENTRIES = 200;

export const listFiles: SandboxTool = {
  spec: {
    name: 'list_files',
    description: `List the files of the repository, or of one directory, as a tree of up to ${MAX_ENTRIES} entries; directories that do not fit show how many files they hold. Skips what git ignores, unless you give an ignored directory as path. With glob, lists only the matching paths. A good first call in a repository you do not know.`,
    parameters: {
      type: 'object',
      additionalProperties: false,
      properties: {
        path: { type: 'string', description: 'Directory, relative to the repository root. Default: the whole repository.' },
        glob: { type: 'string', description: 'List only files that match, for instance "*.py", "**/test_*" or "*.{ts,tsx}".' },
      },
    },
  },
  effect: 'read',
  summary(args) {
    return summaryLine(`list ${shown(args.path) || '.'}${args.glob === undefined ? '' : ` ${shown(args.glob)}`}`);
  },
  run(args, context) {
    return answering(() => list(shown(args.path) || '.', shown(args.glob), context));
  },
};

async function list(written: string, glob: string, context: ToolContext): Promise<ToolResult> {
  const { sandbox, signal } = context;
  const located = locate(written, sandbox.worktree);
  if ('problem' in located) return failed(located.problem);
  if ('outside' in located) return failed(`${located.outside} is outside of the repository. Use bash: ls ${located.outside}`);
  const { path } = located;
  const status = path === '.' ? ({ type: 'directory' } as const) : await sandbox.stat(path, signal);
  if (!status) {
    const { files } = await repositoryFiles(sandbox, '.', signal);
    const similar = similarPaths(path, directoriesOf(files));
    return failed(`There is no directory ${path}.${similar.length > 0 ? ` Did you mean: ${similar.join(', ')}?` : ''}`);
  }
  if (status.type !== 'directory') {
    return failed(
      `${path} is a file${'size' in status ? ` of ${formatSize(status.size)}` : ''}, not a directory. read_file shows it.`,
    );
  }
  const { files, cut, ignored } = await repositoryFiles(sandbox, path, signal);
  const prefix = path === '.' ? '' : `${path}/`;
  const name = path === '.' ? 'the repository' : path;
  const filter = glob === '' ? undefined : globFilter(glob);
  const relative = files.map((file) => file.slice(prefix.length));
  const wanted = filter ? relative.filter((file) => filter.matches(file, prefix + file)) : relative;
  const notes: string[] = [];
  if (ignored && path !== '.') notes.push('git ignores this directory');
  if (cut) notes.push('there are more files than could be read');
  if (wanted.length === 0) {
    if (filter && files.length > 0) {
      return succeeded(
        `No file in ${name} fits ${JSON.stringify(glob)}; it has ${formatCount(files.length, 'file')}. A pattern without slash fits names at any depth.`,
      );
    }
    return succeeded(path === '.' ? 'The repository has no files.' : `${path} is empty.`);
  }
  if (filter && wanted.length <= MAX_ENTRIES) {
    return succeeded(
      [`${formatCount(wanted.length, 'file')}:`, ...wanted.map((file) => prefix + file), ...bracketed(notes)].join('\n'),
    );
  }
  const tree = renderTree(wanted, MAX_ENTRIES);
  if (tree.closed > 0) notes.push('give a path to see what is in a directory that shows only a number');
  const head = `${path === '.' ? '' : `${path}/ `}(${formatNumber(wanted.length)} ${wanted.length === 1 ? 'file' : 'files'})`;
  return succeeded([head, tree.text, ...bracketed(notes)].join('\n'));
}

function bracketed(notes: readonly string[]): string[] {
  return notes.length > 0 ? [`[${notes.join('; ')}]`] : [];
}

function directoriesOf(files: readonly string[]): string[] {
  const directories = new Set<string>();
  for (const file of files) {
    for (let slash = file.lastIndexOf('/'); slash > 0; slash = file.lastIndexOf('/', slash - 1)) {
      const directory = file.slice(0, slash);
      if (directories.has(directory)) break;
      directories.add(directory);
    }
  }
  return [...directories];
}
