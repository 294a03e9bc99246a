/** The search tool: lines of files that match a pattern. */
import { posix } from 'node:path';
import { answering, failed, shown, succeeded, summaryLine } from './answer.ts';
import { globFilter } from './glob.ts';
import { missingFile } from './open-file.ts';
import { locate } from './paths.ts';
import { type Match, type SearchQuery, searchFiles } from './search-engines.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { formatCount, formatNumber, LIST_LIMITS, shortenLine, truncate } from './truncate.ts';

const MAX_MATCHES = 100;
/** Matches of one file that are shown when there are too many to show all. */
const MATCHES_PER_FILE = 10;
/** Matches shown of those that differ from the pattern in case. */
const MAX_LOOSE = 3;
const LINE_CHARS = 250;

export const search: SandboxTool = {
  spec: {
    name: 'search',
    description: `Search file contents for a regular expression, line by line. Answers "path:line: text" for up to ${MAX_MATCHES} matches and says how many there are. The quickest way to find where something is defined or used. Case-sensitive; start the pattern with (?i) to ignore case. Escape ( ) [ ] { } . * + ? | to search for them literally. Skips binary files and what git ignores; to search an ignored directory, give it as path.`,
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['pattern'],
      properties: {
        pattern: { type: 'string', description: 'Regular expression, for instance "def parse_\\w+" or "TODO".' },
        path: {
          type: 'string',
          description: 'Directory or file to search, relative to the repository root. Default: the whole repository.',
        },
        glob: {
          type: 'string',
          description: 'Search only files that match, for instance "*.py", "src/**/*.{ts,tsx}" or "!*.lock".',
        },
      },
    },
  },
  effect: 'read',
  summary(args) {
    const where = [shown(args.path), shown(args.glob)].filter((part) => part !== '').join(' ');
    return summaryLine(`search ${JSON.stringify(shown(args.pattern))}${where ? ` in ${where}` : ''}`);
  },
  run(args, context) {
    return answering(() => find(String(args.pattern), shown(args.path) || '.', shown(args.glob), context));
  },
};

async function find(pattern: string, written: string, glob: string, context: ToolContext): Promise<ToolResult> {
  const { sandbox, signal } = context;
  if (pattern === '') return failed('The pattern is empty. list_files shows which files there are.');
  if (pattern.includes('\0')) return failed('The pattern holds a NUL character.');
  const located = locate(written, sandbox.worktree);
  if ('problem' in located) return failed(located.problem);
  if ('outside' in located) {
    return failed(`${located.outside} is outside of the repository. Use bash: grep -rn PATTERN ${located.outside}`);
  }
  const { path } = located;
  const status = path === '.' ? ({ type: 'directory' } as const) : await sandbox.stat(path, signal);
  if (!status) return failed(await missingFile(sandbox, path, signal));
  const directory = status.type === 'directory' ? path : posix.dirname(path);
  const prefix = directory === '.' ? '' : `${directory}/`;
  const filter = glob === '' || status.type !== 'directory' ? undefined : globFilter(glob);
  const query: SearchQuery = {
    pattern,
    literal: false,
    ignoreCase: false,
    directory,
    ...(status.type === 'directory' ? {} : { file: posix.basename(path) }),
    ...(filter?.names ? { names: filter.names } : {}),
  };
  const meant = (matches: readonly Match[]) =>
    filter ? matches.filter((match) => filter.matches(match.path, prefix + match.path)) : [...matches];
  const notes: string[] = [];
  let used = query;
  let found = await searchFiles(sandbox, used, signal);
  if ('invalid' in found) {
    notes.push(`The pattern is no valid regular expression (${found.invalid}), so it was searched for as plain text.`);
    used = { ...query, literal: true };
    found = await searchFiles(sandbox, used, signal);
  }
  if ('invalid' in found) return failed(`The search failed: ${found.invalid}`);
  const matches = meant(found.matches);
  const scope = `${path === '.' ? '' : ` in ${path}`}${filter ? ` in files ${glob}` : ''}`;
  if (matches.length === 0 && !found.cut && !/^\(\?\w*i/.test(pattern)) {
    const loose = await searchFiles(sandbox, { ...used, ignoreCase: true }, signal);
    if (!('invalid' in loose)) {
      const alike = meant(loose.matches);
      if (alike.length > 0) return succeeded([...notes, looseReport(alike, prefix, loose.cut)].join('\n'));
      found = loose;
    }
  }
  if (matches.length === 0) {
    const hint =
      path === '.' && !filter
        ? 'Try a shorter or more general pattern. Ignored files (dependencies, build output) are searched only when you name their directory as path.'
        : 'Try without path and glob, or a shorter pattern.';
    return succeeded([...notes, `No match for ${JSON.stringify(pattern)}${scope}. ${hint}`].join('\n'));
  }
  return succeeded([...notes, report(matches, prefix, found.cut)].join('\n'));
}

/** What the pattern may have meant, in few words. */
function looseReport(matches: readonly Match[], prefix: string, cut: boolean): string {
  const some = matches.slice(0, MAX_LOOSE).map((match) => matchLine(match, prefix));
  const all = `${cut ? 'more than ' : ''}${formatCount(matches.length, 'match', 'matches')}`;
  return [`No match; ignoring case${some.length < matches.length ? ` (${all}, use (?i) to see them)` : ''}:`, ...some].join('\n');
}

function matchLine({ path, line, text }: Match, prefix: string): string {
  return `${prefix}${path}:${line}: ${shortenLine(text, LINE_CHARS)}`;
}

/** Matches grouped by file, with what is left out. */
function report(matches: readonly Match[], prefix: string, cut: boolean): string {
  const files = Map.groupBy(matches, ({ path }) => path);
  const many = matches.length > MAX_MATCHES;
  const perFile = many && files.size > 1 ? MATCHES_PER_FILE : MAX_MATCHES;
  const lines: string[] = [];
  const hidden: string[] = [];
  let left = MAX_MATCHES;
  for (const [path, own] of files) {
    const some = own.slice(0, Math.min(perFile, left));
    left -= some.length;
    lines.push(...some.map((match) => matchLine(match, prefix)));
    if (some.length === 0) hidden.push(`${prefix}${path} (${own.length})`);
    else if (some.length < own.length)
      lines.push(`${prefix}${path}: [${formatNumber(own.length - some.length)} more in this file]`);
  }
  const total = `${cut ? 'more than ' : ''}${formatCount(matches.length, 'match', 'matches')} in ${formatCount(files.size, 'file')}`;
  const body = truncate(lines.join('\n'), LIST_LIMITS, 'narrow the search with path, glob or a longer pattern').text;
  if (hidden.length === 0) return `${total}:\n${body}`;
  const names =
    hidden.slice(0, 30).join(', ') + (hidden.length > 30 ? `, and ${formatCount(hidden.length - 30, 'more file')}` : '');
  return `${total}:\n${body}\n[not shown: ${names}; narrow the search with path, glob or a longer pattern]`;
}
