/** Files as text and back without changing what was not edited: encoding, byte order mark, line ends. */

export type Encoding = 'UTF-8' | 'UTF-16LE' | 'UTF-16BE' | 'Latin-1';

/** `text` is without byte order mark, with the line ends that the file has. */
export type TextFile = { text: string; encoding: Encoding; bom: boolean };

/** A file that is no text. `kind` says what it is, for the model: "PNG image", "binary file". */
export type BinaryFile = { kind: string; image: boolean };

/** How a new file is stored. */
export const NEW_FILE = { encoding: 'UTF-8', bom: false } as const satisfies Omit<TextFile, 'text'>;

export function decodeFile(bytes: Uint8Array): TextFile | BinaryFile {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsWith(buffer, [0xef, 0xbb, 0xbf])) {
    return { text: buffer.toString('utf8', 3), encoding: 'UTF-8', bom: true };
  }
  if (startsWith(buffer, [0xff, 0xfe]) && buffer.length % 2 === 0) {
    return { text: buffer.toString('utf16le', 2), encoding: 'UTF-16LE', bom: true };
  }
  if (startsWith(buffer, [0xfe, 0xff]) && buffer.length % 2 === 0) {
    return { text: Buffer.from(buffer.subarray(2)).swap16().toString('utf16le'), encoding: 'UTF-16BE', bom: true };
  }
  const nul = buffer.subarray(0, SAMPLE).includes(0);
  const text = nul ? undefined : decodeUTF8(buffer);
  if (text !== undefined) return { text, encoding: 'UTF-8', bom: false };
  const known = MAGIC.find(({ start, at }) => startsWith(buffer.subarray(at), start));
  if (known) return { kind: known.kind, image: known.image };
  // Bytes that are no UTF-8: text in an old 8-bit encoding has few control characters, data has many.
  const sample = buffer.subarray(0, SAMPLE);
  const controls = sample.reduce((count, byte) => count + (byte < 9 || (byte > 13 && byte < 32) ? 1 : 0), 0);
  if (nul || controls > sample.length / 100) return { kind: 'binary file', image: false };
  return { text: buffer.toString('latin1'), encoding: 'Latin-1', bom: false };
}

export function isBinary(file: TextFile | BinaryFile): file is BinaryFile {
  return 'kind' in file;
}

/** The bytes of a text in a file's encoding; undefined when the encoding cannot hold one of its characters. */
export function encodeFile(text: string, as: Omit<TextFile, 'text'>): Uint8Array | undefined {
  switch (as.encoding) {
    case 'UTF-8':
      return Buffer.from(as.bom ? `\uFEFF${text}` : text, 'utf8');
    case 'UTF-16LE':
      return Buffer.from(`\uFEFF${text}`, 'utf16le');
    case 'UTF-16BE':
      return Buffer.from(`\uFEFF${text}`, 'utf16le').swap16();
    case 'Latin-1':
      return /[\u0100-\uFFFF]/.test(text) ? undefined : Buffer.from(text, 'latin1');
  }
}

/** The line end that most lines of the text have; LF when there is none. */
export function lineEnd(text: string): '\n' | '\r\n' {
  const crlf = text.split('\r\n').length - 1;
  if (crlf === 0) return '\n';
  return crlf * 2 > text.split('\n').length - 1 ? '\r\n' : '\n';
}

export function toLF(text: string): string {
  return text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text;
}

/** A text with LF line ends given the line ends of a file. */
export function withLineEnd(text: string, end: '\n' | '\r\n'): string {
  return end === '\n' ? text : text.replaceAll('\n', '\r\n');
}

function decodeUTF8(buffer: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer);
  } catch {
    return undefined;
  }
}

function startsWith(buffer: Buffer, start: readonly number[]): boolean {
  return buffer.length >= start.length && start.every((byte, index) => buffer[index] === byte);
}

/** Bytes that are looked at to tell text from data. */
const SAMPLE = 65_536;

const ascii = (text: string) => [...Buffer.from(text, 'latin1')];

const MAGIC: readonly { start: readonly number[]; at: number; kind: string; image: boolean }[] = [
  { start: ascii('\x89PNG'), at: 0, kind: 'PNG image', image: true },
  { start: [0xff, 0xd8, 0xff], at: 0, kind: 'JPEG image', image: true },
  { start: ascii('GIF8'), at: 0, kind: 'GIF image', image: true },
  { start: ascii('WEBP'), at: 8, kind: 'WebP image', image: true },
  { start: ascii('BM'), at: 0, kind: 'BMP image', image: true },
  { start: ascii('%PDF-'), at: 0, kind: 'PDF document', image: false },
  { start: ascii('PK\x03\x04'), at: 0, kind: 'ZIP archive (also jar, docx, xlsx, whl)', image: false },
  { start: [0x1f, 0x8b], at: 0, kind: 'gzip archive', image: false },
  { start: ascii('\x7fELF'), at: 0, kind: 'ELF executable or library', image: false },
  { start: ascii('SQLite format 3'), at: 0, kind: 'SQLite database', image: false },
];
