/** A patch as git writes it, taken apart by file without reading what is in them: that is done when one is looked at. */

export type PatchFile = {
  readonly path: string;
  /** Where it was before, when it was moved. */
  readonly from: string | undefined;
  readonly change: 'added' | 'changed' | 'deleted' | 'moved';
  readonly binary: boolean;
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
  const added = said('new file mode') !== undefined || old === null;
  const deleted = said('deleted file mode') !== undefined || now === null;
  let [additions, deletions] = [0, 0];
  if (hunks >= 0) {
    for (const line of lines.slice(hunks)) {
      if (line.startsWith('+')) additions++;
      else if (line.startsWith('-')) deletions++;
    }
  }
  return {
    path: movedTo !== undefined ? unquoted(movedTo) : (now ?? old ?? secondHalf(named)),
    from: movedFrom === undefined ? undefined : unquoted(movedFrom),
    change: added ? 'added' : deleted ? 'deleted' : movedFrom === undefined ? 'changed' : 'moved',
    binary: head.some((line) => line.startsWith('Binary files ') || line === 'GIT binary patch'),
    additions,
    deletions,
    lines: lines.length,
    text,
  };
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
