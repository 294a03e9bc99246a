/** What somebody wrote on a plan, kept by step until it is sent back as one message. */
import type { PlanRevision } from '../timeline/model.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import type { NewMessage } from './act.ts';

/** By the ids of the steps; the one on the plan as a whole under an empty id. */
export type Comments = Readonly<Record<string, string>>;

/** How many there are of the plan as it stands: what was written on a step that is no more counts no more. */
export function countComments(plan: Pick<PlanRevision, 'steps'>, comments: Comments): number {
  return written(plan, comments).length;
}

/**
 * One message of all of them, so that the planner makes one new plan of them. A single comment on a step names its step as
 * messages do; where there are more, each says what it is on. Undefined when nothing is written.
 */
export function sentBack(plan: Pick<PlanRevision, 'steps'>, comments: Comments): NewMessage | undefined {
  const all = written(plan, comments);
  const [first] = all;
  if (!first) return undefined;
  if (all.length === 1) return { message: first.text, ...(first.step && { plan_step: first.step.id }) };
  const parts = all.map(({ step, text }) =>
    step
      ? `On step ${step.number} «${visibleLine(step.title)}» (${visibleLine(step.id)}):\n${text}`
      : `On the plan as a whole:\n${text}`,
  );
  return { message: parts.join('\n\n') };
}

/** As it was kept; nothing of what is none. */
export function readComments(kept: string): Comments {
  if (kept === '') return {};
  try {
    const value: unknown = JSON.parse(kept);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  } catch {
    return {};
  }
}

/** The comment on a step, empty where there is none. */
export function commentOn(comments: Comments, step: string): string {
  return Object.hasOwn(comments, step) ? (comments[step] ?? '') : '';
}

function written({ steps }: Pick<PlanRevision, 'steps'>, comments: Comments) {
  const onSteps = steps.map(({ id, title }, index) => ({
    step: { id, title, number: index + 1 },
    text: commentOn(comments, id).trim(),
  }));
  return [...onSteps, { step: undefined, text: commentOn(comments, '').trim() }].filter(({ text }) => text !== '');
}
