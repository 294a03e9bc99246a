/** The one policy by which every tool keeps its result short: the head and the tail stay, whole lines, and what is missing is said. */

/** How much of a text is shown. Bytes are UTF-8. */
export type Limits = { headBytes: number; tailBytes: number; headLines: number; tailLines: number; lineChars: number };

/** Command output: the end says what happened, the beginning what was done. About 16 KB. */
export const OUTPUT_LIMITS: Limits = { headBytes: 4096, tailBytes: 12_288, headLines: 120, tailLines: 360, lineChars: 1500 };

/** A list whose beginning matters most (matches, entries). About 12 KB. */
export const LIST_LIMITS: Limits = { headBytes: 12_288, tailBytes: 0, headLines: 400, tailLines: 0, lineChars: 400 };

/** A text of which only the beginning and the end are at hand; `bytes` counts all of it. */
export type Excerpt = { head: string; tail: string; omitted: number; bytes: number };

/**
 * The text within the limits. Where lines are left out stands a bracketed line that says how much is missing and, with
 * `where`, how to read it.
 */
export function truncate(source: string | Excerpt, limits: Limits, where?: string): { text: string; cut: boolean } {
  const excerpt = typeof source === 'string' ? wholeText(source) : source;
  const gap = excerpt.omitted > 0;
  const first = splitLines(excerpt.head);
  if (!gap) {
    const lines = first.map((line) => shortenLine(line, limits.lineChars));
    const shortened = lines.some((line, index) => line !== first[index]);
    const total = sizeOf(lines);
    if (total <= limits.headBytes + limits.tailBytes && lines.length <= limits.headLines + limits.tailLines) {
      const text = lines.join('\n');
      return shortened && where
        ? { text: `${text}\n[long lines were shortened; ${where}]`, cut: true }
        : { text, cut: shortened };
    }
  }
  const last = gap ? splitLines(excerpt.tail) : first;
  const head = take(first, limits.headLines, limits.headBytes, limits.lineChars);
  const rest = gap ? last : last.slice(head.length);
  const tail = take(rest.toReversed(), limits.tailLines, limits.tailBytes, limits.lineChars).toReversed();
  const missing = gap
    ? excerpt.bytes - sizeOf(first.slice(0, head.length)) - sizeOf(last.slice(last.length - tail.length))
    : sizeOf(first.slice(head.length, first.length - tail.length));
  const lines = gap ? '' : `${formatCount(first.length - head.length - tail.length, 'line')}, `;
  const note = `[... ${lines}${formatSize(Math.max(missing, 1))} left out${where ? `; ${where}` : ''} ...]`;
  return { text: [...head, note, ...tail].join('\n'), cut: true };
}

/** A line with its middle taken out when it has more than `max` characters; the mark says how many are missing. */
export function shortenLine(line: string, max: number): string {
  if (line.length <= max) return line;
  const end = Math.min(200, Math.floor(max / 4));
  const head = wholeCharacters(line.slice(0, max - end));
  const tail = line.slice(line.length - end).replace(/^[\uDC00-\uDFFF]/, '');
  return `${head}[... ${formatNumber(line.length - head.length - tail.length)} characters ...]${tail}`;
}

/** 812 bytes, 4.1 KB, 3.2 MB. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return formatCount(bytes, 'byte');
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** "1 line", "1,200 lines"; the plural is given where it is not the noun with an s. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`;
}

/** 1234567 as 1,234,567. */
export function formatNumber(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Bytes of lines with their ends. */
function sizeOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + byteLength(line) + 1, 0);
}

function wholeText(text: string): Excerpt {
  return { head: text, tail: '', omitted: 0, bytes: byteLength(text) };
}

/** Lines without their ends; a final newline does not make one more line. */
export function splitLines(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

function take(lines: readonly string[], maxLines: number, maxBytes: number, lineChars: number): string[] {
  const taken: string[] = [];
  let bytes = 0;
  for (const line of lines) {
    if (taken.length >= maxLines) break;
    const short = shortenLine(line, lineChars);
    bytes += byteLength(short) + 1;
    if (bytes > maxBytes) break;
    taken.push(short);
  }
  return taken;
}

/** Without the first half of a character that a cut went through. */
function wholeCharacters(text: string): string {
  return text.replace(/[\uD800-\uDBFF]$/, '');
}
