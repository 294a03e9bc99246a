/** A check that the platform ran: command, how it ended, whether that counts. */
import { Badge } from '../design/badge.tsx';
import type { CheckEntry } from '../timeline/model.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import styles from './entry.module.css';
import { ENTRY_ICONS, Folded, Took } from './entry-shape.tsx';
import { CHANGE_WORDS, exitWords, stageWords } from './entry-words.ts';
import { Output } from './output.tsx';
import { StoredText } from './stored-text.tsx';

export function CheckEntryView({ entry, open, toggle }: { entry: CheckEntry; open: boolean; toggle: () => void }) {
  const { running, exitCode, durationMs, stage, interrupted } = entry;
  const passed = exitCode === 0;
  return (
    <Folded
      icon={ENTRY_ICONS.check}
      tone={running ? 'accent' : interrupted || stage !== undefined ? 'idle' : passed ? 'ok' : 'bad'}
      open={open}
      toggle={toggle}
      title={
        <>
          Check {stage === undefined ? null : <span className={styles.quiet}>{stageWords(stage)} </span>}
          <code className={styles.command}>{visibleLine(entry.command)}</code>
        </>
      }
      aside={
        <>
          {running ? <Badge tone="busy">running</Badge> : null}
          {interrupted ? <Badge tone="warn">interrupted</Badge> : null}
          {running || interrupted ? null : (
            <Badge tone={passed ? 'ok' : stage === undefined ? 'bad' : 'idle'}>{exitWords(exitCode)}</Badge>
          )}
          <Took since={entry.time} ms={running ? undefined : durationMs} />
        </>
      }
    >
      <CheckDetails entry={entry} />
    </Folded>
  );
}

/** What there is to say of a run besides its exit code. */
export function CheckDetails({
  entry,
}: {
  entry: Pick<CheckEntry, 'note' | 'change' | 'counted' | 'stage' | 'exitCode' | 'output' | 'aside'>;
}) {
  const { note, change, counted, stage, exitCode, output, aside } = entry;
  const said = [
    ...(note ? [note] : []),
    ...(change ? [`It ${CHANGE_WORDS[change]}.`] : []),
    ...(stage === undefined && exitCode === 0 && !counted ? ['It does not count as verification.'] : []),
    ...(aside ? [`${aside} ignored ${aside === 1 ? 'file was' : 'files were'} put aside for it.`] : []),
  ];
  return (
    <>
      {said.length === 0 ? null : <p className={styles.quiet}>{said.map(visible).join(' ')}</p>}
      {output === undefined ? (
        <p className={styles.quiet}>Its output is shown when it has ended.</p>
      ) : (
        <StoredText value={output}>{(text) => <Output text={text === '' ? '(no output)' : text} label="Output" />}</StoredText>
      )}
    </>
  );
}
