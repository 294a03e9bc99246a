/** Output of commands as pieces of text with colours. Nothing of an escape sequence is ever acted upon but its colour. */
import Anser from 'anser';
import { visible } from '../timeline/visible-text.ts';

export type Piece = { text: string; classes: readonly string[] };

const COLOURS = new Set(['red', 'green', 'yellow', 'blue', 'magenta', 'cyan']);
/** More colours than this in one text are left out: they would cost more to draw than they tell. */
const MAX_PIECES = 4_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of control characters
const TITLES = /\u001b[\]PX^_][^\u0007\u001b\n]{0,2000}(?:\u0007|\u001b\\)/g;

/** The text as a terminal would leave it on its screen, line by line, in pieces of one look each. */
export function terminalPieces(output: string): Piece[] {
  const drawn = asDrawn(output.replace(TITLES, ''));
  if (!drawn.includes('\u001b[')) return [{ text: visible(drawn), classes: [] }];
  const entries = Anser.ansiToJson(drawn, { use_classes: true, remove_empty: true });
  if (entries.length > MAX_PIECES) return [{ text: visible(entries.map(({ content }) => content).join('')), classes: [] }];
  return entries.map(({ content, fg, decorations }) => ({ text: visible(content), classes: classesOf(fg, decorations) }));
}

/** Of a line that was drawn again and again, as bars of progress are, the last state stays. */
function asDrawn(output: string): string {
  const text = output.replaceAll('\r\n', '\n');
  if (!text.includes('\r')) return text;
  return text
    .split('\n')
    .map((line) => (line.includes('\r') ? (line.split('\r').findLast((state) => state !== '') ?? '') : line))
    .join('\n');
}

function classesOf(colour: string | null, decorations: readonly string[]): string[] {
  const name = (colour ?? '').replace(/^ansi-(bright-)?/, '');
  return [
    ...(COLOURS.has(name) ? [name] : []),
    ...(name === 'black' || decorations.includes('dim') ? ['dim'] : []),
    ...(decorations.includes('bold') ? ['bold'] : []),
    ...(decorations.includes('italic') ? ['italic'] : []),
    ...(decorations.includes('underline') ? ['underline'] : []),
  ];
}
