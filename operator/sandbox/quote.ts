/** Shell quoting. Every value that goes into a command line passes through here. */

/**
 * One word of a POSIX shell command line that stands for exactly this text, whatever is in it (spaces, quotes, newlines,
 * non-ASCII). A leading dash is not the shell's business: put `--` before operands.
 * @throws RangeError for a NUL character, which no argument can hold
 */
export function quote(text: string): string {
  if (text.includes('\0')) throw new RangeError('a shell word cannot hold a NUL character');
  if (/^[A-Za-z0-9_@%+:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Words quoted and joined by spaces. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
