/** A tool call: a command with its output, an edit as a diff, a look in one line. */
import { useMemo } from 'react';
import { Badge } from '../design/badge.tsx';
import { editsOf, type FileEdit } from '../timeline/edits.ts';
import type { CallEntry, TextOrBlob } from '../timeline/model.ts';
import { argumentsOf } from '../timeline/tool-families.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { Counts, EditDiff } from './edit-diff.tsx';
import styles from './entry.module.css';
import { ENTRY_ICONS, Folded, Took } from './entry-shape.tsx';
import { exitWords } from './entry-words.ts';
import { Output } from './output.tsx';
import { StoredText, size } from './stored-text.tsx';

/** Arguments that are cut make no sense: bytes that are fetched at once all the same. */
const WHOLE_ARGUMENTS = 4 * 1024 * 1024;

type Props = { entry: CallEntry; open: boolean; toggle: () => void };

export function CallEntryView({ entry, open, toggle }: Props) {
  const { family, running, outcome, exitCode, durationMs } = entry;
  const failed = !running && (outcome !== 'ok' || (exitCode ?? 0) !== 0);
  const edits = useMemo(() => editsOf(entry, entry.args), [entry]);
  const single = edits.length === 1 ? edits[0] : undefined;
  return (
    <Folded
      icon={ENTRY_ICONS[family]}
      tone={running ? 'accent' : failed ? 'bad' : 'idle'}
      open={open}
      toggle={toggle}
      short={hiddenCommand(entry) !== undefined}
      title={<Title entry={entry} edit={single} />}
      aside={
        <>
          {running && family === 'command' && !open && entry.output ? <LastLine tail={entry.output.tail} /> : null}
          {edits.length > 0 && outcome === 'ok' ? (
            <Counts additions={sum(edits, 'additions')} deletions={sum(edits, 'deletions')} />
          ) : null}
          <Ending entry={entry} />
          {running || family === 'command' ? <Took since={entry.time} ms={running ? undefined : durationMs} /> : null}
        </>
      }
    >
      <Opened entry={entry} edits={edits} />
    </Folded>
  );
}

function Title({ entry, edit }: { entry: CallEntry; edit: FileEdit | undefined }) {
  const summary = visibleLine(entry.summary);
  if (entry.family === 'command') return <code className={styles.command}>{summary}</code>;
  if (edit && entry.outcome === 'ok') {
    const verb = { written: 'Wrote', added: 'Added', changed: 'Edited', deleted: 'Deleted' }[edit.change];
    return (
      <>
        {verb} <code className={styles.path}>{visibleLine(edit.path)}</code>
      </>
    );
  }
  return <span className={styles.quiet}>{summary}</span>;
}

function Ending({ entry }: { entry: CallEntry }) {
  const { running, outcome, exitCode } = entry;
  if (running) return <Badge tone="busy">running</Badge>;
  if (outcome === 'interrupted') return <Badge tone="warn">interrupted</Badge>;
  if (outcome === 'lost') return <Badge tone="bad">end not seen</Badge>;
  if (exitCode !== undefined) return <Badge tone={exitCode === 0 ? 'ok' : 'bad'}>{exitWords(exitCode)}</Badge>;
  return outcome === 'error' ? <Badge tone="bad">failed</Badge> : null;
}

function Opened({ entry, edits }: { entry: CallEntry; edits: readonly FileEdit[] }) {
  const { family, running, result, outcome } = entry;
  const command = hiddenCommand(entry);
  if (family === 'command') {
    return (
      <>
        {command === undefined ? null : <pre className={styles.script}>{visible(command)}</pre>}
        {running ? (
          <LiveOutput entry={entry} />
        ) : result === undefined ? null : (
          <StoredText value={result}>{(text) => <Output text={text} label="Output" />}</StoredText>
        )}
      </>
    );
  }
  if (family === 'edit') {
    return (
      <>
        {outcome === 'ok' || running ? null : <Result value={result} label="Why not" />}
        {edits.length > 0 ? <Edits edits={edits} /> : <LaterEdits entry={entry} />}
      </>
    );
  }
  return <Result value={result} label="Result" />;
}

/** Arguments that are too large for the log are fetched. */
function LaterEdits({ entry }: { entry: CallEntry }) {
  if (entry.args === undefined || typeof entry.args === 'string') return <Result value={entry.result} label="Result" />;
  return (
    <StoredText value={entry.args} bound={WHOLE_ARGUMENTS}>
      {(args) => {
        const edits = editsOf(entry, args);
        return edits.length > 0 ? <Edits edits={edits} /> : <Output text={args} label="Arguments" />;
      }}
    </StoredText>
  );
}

function Edits({ edits }: { edits: readonly FileEdit[] }) {
  return edits.map((edit, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a patch may name a file twice
    <div key={index}>
      {edits.length > 1 ? (
        <p className={styles.label}>
          <code className={styles.path}>{visibleLine(edit.path)}</code> <Counts {...edit} />
        </p>
      ) : null}
      <EditDiff edit={edit} />
    </div>
  ));
}

/** The whole command, where its one line does not show it. */
function hiddenCommand({ family, args, summary }: CallEntry): string | undefined {
  if (family !== 'command') return undefined;
  const command = argumentsOf(args)?.command;
  return typeof command === 'string' && `$ ${command}` !== summary ? command : undefined;
}

function LiveOutput({ entry }: { entry: CallEntry }) {
  const { output } = entry;
  if (!output) return <p className={styles.quiet}>No output yet.</p>;
  return (
    <>
      {output.bytes > output.tail.length + 16 ? <p className={styles.label}>The end of {size(output.bytes)}</p> : null}
      <Output text={output.tail} label="Output so far" follow />
    </>
  );
}

function LastLine({ tail }: { tail: string }) {
  const last = tail.trimEnd().split('\n').at(-1) ?? '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of control characters
  const plain = last.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').slice(-160);
  return <code className={styles.lastLine}>{visibleLine(plain)}</code>;
}

function Result({ value, label }: { value: TextOrBlob | undefined; label: string }) {
  if (value === undefined) return <p className={styles.quiet}>Not done yet.</p>;
  return <StoredText value={value}>{(text) => <Output text={text === '' ? '(nothing)' : text} label={label} />}</StoredText>;
}

function sum(edits: readonly FileEdit[], field: 'additions' | 'deletions'): number {
  return edits.reduce((total, edit) => total + edit[field], 0);
}
