/** The edit_file tool: one text in a file replaced by another. */
import { answering, failed, shown, succeeded, summaryLine } from './answer.ts';
import { type ChangedLines, decideEdit, type EditDecision } from './edit-match.ts';
import { explainMismatch } from './mismatch.ts';
import { cannotEdit, missingFile, openFile } from './open-file.ts';
import { locateForWriting } from './paths.ts';
import { changedView } from './snippet.ts';
import { syntaxNote } from './syntax.ts';
import { encodeFile, toLF } from './text-file.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { formatCount, formatNumber, splitLines } from './truncate.ts';
import { finishedBefore, writeFiles } from './write-tool.ts';

export const editFile: SandboxTool = {
  spec: {
    name: 'edit_file',
    description:
      'Replace one piece of text in a file. old_string must be copied from the file exactly, with its indentation and without the line numbers that read_file shows, and must occur only once: include a neighbouring line or two to make it unique, or set replace_all. Keep it short: what changes, and what marks the place. The result shows the place, long new text by its ends; when the text is not found, it shows what the file has instead.',
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['path', 'old_string', 'new_string'],
      properties: {
        path: { type: 'string', description: 'Path relative to the repository root.' },
        old_string: { type: 'string', description: 'The text to replace, exactly as it is in the file.' },
        new_string: { type: 'string', description: 'The text to put in its place. Empty deletes it.' },
        replace_all: {
          type: 'boolean',
          description: 'Replace every occurrence, for instance to rename something in the file. Default: false.',
        },
      },
    },
  },
  effect: 'write',
  summary(args) {
    return summaryLine(`edit ${shown(args.path)}`);
  },
  run(args, context) {
    const edit = {
      path: String(args.path),
      oldText: String(args.old_string),
      newText: String(args.new_string),
      replaceAll: args.replace_all === true,
    };
    return answering(() => editOne(edit, context));
  },
};

type Edit = { path: string; oldText: string; newText: string; replaceAll: boolean };

async function editOne(edit: Edit, context: ToolContext): Promise<ToolResult> {
  const { sandbox, signal, seen } = context;
  const located = locateForWriting(edit.path, sandbox.worktree);
  if ('problem' in located) return failed(located.problem);
  const { path } = located;
  if (await finishedBefore(context)) return reconstructed(path, edit, context);
  if (edit.oldText === edit.newText) {
    return failed('old_string and new_string are the same; nothing would change. If the file is right already, go on.');
  }
  const opened = await openFile(sandbox, path, signal);
  if (opened.kind === 'missing') {
    if (edit.oldText !== '') return failed(`${await missingFile(sandbox, path, signal)} (write_file creates a file.)`);
    await writeFiles(context, [{ path, bytes: Buffer.from(edit.newText, 'utf8') }]);
    return succeeded(`Created ${path} (${formatCount(splitLines(edit.newText).length, 'line')}).`, [path]);
  }
  if (opened.kind !== 'text') return failed(cannotEdit(path, opened));
  const { file } = opened;
  if (edit.oldText === '' && file.text !== '') {
    return failed(
      `${path} exists and old_string is empty. Say which text to replace; to insert, take the line before the place into both strings.`,
    );
  }
  const known = seen.get(path);
  const stale = known !== undefined && known !== opened.hash;
  const decision: EditDecision =
    edit.oldText === ''
      ? { kind: 'replaced', text: edit.newText, changed: [{ start: 1, count: splitLines(edit.newText).length }] }
      : decideEdit(file.text, { ...edit, exactOnly: stale });
  switch (decision.kind) {
    case 'absent':
      return failed(absent(path, file.text, edit, stale));
    case 'ambiguous':
      return failed(ambiguous(path, decision.lines, decision.leniency));
    case 'replaced': {
      if (decision.text === file.text) return failed(`Nothing would change in ${path}: the file has the new text already.`);
      const bytes = encodeFile(decision.text, file);
      if (!bytes)
        return failed(
          `${path} is in ${file.encoding}, which cannot hold a character of new_string. Use only characters of that encoding.`,
        );
      await writeFiles(context, [{ path, bytes }]);
      const notes = syntaxNote(path, file.text, decision.text);
      if (decision.leniency)
        notes.push(`old_string was found in spite of a difference in ${decision.leniency}; check the lines below.`);
      if (stale)
        notes.push(
          'The file had changed since you last saw it; the text to replace was still there. Read it again if that surprises you.',
        );
      return succeeded([editedLine(path, decision.changed), ...notes, changedView(decision.text, decision.changed)].join('\n'), [
        path,
      ]);
    }
  }
}

/** The result of an edit that was complete before a crash, from what is in the file now. */
async function reconstructed(path: string, { newText }: Edit, context: ToolContext): Promise<ToolResult> {
  const opened = await openFile(context.sandbox, path, context.signal);
  if (opened.kind !== 'text') return succeeded(`Edited ${path}.`, [path]);
  context.seen.set(path, opened.hash);
  const text = toLF(opened.file.text);
  const wanted = toLF(newText);
  const at = wanted === '' ? -1 : text.indexOf(wanted);
  if (at < 0) return succeeded(`Edited ${path}.`, [path]);
  const changed = [{ start: text.slice(0, at).split('\n').length, count: splitLines(wanted).length }];
  return succeeded(`${editedLine(path, changed)}\n${changedView(text, changed)}`, [path]);
}

function editedLine(path: string, changed: readonly ChangedLines[]): string {
  const [first] = changed;
  if (changed.length > 1) return `Edited ${path} in ${formatNumber(changed.length)} places. Now:`;
  return first?.count === 0 ? `Edited ${path}: lines removed before line ${first.start}. Now:` : `Edited ${path}. Now:`;
}

function ambiguous(path: string, lines: readonly number[], leniency: string | undefined): string {
  const shownLines = lines.slice(0, 20).join(', ') + (lines.length > 20 ? ', ...' : '');
  if (leniency) {
    return `old_string is not in ${path} as it stands; apart from ${leniency} it fits at ${lines.length} places, beginning at lines ${shownLines}. Nothing was changed. Copy the text exactly, with enough lines around it to occur once.`;
  }
  return `old_string occurs ${lines.length} times in ${path}, beginning at lines ${shownLines}. Nothing was changed. Take in more of the lines around the one you mean, or set replace_all to change them all.`;
}

function absent(path: string, text: string, edit: Edit, stale: boolean): string {
  const lines = toLF(text).split('\n');
  const explained = explainMismatch(lines, splitLines(toLF(edit.oldText)), splitLines(toLF(edit.newText)));
  return [
    `old_string is not in ${path}. Nothing was changed.`,
    ...(stale ? ['The file has changed since you last saw it.'] : []),
    explained ||
      `Nothing in its ${formatCount(splitLines(text).length, 'line')} is similar. Read the file, or search for the text.`,
  ].join('\n');
}
