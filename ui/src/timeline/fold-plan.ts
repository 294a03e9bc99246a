/** The plan and its steps, and what users say and are asked. */
import type { Draft } from './draft.ts';
import { busy, entryBase, line } from './fold-life.ts';
import type { EventOf, MessageEntry, PlanRevision, StepChange, StepProgress } from './model.ts';

type PlanEvent = EventOf<
  | 'plan.submitted'
  | 'plan.approved'
  | 'plan.updated'
  | 'input.received'
  | 'input.applied'
  | 'question.asked'
  | 'question.answered'
>;

export function foldPlan(draft: Draft, event: PlanEvent): void {
  const { at } = draft;
  const { threads } = at;
  switch (event.type) {
    case 'plan.submitted': {
      const { revision, title, steps, checks } = event;
      const plan: PlanRevision = { revision, title, steps, checks, seq: draft.seq, time: draft.time, approvedBy: undefined };
      const before = new Map(at.steps.map((step) => [step.id, step]));
      at.steps = steps.map((step): StepProgress => {
        const { id, status } = step;
        const known = status === 'pending' ? undefined : before.get(id);
        const { startedAt, endedAt, seq } = known ?? {};
        return { id, title: step.title, details: step.details, status, startedAt, endedAt, seq };
      });
      at.plans = [...at.plans, plan];
      threads.step = undefined;
      draft.add({ kind: 'plan', ...entryBase(draft), plan });
      return;
    }
    case 'plan.approved':
      draft.changePlan(event.revision, { approvedBy: event.by });
      line(draft, { topic: 'approval', level: 'success', text: `Plan ${event.revision} approved by ${event.by}` });
      busy(draft, 'Going on with the approved plan');
      return;
    case 'plan.updated':
      planUpdated(draft, event);
      return;
    case 'input.received': {
      const { id, message, author, when, planStep, answerTo } = event;
      const title = at.steps.find((step) => step.id === planStep)?.title;
      const entry: MessageEntry = {
        kind: 'message',
        ...entryBase(draft),
        inputId: id,
        text: message,
        author,
        when,
        planStep: planStep === undefined ? undefined : { id: planStep, title: title ?? planStep },
        answerTo,
        applied: undefined,
        appliedAt: undefined,
      };
      threads.inputs = new Map(threads.inputs).set(id, draft.add(entry));
      return;
    }
    case 'input.applied':
      for (const id of event.ids) {
        const place = threads.inputs.get(id);
        const entry = draft.entry(place);
        if (place && entry?.kind === 'message')
          draft.replace(place, { ...entry, last: draft.seq, applied: event.as, appliedAt: draft.time });
      }
      return;
    case 'question.asked': {
      const { id, text } = event;
      const place = draft.add({ kind: 'question', ...entryBase(draft), questionId: id, text, answer: undefined });
      threads.question = { id, place };
      at.now = { kind: 'question', questionId: id, text, since: draft.time, seq: draft.seq };
      return;
    }
    case 'question.answered': {
      const place = threads.question?.place;
      const entry = draft.entry(place);
      const message = draft.entry(threads.inputs.get(event.inputId));
      if (place && entry?.kind === 'question') {
        const { text, author, answerTo } = message?.kind === 'message' ? message : { text: '', author: '', answerTo: undefined };
        draft.replace(place, { ...entry, last: draft.seq, answer: { text, author, withdrawn: answerTo !== event.id } });
      }
      threads.question = undefined;
      busy(draft, 'Going on with the answer');
      return;
    }
    default:
      event satisfies never;
  }
}

function planUpdated(draft: Draft, event: EventOf<'plan.updated'>): void {
  const { at } = draft;
  const next = new Map(event.steps.map(({ id, status }) => [id, status]));
  const changes: StepChange[] = [];
  at.steps = at.steps.map((step) => {
    const to = next.get(step.id);
    if (to === undefined || to === step.status) return step;
    changes.push({ id: step.id, title: step.title, from: step.status, to });
    const begins = to === 'in_progress';
    const ends = to === 'completed' || to === 'skipped';
    return {
      ...step,
      status: to,
      startedAt: begins ? draft.time : step.startedAt,
      endedAt: ends ? draft.time : undefined,
      seq: begins ? draft.seq : step.seq,
    };
  });
  if (changes.length === 0) return;
  const begun = changes.findLast(({ to }) => to === 'in_progress');
  const inProgress = begun ?? at.steps.find(({ status }) => status === 'in_progress');
  const entry = { kind: 'steps', ...entryBase(draft), changes } as const;
  if (inProgress?.id === at.threads.step || draft.section?.kind !== 'programming') {
    draft.add(entry);
    return;
  }
  at.threads.step = inProgress?.id;
  // What begins a step stands at its head; what only ends one belongs to what it ends.
  if (!begun) draft.add(entry);
  draft.beginGroup(inProgress && { id: inProgress.id, title: inProgress.title });
  if (begun) draft.add(entry);
}
