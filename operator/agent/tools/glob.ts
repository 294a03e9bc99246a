/** File name patterns as models write them: `*.ts`, `src/**`, `*.{js,jsx}`, `!*.test.ts`, several with commas. */

export type GlobFilter = {
  /** Whether a path, relative to the directory that is looked at, is meant. `fromRoot` is the same path from the worktree. */
  matches(path: string, fromRoot: string): boolean;
  /** Patterns of base names of which at least one fits every path meant; undefined when names say nothing. */
  names: string[] | undefined;
};

/** The filter that one or more patterns make. A pattern without slash fits names at any depth. */
export function globFilter(text: string): GlobFilter {
  const patterns = splitPatterns(text).flatMap(expandBraces);
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!')).map(normal);
  const unwanted = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => toRegExp(normal(pattern.slice(1))));
  const include = wanted.map(toRegExp);
  const fits = (expressions: readonly RegExp[], ...paths: string[]) =>
    expressions.some((one) => paths.some((path) => one.test(path)));
  const names = wanted.map((pattern) => pattern.slice(pattern.lastIndexOf('/') + 1));
  return {
    matches: (path, fromRoot) => (include.length === 0 || fits(include, path, fromRoot)) && !fits(unwanted, path, fromRoot),
    names: names.length === 0 || names.some((name) => name.includes('**')) ? undefined : [...new Set(names)],
  };
}

/** Commas separate patterns, except between braces. */
function splitPatterns(text: string): string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (character === ',' && depth <= 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function expandBraces(pattern: string): string[] {
  const match = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(pattern);
  if (!match) return [pattern];
  const [, before = '', alternatives = '', after = ''] = match;
  return alternatives.split(',').flatMap((alternative) => expandBraces(before + alternative.trim() + after));
}

function normal(pattern: string): string {
  const plain = pattern.replace(/^(\.?\/)+/, '');
  const folder = plain.endsWith('/') ? `${plain}**` : plain;
  return folder.includes('/') || pattern.startsWith('/') || pattern.startsWith('./') ? folder : `**/${folder}`;
}

function toRegExp(pattern: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (pattern.startsWith('**/', at)) {
      source += '(?:.*/)?';
      at += 2;
    } else if (pattern.startsWith('**', at)) {
      source += '.*';
      at += 1;
    } else if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else if (character === '[' && pattern.indexOf(']', at + 2) > 0) {
      const end = pattern.indexOf(']', at + 2);
      source += `[${pattern
        .slice(at + 1, end)
        .replace(/^!/, '^')
        .replaceAll('\\', '\\\\')}]`;
      at = end;
    } else source += character.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  }
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    // A bracket expression that is none: the pattern is taken letter for letter.
    return new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`, 's');
  }
}
