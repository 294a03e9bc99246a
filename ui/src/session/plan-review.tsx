/** A plan that waits for its approval: it is approved, or sent back with comments on single steps. */
import { ChevronDown, ChevronUp, Diff, ListChecks, MessageSquarePlus, Send, ThumbsUp } from 'lucide-react';
import { useId, useState } from 'react';
import { Button } from '../design/button.tsx';
import { Field, TextArea } from '../design/field.tsx';
import { counted } from '../design/time.ts';
import type { PlanRevision, PlanStep } from '../timeline/model.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { useAct } from './act.ts';
import styles from './attention.module.css';
import { MESSAGE_LENGTH } from './message-length.gen.ts';
import { commentOn, countComments, readComments, sentBack } from './plan-comments.ts';
import { PlanChanges, PlanText } from './plan-text.tsx';
import { useSession } from './session-context.ts';
import type { SessionView } from './session-view.ts';
import { useKept } from './use-kept.ts';

export function PlanReview(props: { session: SessionView; plan: PlanRevision; previous: PlanRevision | undefined }) {
  const { session, plan, previous } = props;
  const { id, may } = useSession();
  const act = useAct(id);
  const [changes, setChanges] = useState(previous !== undefined);
  const [open, setOpen] = useState(true);
  const [kept, setComments] = useKept(`comments ${id} ${plan.revision}`);
  const comments = readComments(kept);
  const general = commentOn(comments, '');
  const write = (step: string, text: string) => setComments(JSON.stringify({ ...comments, [step]: text }));
  const count = countComments(plan, comments);
  const message = sentBack(plan, comments);
  const tooMuch = (message?.message.length ?? 0) - MESSAGE_LENGTH;
  // What was just asked for stays so until the session has taken it up.
  const acting = act.isPending || (act.isSuccess && session.status === 'RUNNING');
  const comment = (step: PlanStep) =>
    may.sessions.update ? (
      <StepComment
        text={commentOn(comments, step.id)}
        title={visibleLine(step.title)}
        onChange={(text) => write(step.id, text)}
      />
    ) : null;
  return (
    <section className={styles.review} aria-label={`Plan ${plan.revision} waits for approval`}>
      <div className={styles.reviewHead}>
        <span className={styles.icon}>
          <ListChecks size={18} aria-hidden="true" />
        </span>
        <h2>Plan {plan.revision} waits for your approval</h2>
        <span className={styles.push} />
        {previous ? (
          <Button
            size="small"
            icon={<Diff size={15} aria-hidden="true" />}
            aria-pressed={changes}
            onClick={() => setChanges(!changes)}
          >
            {changes ? 'Show the plan alone' : `What changed since plan ${previous.revision}`}
          </Button>
        ) : null}
        <Button
          size="small"
          variant="ghost"
          aria-expanded={open}
          icon={open ? <ChevronUp size={15} aria-hidden="true" /> : <ChevronDown size={15} aria-hidden="true" />}
          onClick={() => setOpen(!open)}
        >
          {open ? 'Fold' : 'Unfold'}
        </Button>
      </div>
      <div className={styles.reviewBody} hidden={!open}>
        {changes && previous ? (
          <PlanChanges before={previous} after={plan} below={comment} />
        ) : (
          <PlanText plan={plan} below={comment} />
        )}
        {may.sessions.update ? (
          <div className={styles.general}>
            <Field label="On the plan as a whole" optional>
              <TextArea
                rows={2}
                value={general}
                maxLength={MESSAGE_LENGTH}
                placeholder="What should be otherwise, and why"
                onChange={(event) => write('', event.target.value)}
              />
            </Field>
          </div>
        ) : null}
      </div>
      {may.sessions.update ? (
        <div className={styles.reviewFoot}>
          <p className={styles.says}>
            {!message
              ? 'Approving starts the work on exactly this plan.'
              : tooMuch > 0
                ? `Together the comments are ${counted(tooMuch, 'character')} longer than a message can be.`
                : `${counted(count, 'comment')} to send: the planner makes a new plan of ${count === 1 ? 'it' : 'them'} and waits again.`}
          </p>
          <Button
            variant={message ? 'primary' : 'secondary'}
            icon={<Send size={15} aria-hidden="true" />}
            busy={acting}
            disabled={!message || tooMuch > 0}
            onClick={() => {
              if (message) act.mutate({ do: 'send', message }, { onSuccess: () => setComments('') });
            }}
          >
            {count === 0 ? 'Send back' : `Send back (${counted(count, 'comment')})`}
          </Button>
          <Button
            variant={message ? 'secondary' : 'primary'}
            icon={<ThumbsUp size={15} aria-hidden="true" />}
            busy={acting}
            onClick={() => act.mutate({ do: 'approve', revision: plan.revision })}
          >
            Approve plan {plan.revision}
          </Button>
        </div>
      ) : null}
    </section>
  );
}

function StepComment({ text, title, onChange }: { text: string; title: string; onChange: (text: string) => void }) {
  const [editing, setEditing] = useState(false);
  // The button takes the focus back from the field that took its place.
  const [closed, setClosed] = useState(false);
  const close = () => {
    setEditing(false);
    setClosed(true);
  };
  const id = useId();
  if (!editing) {
    return (
      <div className={styles.comment}>
        {text.trim() === '' ? null : <p className={styles.written}>{visible(text)}</p>}
        <Button
          size="small"
          variant="ghost"
          icon={<MessageSquarePlus size={14} aria-hidden="true" />}
          autoFocus={closed}
          onClick={() => setEditing(true)}
        >
          {text.trim() === '' ? 'Comment' : 'Change the comment'}
          <span className="visually-hidden"> on {title}</span>
        </Button>
      </div>
    );
  }
  return (
    <div className={styles.comment}>
      <label className="visually-hidden" htmlFor={id}>
        Comment on {title}
      </label>
      <TextArea
        id={id}
        autoFocus
        rows={2}
        maxLength={MESSAGE_LENGTH}
        value={text}
        placeholder="What should be otherwise in this step"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' || (event.key === 'Enter' && (event.metaKey || event.ctrlKey))) close();
        }}
      />
      <div className={styles.commentActions}>
        <Button size="small" onClick={close}>
          Done
        </Button>
        {text === '' ? null : (
          <Button
            size="small"
            variant="ghost"
            onClick={() => {
              onChange('');
              close();
            }}
          >
            Remove
          </Button>
        )}
      </div>
    </div>
  );
}
