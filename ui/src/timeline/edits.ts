/** What a call changed in files, worked out from its arguments alone: what is shown while no patch of the whole exists. */
import { commonLines } from '../../../operator/agent/tools/line-diff.ts';
import { parsePatch } from '../../../operator/agent/tools/patch-parse.ts';
import type { CallEntry, TextOrBlob } from './model.ts';
import { argumentsOf } from './tool-families.ts';

/** ' ' stays, '-' goes, '+' comes. */
export type EditLine = { readonly mark: ' ' | '-' | '+'; readonly text: string };

export type EditHunk = { readonly header: string; readonly lines: readonly EditLine[] };

export type FileEdit = {
  readonly path: string;
  /** Where it was before, when it was moved. */
  readonly from: string | undefined;
  /** written: the whole file was given, and what was there before is not known. */
  readonly change: 'written' | 'added' | 'changed' | 'deleted';
  readonly hunks: readonly EditHunk[];
  readonly additions: number;
  readonly deletions: number;
};

/** The edits of a call; empty when it writes nothing, or when its arguments are not here or make no sense. */
export function editsOf(call: Pick<CallEntry, 'name'>, args: TextOrBlob | undefined): readonly FileEdit[] {
  const given = argumentsOf(args);
  if (!given) return [];
  const text = (name: string) => (typeof given[name] === 'string' ? given[name] : undefined);
  switch (call.name) {
    case 'write_file': {
      const [path, content] = [text('path'), text('content')];
      if (path === undefined || content === undefined) return [];
      return [edit(path, 'written', [{ header: '', lines: linesOf(content).map((line) => ({ mark: '+', text: line })) }])];
    }
    case 'edit_file': {
      const [path, before, after] = [text('path'), text('old_string'), text('new_string')];
      if (path === undefined || before === undefined || after === undefined) return [];
      const header = given.replace_all === true ? 'every occurrence' : '';
      return [edit(path, 'changed', [{ header, lines: lineDiff(linesOf(before), linesOf(after)) }])];
    }
    case 'apply_patch':
      return patchEdits(text('patch') ?? '');
    default:
      return [];
  }
}

/** Both texts as one list of lines: what they share stays, the rest goes or comes. */
export function lineDiff(before: readonly string[], after: readonly string[]): EditLine[] {
  const of = commonLines(before, after);
  const lines: EditLine[] = [];
  let next = 0;
  for (const [index, text] of after.entries()) {
    const at = of[index] ?? -1;
    if (at < 0) {
      lines.push({ mark: '+', text });
      continue;
    }
    // What goes stands before what comes in its place.
    const removed = before.slice(next, at).map((line): EditLine => ({ mark: '-', text: line }));
    const comes = lines.length - (lines.findLastIndex(({ mark }) => mark !== '+') + 1);
    lines.splice(lines.length - comes, 0, ...removed);
    lines.push({ mark: ' ', text });
    next = at + 1;
  }
  const removed = before.slice(next).map((line): EditLine => ({ mark: '-', text: line }));
  const comes = lines.length - (lines.findLastIndex(({ mark }) => mark !== '+') + 1);
  lines.splice(lines.length - comes, 0, ...removed);
  return lines;
}

function patchEdits(patch: string): FileEdit[] {
  const parsed = parsePatch(patch);
  if ('error' in parsed) return [];
  return parsed.ok.map((file) => {
    switch (file.kind) {
      case 'add':
        return edit(file.path, 'added', [{ header: '', lines: file.lines.map((text) => ({ mark: '+', text })) }]);
      case 'delete':
        return edit(file.path, 'deleted', []);
      case 'update': {
        const hunks = file.hunks.map(({ anchors, lines }) => ({ header: anchors.join(' › '), lines }));
        return edit(file.moveTo ?? file.path, 'changed', hunks, file.moveTo === undefined ? undefined : file.path);
      }
      default:
        return file satisfies never;
    }
  });
}

function edit(path: string, change: FileEdit['change'], hunks: readonly EditHunk[], from?: string): FileEdit {
  const count = (mark: string) =>
    hunks.reduce((sum, { lines }) => sum + lines.reduce((n, line) => (line.mark === mark ? n + 1 : n), 0), 0);
  return { path, from, change, hunks, additions: count('+'), deletions: count('-') };
}

/** Lines without their ends; the end of the last line makes no line of its own. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
