/** The apply_patch tool: changes to several files in the patch language of GPT models, all or none. */
import { quote } from '../../sandbox/quote.ts';
import type { FileChange } from '../../sandbox/sandbox.ts';
import { answering, failed, shown, succeeded, summaryLine } from './answer.ts';
import type { ChangedLines } from './edit-match.ts';
import { explainMismatch } from './mismatch.ts';
import { cannotEdit, hashOf, missingFile, openFile } from './open-file.ts';
import { applyHunks, type HunkFailure } from './patch-apply.ts';
import { type FilePatch, parsePatch } from './patch-parse.ts';
import { locateForWriting } from './paths.ts';
import { changedView, VIEW_LINES } from './snippet.ts';
import { syntaxNote } from './syntax.ts';
import { encodeFile, type TextFile, toLF } from './text-file.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { formatCount } from './truncate.ts';
import { finishedBefore, writeFiles } from './write-tool.ts';

export const applyPatch: SandboxTool = {
  spec: {
    name: 'apply_patch',
    description: `Change one or more files with a patch that is applied as a whole or not at all. Use it for changes in several places or files, and to move or delete files; for a single place edit_file is simpler. Format:
*** Begin Patch
*** Update File: src/app.py
@@ def greet(name):
     name = name.strip()
-    print("Hi " + name)
+    print(f"Hello {name}")
     return name
*** Add File: src/new.py
+VALUE = 1
*** Delete File: src/old.py
*** End Patch
Every line of a hunk starts with a space (context), - (removed) or + (added). Give about three lines of context on each side, copied from the file exactly. An @@ line names the enclosing function or class; it is needed only where the context occurs more than once. To rename a file, put "*** Move to: new/path" directly below "*** Update File:". Paths are relative to the repository root. When a hunk does not apply, the result shows what the file has instead.`,
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['patch'],
      properties: { patch: { type: 'string', description: 'The patch, from "*** Begin Patch" to "*** End Patch".' } },
    },
  },
  effect: 'write',
  summary(args) {
    const parsed = parsePatch(shown(args.patch));
    return summaryLine('ok' in parsed ? `patch ${parsed.ok.map(({ path }) => path).join(', ')}` : 'patch');
  },
  run(args, context) {
    return answering(() => apply(String(args.patch), context));
  },
};

/** What a path holds after the sections that were applied so far. */
type Held = { state: 'text'; file: TextFile } | { state: 'bytes'; bytes: Uint8Array } | { state: 'gone' };

type Work = {
  context: ToolContext;
  held: Map<string, Held>;
  changes: Map<string, FileChange>;
  report: string[];
  /** Lines of files that the report may still show. */
  linesLeft: number;
  errors: string[];
};

/** Lines of files that the result of one patch shows. */
const SHOWN_LINES = 60;

async function apply(patch: string, context: ToolContext): Promise<ToolResult> {
  const parsed = parsePatch(patch);
  if ('error' in parsed) return failed(`${parsed.error}\nNothing was changed.`);
  if (await finishedBefore(context)) return reconstructed(parsed.ok, context);
  const work: Work = { context, held: new Map(), changes: new Map(), report: [], linesLeft: SHOWN_LINES, errors: [] };
  for (const section of parsed.ok) {
    const located = locateForWriting(section.path, context.sandbox.worktree);
    if ('problem' in located) {
      work.errors.push(located.problem);
      continue;
    }
    if (section.kind === 'add') await add(located.path, section.lines, work);
    else if (section.kind === 'delete') await remove(located.path, work);
    else await update(located.path, section, work);
  }
  if (work.errors.length > 0) {
    return failed(`The patch was not applied, no file was changed.\n${work.errors.slice(0, 6).join('\n\n')}`);
  }
  const changes = [...work.changes.values()];
  await writeFiles(context, changes);
  return succeeded(
    work.report.join('\n'),
    changes.map(({ path }) => path),
  );
}

async function add(path: string, lines: readonly string[], work: Work): Promise<void> {
  const present = await look(path, work);
  if (present.state === 'problem') {
    work.errors.push(present.problem);
    return;
  }
  const text = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  const size = formatCount(lines.length, 'line');
  const replaced = present.state !== 'gone' && !work.changes.has(path);
  work.report.push(
    replaced ? `Replaced ${path} (${size}); it existed before, see git diff -- ${path}` : `Added ${path} (${size}).`,
  );
  hold(path, { state: 'text', file: { text, encoding: 'UTF-8', bom: false } }, work);
}

async function remove(path: string, work: Work): Promise<void> {
  const known = work.held.get(path);
  const { sandbox, signal } = work.context;
  const status = known ? (known.state === 'gone' ? undefined : ({ type: 'file' } as const)) : await sandbox.stat(path, signal);
  if (!status) work.errors.push(`${path}: cannot be deleted. ${await missingFile(sandbox, path, signal)}`);
  else if (status.type === 'directory') work.errors.push(`${path} is a directory; a patch deletes files only. Use bash: rm -r`);
  else {
    work.report.push(`Deleted ${path}.`);
    hold(path, { state: 'gone' }, work);
  }
}

