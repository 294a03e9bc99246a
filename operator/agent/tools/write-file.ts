/** The write_file tool: a whole file at once. */
import { answering, failed, shown, succeeded, summaryLine } from './answer.ts';
import { hashOf, openFile } from './open-file.ts';
import { locateForWriting } from './paths.ts';
import { syntaxNote } from './syntax.ts';
import { encodeFile, lineEnd, NEW_FILE, toLF, withLineEnd } from './text-file.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { formatCount, formatSize, splitLines } from './truncate.ts';
import { finishedBefore, writeFiles } from './write-tool.ts';

export const writeFile: SandboxTool = {
  spec: {
    name: 'write_file',
    description:
      'Create a file, or replace a whole file. Missing directories are created. The file will hold exactly what content says, so give all of it and no placeholders for code that should stay. To change part of a file, use edit_file.',
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['path', 'content'],
      properties: {
        path: { type: 'string', description: 'Path relative to the repository root.' },
        content: { type: 'string', description: 'The complete content, normally ending with a newline.' },
      },
    },
  },
  effect: 'write',
  summary(args) {
    const content = typeof args.content === 'string' ? ` (${formatCount(splitLines(args.content).length, 'line')})` : '';
    return summaryLine(`write ${shown(args.path)}${content}`);
  },
  run(args, context) {
    return answering(() => write(String(args.path), String(args.content), context));
  },
};

async function write(written: string, content: string, context: ToolContext): Promise<ToolResult> {
  const { sandbox, signal, seen } = context;
  const located = locateForWriting(written, sandbox.worktree);
  if ('problem' in located) return failed(located.problem);
  const { path } = located;
  const size = formatCount(splitLines(content).length, 'line');
  if (await finishedBefore(context)) {
    const opened = await openFile(sandbox, path, signal);
    if ('hash' in opened) seen.set(path, opened.hash);
    return succeeded(`Wrote ${path} (${size}).`, [path]);
  }
  const before = await openFile(sandbox, path, signal);
  if (before.kind === 'directory') return failed(`${path} is a directory; a file cannot take its place. Name a file in it.`);
  const placeholder = before.kind === 'text' ? placeholderIn(content, before.file.text) : undefined;
  if (placeholder) {
    return failed(
      `Line ${placeholder.line} of content stands for code that would be lost: ${JSON.stringify(placeholder.text)}. Nothing was written. Give the whole file, or change the part with edit_file.`,
    );
  }
  const notes = syntaxNote(path, before.kind === 'text' ? before.file.text : undefined, content);
  let bytes: Uint8Array = Buffer.from(content, 'utf8');
  if (before.kind === 'text') {
    const { file } = before;
    const end = lineEnd(file.text);
    const encoded = encodeFile(end === '\r\n' ? withLineEnd(toLF(content), end) : content, file);
    if (end === '\r\n' && !content.includes('\r\n')) notes.push('Its CRLF line ends were kept.');
    if (file.encoding !== 'UTF-8' && encoded) notes.push(`Its encoding ${file.encoding} was kept.`);
    if (!encoded) notes.push(`It was ${file.encoding}, which cannot hold this text; it is UTF-8 now.`);
    bytes = encoded ?? encodeFile(content, NEW_FILE) ?? bytes;
    if (hashOf(bytes) === before.hash) {
      seen.set(path, before.hash);
      return succeeded(`${path} has exactly this content already (${size}); nothing was written.`);
    }
  }
  if (before.kind !== 'missing') {
    const had = before.kind === 'text' ? formatCount(splitLines(before.file.text).length, 'line') : formatSize(before.size);
    const known = seen.get(path);
    if (known === undefined) {
      notes.push(`Warning: you had not read what you replaced (${had}). See what was lost with: git diff -- ${path}`);
    } else if ('hash' in before && known !== before.hash) {
      notes.push(`Warning: the file had changed since you last saw it, and those changes are gone too. See git diff -- ${path}`);
    }
    await writeFiles(context, [{ path, bytes }]);
    return succeeded([`Overwrote ${path}: ${size}, before ${had}.`, ...notes].join('\n'), [path]);
  }
  await writeFiles(context, [{ path, bytes }]);
  return succeeded([`Created ${path} (${size}).`, ...notes].join('\n'), [path]);
}

/** A line such as "// ... rest of the code unchanged ..." that the file itself does not have. */
function placeholderIn(content: string, before: string): { line: number; text: string } | undefined {
  const known = new Set(splitLines(toLF(before)).map((line) => line.trim()));
  for (const [index, line] of splitLines(toLF(content)).entries()) {
    const text = line.trim();
    if (!PLACEHOLDER.test(text) || known.has(text)) continue;
    return { line: index + 1, text };
  }
  return undefined;
}

const PLACEHOLDER =
  /^(\/\/|#|\/\*|<!--|--|;|\{\/\*)\s*(\.\.\.|…)?\s*\(?(the )?(rest of|existing|remaining|previous|other) (the |of the |your )?(code|file|content|contents|implementation|functions?|methods?|class|imports)\b.*(\.\.\.|…|unchanged|same|as before|here)/i;
