/**
 * Text from models, commands and repositories, made safe to read: characters that would not be seen, or that would turn the
 * order of others around, stand there as their names.
 */

/**
 * Controls but line break and tab, the marks that change the direction of text, characters without width, and the like.
 * A joiner within an emoji is seen as what it makes of it.
 */
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|[\u{e0000}-\u{e0fff}]|(?<!\p{Extended_Pictographic}\ufe0f?)\u200d|\u200d(?!\p{Extended_Pictographic})/gu;

/** The text with hidden characters by their names: ⟨ESC⟩, ⟨U+202E⟩. */
export function visible(text: string): string {
  return text.replace(HIDDEN, name);
}

/** The same in one line. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll('\n', '↵').replaceAll('\t', ' ');
}

/** Characters of one line of a file that are shown. */
const LINE = 2_000;

/** A line of a file, cut where nobody reads on. */
export function shortened(line: string): string {
  return line.length <= LINE ? line : `${line.slice(0, LINE)}… (${(line.length - LINE).toLocaleString('en')} more characters)`;
}

const CONTROLS =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(' ');

function name(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const known = code === 0x7f ? 'DEL' : CONTROLS[code];
  return `⟨${known ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`}⟩`;
}
