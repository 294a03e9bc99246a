/** Three programs that search files, made to print the same: ripgrep, git grep, and find with grep. */
import { quote, quoteAll } from '../../sandbox/quote.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { GIT, unquoteName } from './repository-files.ts';

export type SearchQuery = {
  pattern: string;
  /** The pattern is text and no regular expression. */
  literal: boolean;
  ignoreCase: boolean;
  /** Directory to search, relative to the worktree. */
  directory: string;
  /** A single file in that directory. */
  file?: string;
  /** Patterns of base names; all files when undefined. */
  names?: readonly string[];
};

/** A line that matches; `path` is relative to the directory searched. */
export type Match = { path: string; line: number; text: string };

/** `cut`: there are more matches than were printed. `invalid`: the pattern is no regular expression, in the program's words. */
export type Found = { matches: Match[]; cut: boolean } | { invalid: string };

/** Bytes that are taken over from the program, and of each line. */
const MAX_BYTES = 768 * 1024;
const LINE_BYTES = 600;

const STATUS = '//status ';

/** Searches with the best program that the sandbox has. */
export async function searchFiles(sandbox: Sandbox, asked: SearchQuery, signal: AbortSignal): Promise<Found> {
  // Not every program knows (?i), all have an option for it.
  const loose = !asked.literal && asked.pattern.startsWith('(?i)');
  const query = loose ? { ...asked, pattern: asked.pattern.slice(4), ignoreCase: true } : asked;
  if (await sandbox.has('rg', signal)) {
    const found = await run(sandbox, query, ripgrep(query, false), signal);
    // Look-around and backreferences need the other engine.
    if ('invalid' in found && /look-around|backreferences/.test(found.invalid)) {
      const again = await run(sandbox, query, ripgrep(query, true), signal);
      return 'invalid' in again ? found : again;
    }
    return found;
  }
  if (await sandbox.has('git', signal)) {
    const found = await run(sandbox, query, gitGrep(query, 'P'), signal);
    if ('invalid' in found && /PCRE/i.test(found.invalid)) return run(sandbox, query, gitGrep(query, 'E'), signal);
    return found;
  }
  const found = await run(sandbox, query, findGrep(query), signal);
  // Unlike the others, find lists files in no order.
  return 'invalid' in found
    ? found
    : { ...found, matches: found.matches.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line)) };
}

async function run(sandbox: Sandbox, query: SearchQuery, command: string, signal: AbortSignal): Promise<Found> {
  const script = `{ ${command}; echo "${STATUS}$?"; } 2>&1 </dev/null | cut -b 1-${LINE_BYTES} | head -c ${MAX_BYTES}`;
  const { output } = await sandbox.query(script, { cwd: query.directory, timeoutSeconds: 60, maxBytes: MAX_BYTES * 2, signal });
  const at = output.lastIndexOf(STATUS);
  const body = at < 0 ? output : output.slice(0, at);
  const status = at < 0 ? undefined : Number(output.slice(at + STATUS.length));
  const matches = parseHeadings(body);
  if (matches.length === 0 && status !== undefined && status > 1 && body.trim() !== '') return { invalid: explanation(body) };
  return { matches, cut: status === undefined };
}

