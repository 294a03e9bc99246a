/** One session as the server tells of it, and how it is asked for. */
import { queryOptions } from '@tanstack/react-query';
import { getJson } from '../api/http.ts';
import { fields, flag, list, maybe, number, oneOf, text, texts } from '../api/read.ts';
import { readSessionSummary, type SessionSummary } from '../api/session-summary.ts';

const APPLIED = ['goal', 'answer', 'steering', 'refused'] as const;

export type SentInput = {
  id: string;
  message: string;
  author: string | null;
  sent_at: string | null;
  when: 'queued' | 'next-step' | 'now';
  applied: (typeof APPLIED)[number] | null;
};

export type SessionView = SessionSummary & {
  plan: { revision: number; title: string; approved: boolean; waiting_for_approval: boolean } | null;
  question: { id: string; text: string } | null;
  inputs: SentInput[];
  suspended: boolean;
  conditions: { type: string; status: string; reason: string; message: string }[];
  verify: string[];
};

export function sessionQuery(id: string) {
  return queryOptions({
    queryKey: ['session', id],
    queryFn: ({ signal }) => getJson(`${sessionPath(id)}?logs=0`, readSessionView, { signal }),
  });
}

/** @param rest what follows, `approve` for instance */
export function sessionPath(id: string, rest?: string): string {
  return `/agent/sessions/${encodeURIComponent(id)}${rest === undefined ? '' : `/${rest}`}`;
}

export function readSessionView(value: unknown): SessionView {
  const given = fields(value);
  return {
    ...readSessionSummary(value),
    plan: maybe(given.plan, (plan) => ({
      revision: number(plan.revision, 0),
      title: text(plan.title, ''),
      approved: flag(plan.approved),
      waiting_for_approval: flag(plan.waiting_for_approval),
    })),
    question: maybe(given.question, (question) => ({ id: text(question.id, ''), text: text(question.text, '') })),
    inputs: list(given.inputs, (item) => {
      const input = fields(item);
      return {
        id: text(input.id, ''),
        message: text(input.message, ''),
        author: text(input.author),
        sent_at: text(input.sent_at),
        when: oneOf(input.when, ['queued', 'next-step', 'now'], 'queued'),
        applied: oneOf(input.applied, APPLIED, null),
      };
    }),
    suspended: flag(given.suspended),
    conditions: list(given.conditions, (item) => {
      const condition = fields(item);
      return {
        type: text(condition.type, ''),
        status: text(condition.status, ''),
        reason: text(condition.reason, ''),
        message: text(condition.message, ''),
      };
    }),
    verify: texts(given.verify),
  };
}
