/** A word on edits that break a file in a way that can be seen at once. */

/** Where a JSON file that was valid before is no longer; empty when nothing is wrong or nothing can be said. */
export function syntaxNote(path: string, before: string | undefined, after: string): string[] {
  if (!/\.json$/i.test(path)) return [];
  // Some files of this name allow comments: only what was strict JSON before is held to it.
  if (before !== undefined && before.trim() !== '' && jsonProblem(before) !== undefined) return [];
  if (before === undefined && /(^|\/)(tsconfig|jsconfig|\.vscode\/)[^/]*$/i.test(path)) return [];
  const problem = jsonProblem(after);
  return problem === undefined ? [] : [`Warning: ${path} is not valid JSON now: ${problem}`];
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
