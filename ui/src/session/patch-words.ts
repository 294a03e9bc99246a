/** What a patch says of a file besides its lines. Pure. */
import type { PatchFile } from '../timeline/patch-files.ts';

/** What a mode means, where it is not that of a plain file. */
const MEANINGS: Readonly<Record<string, string>> = {
  '100755': 'can be run',
  '120000': 'a symbolic link',
  '160000': 'a submodule',
};

/** Its mode, when that changes or says more than that it is a plain file; else nothing. */
export function modeWords({ mode: { before, after } }: Pick<PatchFile, 'mode'>): string {
  const meaning = (mode: string) => MEANINGS[mode] ?? '';
  if (before !== undefined && after !== undefined) {
    const now = meaning(after) || (before === '100755' ? 'can be run no more' : '');
    return `mode ${before} → ${after}${now === '' ? '' : ` (${now})`}`;
  }
  const only = after ?? before ?? '';
  return meaning(only) === '' ? '' : `mode ${only} (${meaning(only)})`;
}

/** What there is to say of a file that no line of is shown; undefined for one that has lines. */
export function wordsWithoutLines(file: PatchFile): string | undefined {
  const { binary, change, additions, deletions } = file;
  if (binary) {
    return {
      added: 'A new binary file.',
      changed: 'A binary file; its content differs.',
      deleted: 'A binary file is deleted.',
      moved: 'A binary file that was moved; its content differs.',
    }[change];
  }
  if (additions + deletions > 0) return undefined;
  return {
    added: 'A new empty file.',
    changed: modeWords(file) === '' ? 'No line differs.' : 'Only its mode differs, no line.',
    deleted: 'An empty file is deleted.',
    moved: 'Only moved: no line differs.',
  }[change];
}