/** A file name, below it `LINE:TEXT` for each match, then a blank line. */
function parseHeadings(body: string): Match[] {
  const matches: Match[] = [];
  let path: string | undefined;
  for (const line of body.split('\n')) {
    if (line === '') {
      path = undefined;
      continue;
    }
    if (path === undefined) {
      path = unquoteName(line).replace(/^\.\//, '');
      continue;
    }
    const match = /^(\d+)[:-](.*)$/s.exec(line);
    if (match) matches.push({ path, line: Number(match[1]), text: (match[2] ?? '').replace(/\r$/, '') });
  }
  return matches;
}

function ripgrep(query: SearchQuery, pcre: boolean): string {
  const types = query.names?.flatMap((name) => ['--type-add', `wanted:${name}`]) ?? [];
  return quoteAll([
    'rg',
    ...['--no-config', '--line-number', '--with-filename', '--heading', '--color', 'never', '--sort', 'path'],
    ...['--hidden', '--glob', '!.git', '--no-messages', '--max-columns', '500', '--max-columns-preview'],
    ...types,
    ...(types.length > 0 ? ['--type', 'wanted'] : []),
    ...(query.literal ? ['--fixed-strings'] : []),
    ...(query.ignoreCase ? ['--ignore-case'] : []),
    ...(pcre ? ['--pcre2'] : []),
    ...(spansLines(query) ? ['--multiline'] : []),
    ...['-e', query.pattern, '--', query.file === undefined ? '.' : `./${query.file}`],
  ]);
}

function gitGrep(query: SearchQuery, syntax: 'P' | 'E'): string {
  const pattern = syntax === 'E' && !query.literal ? posixPattern(query.pattern) : query.pattern;
  const options = [
    ...['-n', '-I', '--heading', '--break', '--no-color', '--no-column', '--no-full-name'],
    query.literal ? '-F' : `-${syntax}`,
    ...(query.ignoreCase ? ['-i'] : []),
    ...['-e', pattern, '--'],
  ];
  if (query.file !== undefined) return `${GIT} grep --no-index ${quoteAll([...options, `:(literal)${query.file}`])}`;
  const paths = query.names?.map((name) => `:(glob)**/${name}`) ?? ['.'];
  const rest = quoteAll([...options, ...paths]);
  // A directory that git ignores is searched when it is named.
  return `if git check-ignore -q . 2>/dev/null; then ${GIT} grep --no-index ${rest}; else ${GIT} grep --untracked ${rest}; fi`;
}

function findGrep(query: SearchQuery): string {
  const pattern = query.literal ? query.pattern : posixPattern(query.pattern);
  const grep = quoteAll(['grep', '-n', query.literal ? '-F' : '-E', ...(query.ignoreCase ? ['-i'] : []), '-e', pattern]);
  // Tested first on nothing, so that a pattern that is no regular expression is told once.
  const test = `${grep} /dev/null; [ $? -lt 2 ] || { (exit 2); false; }`;
  const each = `for file; do if ${grep} -q -- "$file" 2>/dev/null; then echo "$file"; ${grep} -- "$file" 2>/dev/null | tr -d '\\000-\\010\\013-\\037'; echo; fi; done`;
  const names = query.names?.flatMap((name, index) => [...(index > 0 ? ['-o'] : []), '-name', name]) ?? [];
  const target = query.file === undefined ? '.' : `./${query.file}`;
  const filter = names.length > 0 ? `\\( ${quoteAll(names)} \\)` : '';
  return `if ${test}; then find ${quote(target)} -name .git -prune -o -type f ${filter} -exec sh -c ${quote(each)} sh {} +; else (exit 2); fi`;
}

/** A regular expression as models write it, in the dialect that every grep -E has. */
function posixPattern(pattern: string): string {
  let inBrackets = false;
  return pattern.replace(/\\(.)|\[\^?\]?|\]|\(\?:/gs, (whole, letter: string | undefined) => {
    if (letter !== undefined) {
      const members = CLASSES[letter.toLowerCase()];
      if (members === undefined) return inBrackets && letter !== '\\' ? letter : whole;
      if (inBrackets) return members;
      return letter === letter.toLowerCase() ? `[${members}]` : `[^${members}]`;
    }
    if (whole === '(?:') return inBrackets ? whole : '(';
    if (whole === ']') inBrackets = false;
    else inBrackets = true;
    return whole;
  });
}

const CLASSES: Record<string, string> = { d: '0-9', s: '[:space:]', w: '[:alnum:]_' };

function spansLines(query: SearchQuery): boolean {
  return query.pattern.includes('\n') || (!query.literal && /(^|[^\\])(\\\\)*\\n/.test(query.pattern));
}

/** What the program said about the pattern, in one line. */
function explanation(body: string): string {
  const lines = body.split('\n').map((line) => line.replace(/^(rg|grep|fatal|error): /, '').trim());
  return (lines.findLast((line) => line !== '') ?? '').replace(/^error: /, '').slice(0, 300);
}
