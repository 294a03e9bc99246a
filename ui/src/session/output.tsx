/** Output of a command: text, with the colours that it was given. */
import { type ReactNode, useLayoutEffect, useMemo, useRef } from 'react';
import { classes } from '../design/classes.ts';
import { terminalPieces } from './terminal-lines.ts';
import styles from './text.module.css';

/** @param follow keeps the end in sight while more comes */
export function Output({ text, label, follow = false }: { text: string; label: string; follow?: boolean }) {
  const pieces = useMemo(() => terminalPieces(text), [text]);
  const box = useRef<HTMLPreElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the end moves with every text
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, text]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <pre className={styles.output} ref={box} tabIndex={0} role="log" aria-live="off" aria-label={label}>
      {pieces.map((piece, index) => drawn(piece, `${index}`))}
    </pre>
  );
}

function drawn({ text, classes: looks }: { text: string; classes: readonly string[] }, key: string): ReactNode {
  if (looks.length === 0) return text;
  return (
    <span key={key} className={classes(...looks.map((look) => styles[look]))}>
      {text}
    </span>
  );
}
