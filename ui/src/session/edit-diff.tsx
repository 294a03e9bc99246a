/** A change of a file as the call that made it gave it: no line numbers are known, only what goes and what comes. */
import { useState } from 'react';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import type { FileEdit } from '../timeline/edits.ts';
import { shortened, visible } from '../timeline/visible-text.ts';
import styles from './diff.module.css';

/** Lines that are drawn until more is asked for. */
const SHOWN = 60;

const MARKS = { ' ': 'stays', '+': 'comes', '-': 'goes' } as const;

export function EditDiff({ edit }: { edit: FileEdit }) {
  const [all, setAll] = useState(false);
  const total = edit.hunks.reduce((sum, { lines }) => sum + lines.length, 0);
  let left = all ? Number.POSITIVE_INFINITY : SHOWN;
  if (edit.change === 'deleted') return <p className={styles.note}>The file is deleted.</p>;
  if (total === 0) return <p className={styles.note}>{edit.from ? `Moved from ${visible(edit.from)}.` : 'An empty file.'}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className={styles.edit} tabIndex={0} role="log" aria-live="off" aria-label={`Changes in ${visible(edit.path)}`}>
      {edit.hunks.map(({ header, lines }, index) => {
        const shown = lines.slice(0, Math.max(0, left));
        left -= lines.length;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: hunks have nothing else that tells them apart
          <div key={index} className={styles.hunk}>
            {header === '' ? null : <div className={styles.hunkHeader}>{visible(header)}</div>}
            {shown.map(({ mark, text }, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else that tells them apart
              <div key={at} className={classes(styles.line, styles[MARKS[mark]])}>
                <span className={styles.mark}>{mark === '-' ? '−' : mark}</span>
                <span className={styles.code}>{visible(shortened(text))}</span>
              </div>
            ))}
          </div>
        );
      })}
      {total > SHOWN && !all ? (
        <div className={styles.rest}>
          <Button size="small" onClick={() => setAll(true)}>
            Show all {total} lines
          </Button>
        </div>
      ) : null}
    </div>
  );
}

/** `+12 −3`, in colours and in words. */
export function Counts({ additions, deletions }: { additions: number; deletions: number }) {
  return (
    <span className={classes(styles.counts, 'numbers')}>
      <span className={styles.plus}>+{additions}</span> <span className={styles.minus}>−{deletions}</span>
    </span>
  );
}
