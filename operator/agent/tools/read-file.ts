/** The read_file tool: a view of a text file with line numbers. */
import { quote } from '../../sandbox/quote.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { answering, failed, shown, succeeded, summaryLine } from './answer.ts';
import { missingFile, openFile } from './open-file.ts';
import { locate } from './paths.ts';
import { numbered } from './snippet.ts';
import { toLF } from './text-file.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { byteLength, formatCount, formatNumber, formatSize, splitLines } from './truncate.ts';

const MAX_LINES = 2000;
const MAX_BYTES = 32 * 1024;
const LINE_CHARS = 1000;

export const readFile: SandboxTool = {
  spec: {
    name: 'read_file',
    description: `Read a text file. Each line is shown as its number, a tab and the text; number and tab are not part of the file. One view holds up to ${formatNumber(MAX_LINES)} lines or ${MAX_BYTES / 1024} KB and says how to continue. Read a file before you edit it. Prefer one view of a whole file over many small ones; use a range in long files, once search has shown you where to look.`,
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['path'],
      properties: {
        path: {
          type: 'string',
          description: 'Path relative to the repository root, or the absolute path of a file outside of it.',
        },
        start_line: {
          type: 'integer',
          description: 'First line to show, counted from 1. A negative number counts from the end: -50 shows the last 50 lines.',
        },
        end_line: { type: 'integer', description: 'Last line to show.' },
      },
    },
  },
  effect: 'read',
  summary(args) {
    const range =
      args.start_line === undefined && args.end_line === undefined
        ? ''
        : `:${shown(args.start_line) || 1}-${shown(args.end_line)}`;
    return summaryLine(`read ${shown(args.path)}${range}`);
  },
  run(args, context) {
    return answering(() => read(args, context));
  },
};

type Range = { start: number; end: number | undefined };

async function read(args: Record<string, unknown>, context: ToolContext): Promise<ToolResult> {
  const { sandbox, signal } = context;
  const range: Range = {
    start: typeof args.start_line === 'number' ? args.start_line : 1,
    end: typeof args.end_line === 'number' && args.end_line > 0 ? args.end_line : undefined,
  };
  if (range.end !== undefined && range.start > range.end) {
    return failed(`start_line ${range.start} is after end_line ${range.end}.`);
  }
  const located = locate(String(args.path), sandbox.worktree);
  if ('problem' in located) return failed(located.problem);
  if ('outside' in located) return readByCommand(located.outside, located.outside, range, context);
  const { path } = located;
  const opened = await openFile(sandbox, path, signal);
  switch (opened.kind) {
    case 'missing':
      return failed(await missingFile(sandbox, path, signal));
    case 'directory':
      return failed(`${path} is a directory. list_files with this path shows what is in it.`);
    case 'large':
      return readByCommand(`${sandbox.worktree}/${path}`, path, range, context);
    case 'binary': {
      const how = opened.image ? 'Images cannot be shown here' : 'It cannot be shown as text';
      return failed(
        `${path} is a ${opened.what} of ${formatSize(opened.size)}. ${how}; inspect it with a program through bash (file, xxd | head, unzip -l).`,
      );
    }
    case 'text': {
      context.seen.set(path, opened.hash);
      const lines = splitLines(toLF(opened.file.text));
      if (lines.length === 0) return succeeded(`${path} is empty.`);
      const start = firstLine(range.start, lines.length);
      if (start > lines.length)
        return failed(`${path} has only ${formatCount(lines.length, 'line')}; start_line ${start} is after the end.`);
      const notes = opened.file.encoding === 'UTF-8' ? [] : [`encoding ${opened.file.encoding}`];
      return succeeded(view(lines.slice(start - 1, range.end), start, lines.length, range.end, notes));
    }
  }
}

/** A view of lines that begin at `start` in a file of `total` lines, with a last line that says what is not shown. */
function view(lines: readonly string[], start: number, total: number, end: number | undefined, notes: readonly string[]): string {
  const shownLines: string[] = [];
  let bytes = 0;
  for (const line of lines.slice(0, MAX_LINES)) {
    bytes += Math.min(byteLength(line), LINE_CHARS * 2) + 8;
    if (bytes > MAX_BYTES && shownLines.length > 0) break;
    shownLines.push(line);
  }
  const last = start + shownLines.length - 1;
  const footer = [...notes];
  const wanted = Math.min(end ?? total, total);
  if (last < wanted) footer.push(`lines ${start}-${last} of ${formatNumber(total)}; go on with start_line ${last + 1}`);
  else if (start > 1 || last < total) footer.push(`lines ${start}-${last} of ${formatNumber(total)}`);
  if (shownLines.some((line) => line.length > LINE_CHARS)) {
    footer.push('long lines were shortened; see a part of one with bash: sed -n LINEp FILE | cut -c FROM-TO');
  }
  const text = numbered(shownLines, start, LINE_CHARS);
  return footer.length > 0 ? `${text}\n[${footer.join('; ')}]` : text;
}

function firstLine(start: number, total: number): number {
  if (start > 0) return start;
  return start === 0 ? 1 : Math.max(1, total + start + 1);
}

/** Files that are too large to be fetched whole, or not in the worktree, are read by a command, with its rights. */
async function readByCommand(absolute: string, name: string, range: Range, context: ToolContext): Promise<ToolResult> {
  const { sandbox, signal } = context;
  const lines = range.start < 0 ? await countLines(sandbox, absolute, signal) : 0;
  const start = firstLine(range.start, lines);
  const count = Math.min(MAX_LINES, (range.end ?? Number.MAX_SAFE_INTEGER) - start + 1);
  const file = quote(absolute);
  const script = [
    `[ -e ${file} ] || exit 20`,
    `[ -d ${file} ] && exit 21`,
    `[ -f ${file} ] || exit 22`,
    `[ -r ${file} ] || exit 23`,
    `wc -c < ${file}; wc -l < ${file}; head -c 8192 ${file} | wc -c; head -c 8192 ${file} | tr -d '\\000' | wc -c`,
    `tail -n +${start} ${file} | head -n ${count} | cut -c 1-${LINE_CHARS * 2} | head -c ${MAX_BYTES * 2}`,
  ].join('\n');
  const { exitCode, output } = await sandbox.query(script, { timeoutSeconds: 60, signal });
  if (exitCode === 20) return failed(`There is no file ${name}.`);
  if (exitCode === 21) return failed(`${name} is a directory.`);
  if (exitCode === 22) return failed(`${name} is not a regular file.`);
  if (exitCode === 23) return failed(`${name} may not be read.`);
  const [size = 0, newlines = 0, sample, withoutNul, ...rest] = output
    .split('\n')
    .map((line, index) => (index < 4 ? Number(line) : line));
  if (sample !== withoutNul)
    return failed(`${name} is a binary file of ${formatSize(Number(size))}. Inspect it with a program through bash.`);
  const text = rest.join('\n');
  if (size === 0) return succeeded(`${name} is empty.`);
  const found = splitLines(text);
  if (found.length === 0)
    return failed(`${name} has only ${formatCount(Number(newlines), 'line')}; start_line ${start} is after the end.`);
  const total = Math.max(Number(newlines), start + found.length - 1);
  return succeeded(view(found, start, total, range.end, [formatSize(Number(size))]));
}

async function countLines(sandbox: Sandbox, absolute: string, signal: AbortSignal): Promise<number> {
  const { exitCode, output } = await sandbox.query(`wc -l < ${quote(absolute)}`, { timeoutSeconds: 60, signal });
  return exitCode === 0 ? Number(output) : 0;
}
