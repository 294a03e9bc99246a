/** Reads the format of `.env` files as people write it for shells, Docker and dotenv alike. Pure. */

export type EnvFile = {
  values: Map<string, string>;
  /** Lines that cannot be read, by number and reason, never by content: it may hold a secret. */
  problems: { line: number; message: string }[];
};

/** `NAME=value` a line, `export` before it, quotes around the value and a comment after it are allowed. The last of a name counts. */
export function parseEnvFile(text: string): EnvFile {
  const file: EnvFile = { values: new Map(), problems: [] };
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)$/.exec(line);
    const [, name, rest] = match ?? [];
    if (name === undefined || rest === undefined) {
      file.problems.push({ line: index + 1, message: 'is not of the form NAME=value' });
      continue;
    }
    if (hasOpenQuote(rest)) file.problems.push({ line: index + 1, message: `has a quote that is not closed, in ${name}` });
    else file.values.set(name, cleanValue(rest));
  }
  return file;
}

/**
 * A value without its quotes and without the comment after it. Docker's `--env-file` passes both on as part of the value,
 * so values of the environment need it too. A comment begins with `#` after white space; a `#` inside a word belongs to it.
 */
export function cleanValue(raw: string): string {
  const quoted = QUOTED.exec(raw);
  if (!quoted) return raw.replace(/(^|\s)\s*#.*$/s, '').trim();
  const [, double, single] = quoted;
  return single ?? (double ?? '').replace(/\\(["\\$`nrt])/g, (_, char: string) => ESCAPES[char] ?? char);
}

const QUOTED = /^\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?$/s;
const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

function hasOpenQuote(raw: string): boolean {
  return /^\s*["']/.test(raw) && !QUOTED.test(raw);
}
