/** Where messages to the session are written: says what will become of one, and what became of those before. */
import { ArrowUp, Clock } from 'lucide-react';
import { useId, useState } from 'react';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { Select, TextArea } from '../design/field.tsx';
import type { Timeline } from '../timeline/model.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import { useAct } from './act.ts';
import styles from './composer.module.css';
import { appliedWords } from './entry-words.ts';
import { MESSAGE_LENGTH } from './message-length.gen.ts';
import { useSession } from './session-context.ts';
import type { SessionView } from './session-view.ts';
import { useKept } from './use-kept.ts';
import { foretell, WHEN_LABELS, type When } from './what-happens.ts';

type Props = { session: SessionView; timeline: Timeline; phase: string };

export function Composer({ session, timeline, phase }: Props) {
  const { id, may } = useSession();
  const act = useAct(id);
  const fieldId = useId();
  const [text, setText] = useKept(`message ${id}`);
  const [when, setWhen] = useState<When>('queued');
  const [otherwise, setOtherwise] = useState(false);
  const question = openQuestion(session, timeline);
  const answers = question !== undefined && !otherwise;
  const told = foretell(phase, { question: question !== undefined, answers, when });
  const chosen = told.choices.includes(when) ? when : 'queued';
  if (session.deleted_at !== null) return null;
  if (!may.sessions.update) {
    return <p className={styles.readOnly}>You may look at this session, but not act on it.</p>;
  }
  const blank = text.trim() === '';
  const send = () => {
    if (blank || act.isPending) return;
    const message = {
      message: text.trim(),
      ...(told.choices.length > 1 && { when: chosen }),
      ...(answers && question && { answer_to: question.id }),
    };
    act.mutate(
      { do: 'send', message },
      {
        onSuccess: () => {
          setText('');
          setWhen('queued');
          setOtherwise(false);
        },
      },
    );
  };
  return (
    <form
      ref={tellHeight}
      className={styles.composer}
      aria-label="Message to the session"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Waiting session={session} phase={phase} />
      <div className={styles.row}>
        <label className="visually-hidden" htmlFor={fieldId}>
          {answers ? 'Answer' : 'Message'}
        </label>
        <TextArea
          id={fieldId}
          className={styles.field}
          rows={1}
          value={text}
          maxLength={MESSAGE_LENGTH}
          disabled={told.refused}
          placeholder={
            told.refused ? 'The session takes no more messages' : answers ? 'Your answer' : 'Tell it what to do differently'
          }
          aria-describedby={`${fieldId}-says`}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
              event.preventDefault();
              send();
            }
          }}
        />
        <Button
          type="submit"
          variant="primary"
          icon={<ArrowUp size={16} aria-hidden="true" />}
          busy={act.isPending}
          disabled={blank || told.refused}
        >
          {answers ? 'Answer' : 'Send'}
        </Button>
      </div>
      <div className={styles.foot}>
        {told.choices.length > 1 ? (
          <Select
            className={styles.when}
            aria-label="When it is read"
            value={chosen}
            onChange={(event) => setWhen(whenOf(event.target.value))}
          >
            {told.choices.map((choice) => (
              <option key={choice} value={choice}>
                {WHEN_LABELS[choice]}
              </option>
            ))}
          </Select>
        ) : null}
        <p className={styles.says} id={`${fieldId}-says`}>
          {told.says}
        </p>
        {question ? (
          <label className={styles.other}>
            <input type="checkbox" checked={otherwise} onChange={() => setOtherwise(!otherwise)} />
            This is no answer but a new instruction
          </label>
        ) : (
          <span className={styles.keys}>
            <kbd>Ctrl</kbd> <kbd>↵</kbd> sends
          </span>
        )}
      </div>
    </form>
  );
}

/** Messages that were sent and that nothing has become of yet. */
function Waiting({ session, phase }: { session: SessionView; phase: string }) {
  const waiting = session.inputs.filter(({ applied }) => applied === null);
  if (waiting.length === 0) return null;
  return (
    <ul className={styles.waiting} aria-label="Messages that wait">
      {waiting.map((input) => (
        <li key={input.id}>
          <Clock size={13} aria-hidden="true" />
          <span className={classes(styles.waitingText, 'truncate')}>{visibleLine(input.message)}</span>
          <span className={styles.became}>
            {phase === 'Paused'
              ? 'Kept until it is resumed'
              : appliedWords({ applied: undefined, when: input.when, answerTo: undefined })}
          </span>
        </li>
      ))}
    </ul>
  );
}

function openQuestion(session: SessionView, { threads, now, lastSeq }: Timeline): { id: string } | undefined {
  if (lastSeq === 0) return session.question ?? undefined;
  if (!threads.question || now.kind === 'finished') return undefined;
  return { id: threads.question.id };
}

function whenOf(value: string): When {
  return value === 'now' || value === 'next-step' ? value : 'queued';
}

/** What lies above the composer keeps clear of it. */
function tellHeight(form: HTMLFormElement | null) {
  if (!form) return undefined;
  const root = document.documentElement;
  const observer = new ResizeObserver(() => root.style.setProperty('--composer', `${form.offsetHeight}px`));
  observer.observe(form);
  return () => {
    observer.disconnect();
    root.style.removeProperty('--composer');
  };
}
