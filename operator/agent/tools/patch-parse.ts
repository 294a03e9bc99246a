/** The patch language that GPT models write: an envelope with one section per file. Read leniently, told strictly. */

/** One line of a hunk: context that stays, a line that goes, a line that comes. */
export type HunkLine = { mark: ' ' | '-' | '+'; text: string };

export type Hunk = {
  /** What stands after @@: lines of the file that come before the place, outermost first. */
  anchors: string[];
  /** Line number in the old file, from 1, when the header is one of a unified diff. */
  line?: number;
  lines: HunkLine[];
  /** The hunk is at the end of the file. */
  atEnd: boolean;
  /** Line of the patch at which the hunk begins, from 1. */
  patchLine: number;
};

export type FilePatch =
  | { kind: 'add'; path: string; lines: string[] }
  | { kind: 'delete'; path: string }
  | { kind: 'update'; path: string; moveTo?: string; hunks: Hunk[] };

/** The sections of a patch in order, or what is wrong with it, for the model. */
export function parsePatch(patch: string): { ok: FilePatch[] } | { error: string } {
  const all = patch.replaceAll('\r\n', '\n').split('\n');
  const begin = all.findIndex((line) => line.trim() === BEGIN);
  const firstSection = all.findIndex((line) => section(line) !== undefined);
  if (firstSection < 0) {
    const diff = all.some((line) => /^(diff --git|--- |\+\+\+ )/.test(line));
    return {
      error: `The patch has no file section${diff ? ' (a unified diff does not work here)' : ''}. ${FORMAT}`,
    };
  }
  const end = all.findLastIndex((line) => line.trim() === END);
  // Without the closing line the patch may have been cut off in the middle: half an edit is worse than none.
  if (end < firstSection)
    return { error: `The patch does not end with "${END}": it may have been cut off. Send it again whole.` };
  const sections: FilePatch[] = [];
  let at = begin >= 0 && begin < firstSection ? begin + 1 : firstSection;
  while (at < end) {
    const line = all[at] ?? '';
    const head = section(line);
    if (!head) {
      if (line.trim() === '' || line.trim() === BEGIN || line.trim() === END) {
        at++;
        continue;
      }
      return { error: `Line ${at + 1} of the patch is outside of any file section: ${JSON.stringify(line)}. ${FORMAT}` };
    }
    if (head.path === '') return { error: `Line ${at + 1} of the patch names no file: ${JSON.stringify(line)}.` };
    const next = nextSection(all, at + 1, end);
    const body = all.slice(at + 1, next);
    if (head.kind === 'delete') {
      sections.push({ kind: 'delete', path: head.path });
    } else if (head.kind === 'add') {
      sections.push({ kind: 'add', path: head.path, lines: addedLines(body) });
    } else {
      const update = parseUpdate(head.path, body, at + 2);
      if ('error' in update) return update;
      sections.push(update.ok);
    }
    at = next;
  }
  return { ok: sections };
}

const BEGIN = '*** Begin Patch';
const END = '*** End Patch';

const FORMAT = `It must look like this:
*** Begin Patch
*** Update File: path/of/file
@@ def enclosing_function():
 unchanged line
-old line
+new line
 unchanged line
*** Add File: path/of/new_file
+its first line
*** Delete File: path/of/old_file
*** End Patch`;

function section(line: string): { kind: FilePatch['kind']; path: string } | undefined {
  const match = /^\*\*\* (Add|Delete|Update) File:(.*)$/.exec(line.trim());
  if (!match) return undefined;
  const path = (match[2] ?? '').trim().replace(/^(["'`])(.*)\1$/, '$2');
  return { kind: match[1] === 'Add' ? 'add' : match[1] === 'Delete' ? 'delete' : 'update', path };
}

function nextSection(lines: readonly string[], from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const line = lines[at] ?? '';
    if (section(line) || line.trim() === END || line.trim() === BEGIN) return at;
  }
  return end;
}

/** Lines of a new file. Every line should carry a plus; when none does, the section is taken as it stands. */
function addedLines(body: readonly string[]): string[] {
  const lines = withoutBlankEnd(body);
  if (lines.some((line) => line.startsWith('+'))) return lines.map((line) => (line.startsWith('+') ? line.slice(1) : line));
  return lines;
}

function parseUpdate(path: string, body: readonly string[], firstLine: number): { ok: FilePatch } | { error: string } {
  const lines = withoutBlankEnd(body);
  let at = 0;
  let moveTo: string | undefined;
  const move = /^\*\*\* Move to:(.*)$/.exec((lines[0] ?? '').trim());
  if (move) {
    moveTo = (move[1] ?? '').trim();
    if (moveTo === '') return { error: `Line ${firstLine} of the patch moves ${path} to no path.` };
    at++;
  }
  const hunks: Hunk[] = [];
  let hunk: Hunk | undefined;
  for (; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line.startsWith('@@')) {
      const header = hunkHeader(line);
      // Several @@ lines in a row narrow down one place.
      if (hunk && hunk.lines.length === 0) {
        hunk.anchors.push(...header.anchors);
        if (header.line !== undefined) hunk.line = header.line;
      } else {
        hunk = { ...header, lines: [], atEnd: false, patchLine: firstLine + at };
        hunks.push(hunk);
      }
      continue;
    }
    if (line.trim() === '*** End of File') {
      if (hunk) hunk.atEnd = true;
      continue;
    }
    if (line.startsWith('***')) {
      return { error: `Line ${firstLine + at} of the patch is no known instruction: ${JSON.stringify(line)}. ${FORMAT}` };
    }
    if (!hunk) {
      hunk = { anchors: [], lines: [], atEnd: false, patchLine: firstLine + at };
      hunks.push(hunk);
    }
    hunk.lines.push(hunkLine(line));
  }
  const complete = hunks.map(trimmed);
  const idle = complete.find(({ lines }) => !lines.some(({ mark }) => mark !== ' '));
  if (idle)
    return { error: `The hunk at line ${idle.patchLine} of the patch changes nothing: it has no line that begins with + or -.` };
  if (complete.length === 0 && moveTo === undefined) return { error: `The section for ${path} changes nothing. ${FORMAT}` };
  return { ok: { kind: 'update', path, hunks: complete, ...(moveTo === undefined ? {} : { moveTo }) } };
}

function hunkHeader(line: string): { anchors: string[]; line?: number } {
  const unified = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)$/.exec(line);
  const text = (
    unified
      ? (unified[2] ?? '')
      : line
          .slice(2)
          .replace(/^ /, '')
          .replace(/\s*@@\s*$/, '')
  ).trimEnd();
  return { anchors: text.trim() === '' ? [] : [text], ...(unified ? { line: Number(unified[1]) } : {}) };
}

/** A line without mark is context whose leading blank got lost. */
function hunkLine(line: string): HunkLine {
  const mark = line[0];
  if (mark === ' ' || mark === '-' || mark === '+') return { mark, text: line.slice(1) };
  return { mark: ' ', text: line };
}

/** Blank lines after the last change of a hunk that came from separating it from the next one are not context. */
function trimmed(hunk: Hunk): Hunk {
  const lines = [...hunk.lines];
  while (lines.length > 0 && lines.at(-1)?.mark === ' ' && lines.at(-1)?.text === '') lines.pop();
  return { ...hunk, lines };
}

function withoutBlankEnd(lines: readonly string[]): string[] {
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
}
