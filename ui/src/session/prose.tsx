/** What models and people write. Only ever text: paragraphs, lists and code are told apart, and nothing in it runs or links. */
import { memo, useMemo } from 'react';
import { visible } from '../timeline/visible-text.ts';
import { type Block, type Inline, proseBlocks } from './prose-blocks.ts';
import styles from './text.module.css';

export const Prose = memo(function Prose({ text }: { text: string }) {
  const blocks = useMemo(() => proseBlocks(visible(text)), [text]);
  return (
    <div className={styles.prose}>
      {blocks.map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks have nothing else that tells them apart
        <Drawn key={index} block={block} />
      ))}
    </div>
  );
});

function Drawn({ block }: { block: Block }) {
  switch (block.kind) {
    case 'code':
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre className={styles.output} tabIndex={0}>
          {block.text}
        </pre>
      );
    case 'list': {
      const List = block.ordered ? 'ol' : 'ul';
      return (
        <List>
          {block.items.map((item, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: items have nothing else that tells them apart
            <li key={index}>
              <Parts parts={item} />
            </li>
          ))}
        </List>
      );
    }
    case 'heading':
      return (
        <p className={styles.heading}>
          <Parts parts={block.parts} />
        </p>
      );
    default:
      return (
        <p>
          <Parts parts={block.parts} />
        </p>
      );
  }
}

function Parts({ parts }: { parts: readonly Inline[] }) {
  return parts.map(({ kind, text }, index) => {
    const key = `${index}${kind}`;
    if (kind === 'code') return <code key={key}>{text}</code>;
    if (kind === 'strong') return <strong key={key}>{text}</strong>;
    return text;
  });
}