async function update(path: string, section: FilePatch & { kind: 'update' }, work: Work): Promise<void> {
  const { sandbox, signal, seen } = work.context;
  const present = await look(path, work);
  if (present.state === 'problem') {
    work.errors.push(present.problem);
    return;
  }
  if (present.state === 'gone') {
    work.errors.push(`${path}: ${await missingFile(sandbox, path, signal)}`);
    return;
  }
  let result: Held = present;
  let changed: ChangedLines[] = [];
  const notes: string[] = [];
  if (section.hunks.length > 0) {
    if (present.state === 'bytes') {
      work.errors.push(`${path} is not text; a patch can only move or delete it.`);
      return;
    }
    const { file } = present;
    const applied = applyHunks(file.text, section.hunks);
    const known = seen.get(path);
    const stale = present.hash !== undefined && known !== undefined && known !== present.hash;
    if ('failures' in applied) {
      const words = applied.failures.slice(0, 4).map((failure) => failureWords(failure, file.text));
      work.errors.push([`${path}:`, ...(stale ? ['The file has changed since you last saw it.'] : []), ...words].join('\n'));
      return;
    }
    if (stale && applied.leniencies.length > 0) {
      work.errors.push(`${path} has changed since you last saw it, and the context does not fit exactly. Read it again.`);
      return;
    }
    if (stale) notes.push('It had changed since you last saw it; the context still fitted.');
    if (applied.leniencies.length > 0)
      notes.push(`The context fitted in spite of a difference in ${applied.leniencies.join(', ')}; check the lines.`);
    result = { state: 'text', file: { ...file, text: applied.text } };
    if (!encodeFile(applied.text, file)) {
      work.errors.push(`${path} is in ${file.encoding}, which cannot hold a character of the new lines.`);
      return;
    }
    notes.push(...syntaxNote(path, file.text, applied.text));
    changed = applied.changed;
  }
  let target = path;
  if (section.moveTo !== undefined) {
    const located = locateForWriting(section.moveTo, sandbox.worktree);
    if ('problem' in located) {
      work.errors.push(located.problem);
      return;
    }
    target = located.path;
    if (target !== path && (await exists(target, work))) {
      work.errors.push(
        `${path} cannot be moved to ${target}: that exists already. Delete it in the same patch first if it is to be replaced.`,
      );
      return;
    }
  }
  const moved = target !== path;
  const view = result.state === 'text' && changed.length > 0 ? [viewOf(result.file.text, changed, work)] : [];
  work.report.push([moved ? `Moved ${path} to ${target}.` : `Updated ${path}:`, ...notes, ...view].join('\n'));
  if (moved) hold(path, { state: 'gone' }, work);
  hold(target, result, work, moved && (await executable(path, work)) ? 0o755 : undefined);
}

/** The changed places, within what the views of the files before it left. */
function viewOf(text: string, changed: readonly ChangedLines[], work: Work): string {
  const view = changedView(text, changed, Math.min(VIEW_LINES, work.linesLeft));
  work.linesLeft = Math.max(0, work.linesLeft - view.split('\n').length);
  return view;
}

type Look = (Held & { hash?: string }) | { state: 'problem'; problem: string };

/** What a path holds now: as earlier sections left it, or as it is in the worktree. */
async function look(path: string, work: Work): Promise<Look> {
  const held = work.held.get(path);
  if (held) return held;
  const { sandbox, signal } = work.context;
  const opened = await openFile(sandbox, path, signal);
  switch (opened.kind) {
    case 'missing':
      return { state: 'gone' };
    case 'text':
      return { state: 'text', file: opened.file, hash: opened.hash };
    case 'binary': {
      const bytes = await sandbox.readFile(path, { maxBytes: opened.size, signal });
      return bytes ? { state: 'bytes', bytes } : { state: 'gone' };
    }
    default:
      return { state: 'problem', problem: cannotEdit(path, opened) };
  }
}

async function exists(path: string, work: Work): Promise<boolean> {
  const held = work.held.get(path);
  if (held) return held.state !== 'gone';
  return (await work.context.sandbox.stat(path, work.context.signal)) !== undefined;
}

async function executable(path: string, work: Work): Promise<boolean> {
  const { sandbox, signal } = work.context;
  const { exitCode } = await sandbox.query(`[ -x ${quote(`./${path}`)} ]`, { signal });
  return exitCode === 0;
}

function hold(path: string, held: Held, work: Work, mode?: number): void {
  work.held.set(path, held);
  const bytes =
    held.state === 'gone' ? null : held.state === 'bytes' ? held.bytes : (encodeFile(held.file.text, held.file) ?? null);
  work.changes.set(path, { path, bytes, ...(mode === undefined ? {} : { mode }) });
}

function failureWords(failure: HunkFailure, text: string): string {
  const head = `Hunk ${failure.hunk} (line ${failure.patchLine} of the patch): ${failure.problem}.`;
  if (!failure.wanted) return head;
  const lines = toLF(text).split('\n');
  const explained = explainMismatch(lines, failure.wanted, failure.instead);
  return `${head}\n${explained || `Nothing in the file is similar. Read the file, or search for the text.`}`;
}

/** The result of a patch that was complete before a crash. */
async function reconstructed(sections: readonly FilePatch[], context: ToolContext): Promise<ToolResult> {
  const wrote = new Set<string>();
  const report: string[] = [];
  for (const section of sections) {
    const target = section.kind === 'update' ? (section.moveTo ?? section.path) : section.path;
    for (const written of new Set([section.path, target])) {
      const located = locateForWriting(written, context.sandbox.worktree);
      if ('problem' in located) continue;
      wrote.add(located.path);
      const bytes = await context.sandbox.readFile(located.path, { maxBytes: Number.MAX_SAFE_INTEGER, signal: context.signal });
      if (bytes) context.seen.set(located.path, hashOf(bytes));
      else context.seen.delete(located.path);
    }
    if (section.kind === 'add') report.push(`Added ${section.path} (${formatCount(section.lines.length, 'line')}).`);
    else if (section.kind === 'delete') report.push(`Deleted ${section.path}.`);
    else report.push(target === section.path ? `Updated ${section.path}.` : `Moved ${section.path} to ${target}.`);
  }
  return succeeded(report.join('\n'), [...wrote]);
}
