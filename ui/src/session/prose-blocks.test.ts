import { describe, expect, it } from '@jest/globals';
import { type Block, proseBlocks } from './prose-blocks.ts';

const words = (block: Block): string => {
  const inline = (parts: { kind: string; text: string }[]) =>
    parts.map(({ kind, text }) => (kind === 'text' ? text : `<${kind}>${text}`)).join('|');
  if (block.kind === 'code') return `code ${block.text}`;
  if (block.kind === 'list') return `${block.ordered ? 'ol' : 'ul'} ${block.items.map(inline).join(' / ')}`;
  return `${block.kind === 'heading' ? 'h' : 'p'} ${inline(block.parts)}`;
};

describe('proseBlocks', () => {
  it.each([
    ['one\ntwo\n\nthree', ['p one\ntwo', 'p three']],
    ['use `a<b>` and **this**', ['p use |<code>a<b>| and |<strong>this']],
    ['- a\n- b\n\n1. c\n2) d', ['ul a / b', 'ol c / d']],
    ['# Title #\ntext', ['h Title', 'p text']],
    ['```ts\nlet a;\n```\nafter', ['code let a;', 'p after']],
    ['```\nnever closed', ['code never closed']],
    ['<img src=x onerror=alert(1)> [x](javascript:alert(1))', ['p <img src=x onerror=alert(1)> [x](javascript:alert(1))']],
    ['', []],
  ])('of %j are %j', (text, blocks) => {
    expect(proseBlocks(text).map(words)).toEqual(blocks);
  });

  it('are found at once, whatever a hostile text repeats', () => {
    const many = 200_000;
    const line = (sign: string) => `# a${sign.repeat(many)}b`;
    const texts = [' ', '#', ' #', '`', '**', '- ', '~~~'].flatMap((sign) => [
      line(sign),
      line(sign).slice(3),
      `${sign}\n`.repeat(2_000),
    ]);
    const begun = performance.now();
    for (const text of texts) proseBlocks(text);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
