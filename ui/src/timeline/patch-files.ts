/** A patch as git writes it, taken apart by file without reading what is in them: that is done when one is looked at. */

export type PatchFile = {
  readonly path: string;
  /** Where it was before, when it was moved. */
  readonly from: string | undefined;
  readonly change: 'added' | 'changed' | 'deleted' | 'moved';
  readonly binary: boolean;
  /** As git has it, six octal digits: 100755 can be run, 120000 is a symbolic link. Where it is not said, none. */
  readonly mode: { readonly before: string | undefined; readonly after: string | undefined };
  readonly additions: number;
  readonly deletions: number;
  /** Lines of its part of the patch. */
  readonly lines: number;
  /** Its part of the patch. */
  readonly text: string;
};

export function patchFiles(patch: string): PatchFile[] {
  const files: PatchFile[] = [];
  const starts: number[] = [];
  // Within hunks every line begins with a sign of its own.
  for (let at = patch.startsWith(START) ? 0 : next(patch, 0); at >= 0; at = next(patch, at)) starts.push(at);
  for (const [index, start] of starts.entries()) files.push(fileOf(patch.slice(start, starts[index + 1] ?? patch.length)));
  return files;
}

const START = 'diff --git ';

function next(patch: string, from: number): number {
  const at = patch.indexOf(`\n${START}`, from);
  return at < 0 ? -1 : at + 1;
}

function fileOf(text: string): PatchFile {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const hunks = lines.findIndex((line) => line.startsWith('@@ '));
  const head = hunks < 0 ? lines : lines.slice(0, hunks);
  const said = (start: string) => head.find((line) => line.startsWith(start))?.slice(start.length);
  const old = side(said('--- '));
  const now = side(said('+++ '));
  const movedFrom = said('rename from ');
  const movedTo = said('rename to ');
  const named = said(START) ?? '';
  const newMode = said('new file mode ');
  const deletedMode = said('deleted file mode ');
  const added = newMode !== undefined || old === null;
  const deleted = deletedMode !== undefined || now === null;
  const { additions, deletions, end } = changesIn(lines, hunks);
  return {
    path: movedTo !== undefined ? unquoted(movedTo) : (now ?? old ?? secondHalf(named)),
    from: movedFrom === undefined ? undefined : unquoted(movedFrom),
    change: added ? 'added' : deleted ? 'deleted' : movedFrom === undefined ? 'changed' : 'moved',
    binary: head.some((line) => line.startsWith('Binary files ') || line === 'GIT binary patch'),
    mode: { before: deletedMode ?? said('old mode '), after: newMode ?? said('new mode ') },
    additions,
    deletions,
    lines: end,
    text: end < lines.length ? `${lines.slice(0, end).join('\n')}\n` : text,
  };
}

/** Counts what comes and goes, and finds where the hunks end: a signature of who made the patch may follow. */
function changesIn(lines: readonly string[], from: number): { additions: number; deletions: number; end: number } {
  let [additions, deletions, before, after] = [0, 0, 0, 0];
  if (from < 0) return { additions, deletions, end: lines.length };
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (before <= 0 && after <= 0) {
      if (line.startsWith('\\')) continue;
      const counts = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
      if (!counts) return { additions, deletions, end: at };
      [before, after] = [Number(counts[1] ?? 1), Number(counts[2] ?? 1)];
    } else if (line.startsWith('+')) {
      additions++;
      after--;
    } else if (line.startsWith('-')) {
      deletions++;
      before--;
    } else if (!line.startsWith('\\')) {
      before--;
      after--;
    }
  }
  return { additions, deletions, end: lines.length };
}

/** The path of one side; null where there is no file on it. */
function side(name: string | undefined): string | null | undefined {
  if (name === undefined) return undefined;
  const path = unquoted(name.replace(/\t$/, ''));
  return path === '/dev/null' ? null : path.replace(/^[ab]\//, '');
}

/** Both halves of the first line name the same file when nothing else names it. */
function secondHalf(named: string): string {
  if (named.endsWith('"')) return unquoted(named.slice(named.indexOf(' "') + 1)).replace(/^b\//, '');
  return named.slice(Math.floor(named.length / 2) + 1).replace(/^b\//, '');
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

/** A name as it is; git puts those with unusual bytes into quotes. */
function unquoted(name: string): string {
  if (!name.startsWith('"') || !name.endsWith('"')) return name;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [piece, octal, letter] of name.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|[^\\]+/gs)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (letter !== undefined) bytes.push(ESCAPES[letter] ?? letter.charCodeAt(0));
    else for (const byte of encoder.encode(piece)) bytes.push(byte);
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
