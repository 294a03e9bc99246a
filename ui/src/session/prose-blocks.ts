/** The few signs of Markdown that models write, found in a text. Everything else stays the text that it is. */

export type Inline = { kind: 'text' | 'code' | 'strong'; text: string };

export type Block =
  | { kind: 'paragraph' | 'heading'; parts: Inline[] }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'code'; text: string };

const FENCE = /^\s{0,3}(```+|~~~+)/;
const ITEM = /^\s{0,6}(?:([-*+])|(\d{1,3})[.)])\s+(.*)$/;
const HEADING = /^#{1,6}\s+(.*)$/;

export function proseBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  let paragraph: string[] = [];
  const close = () => {
    if (paragraph.length > 0) blocks.push({ kind: 'paragraph', parts: inlines(paragraph.join('\n')) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const fence = FENCE.exec(line)?.[1];
    const heading = HEADING.exec(line)?.[1];
    const item = ITEM.exec(line);
    if (fence !== undefined) {
      close();
      const end = lines.findIndex((one, index) => index > at && one.trim().startsWith(fence));
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: 'code', text: lines.slice(at + 1, last).join('\n') });
      at = last;
    } else if (heading !== undefined) {
      close();
      blocks.push({ kind: 'heading', parts: inlines(withoutEnd(heading)) });
    } else if (item) {
      close();
      const ordered = item[2] !== undefined;
      const list = blocks.at(-1);
      const before = lines[at - 1] ?? '';
      if (list?.kind === 'list' && list.ordered === ordered && before.trim() !== '') list.items.push(inlines(item[3] ?? ''));
      else blocks.push({ kind: 'list', ordered, items: [inlines(item[3] ?? '')] });
    } else if (line.trim() === '') {
      close();
    } else {
      paragraph.push(line);
    }
  }
  close();
  return blocks;
}

/** Without the signs that may close a heading. No pattern: on a long run of spaces it would try for minutes. */
function withoutEnd(heading: string): string {
  let end = heading.length;
  while (heading[end - 1] === '#') end--;
  return heading.slice(0, end).trimEnd();
}

function inlines(text: string): Inline[] {
  const parts: Inline[] = [];
  let rest = 0;
  for (const match of text.matchAll(/`([^`\n]+)`|\*\*([^*\n]+)\*\*/g)) {
    if (match.index > rest) parts.push({ kind: 'text', text: text.slice(rest, match.index) });
    parts.push(match[1] === undefined ? { kind: 'strong', text: match[2] ?? '' } : { kind: 'code', text: match[1] });
    rest = match.index + match[0].length;
  }
  if (rest < text.length) parts.push({ kind: 'text', text: text.slice(rest) });
  return parts;
}
