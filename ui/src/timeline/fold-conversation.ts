/** A role's talk with its model: who is asked, what comes back, what went wrong, what the model was told besides. */
import type { Draft } from './draft.ts';
import { busy, entryBase, line } from './fold-life.ts';
import type { EventOf, LineEntry, Place, SaidEntry } from './model.ts';
import { roleName } from './role-name.ts';
import { plus, plusUnder, spentOn } from './spent.ts';

type ConversationEvent = EventOf<
  | 'conversation.started'
  | 'conversation.ended'
  | 'model.requested'
  | 'model.output'
  | 'model.answered'
  | 'model.failed'
  | 'note.added'
  | 'context.summarised'
  | 'context.pruned'
>;

export function foldConversation(draft: Draft, event: ConversationEvent): void {
  const { threads } = draft.at;
  switch (event.type) {
    case 'conversation.started': {
      const { conversation: id, role, profile, model } = event;
      threads.conversation = { id, role, profile, model };
      threads.calls = new Map();
      threads.request = undefined;
      draft.changeSection({ profile, model });
      line(draft, {
        topic: 'conversation',
        text: `${roleName(role)} begins with ${model} (profile ${profile})`,
        quiet: true,
        more: [
          { label: 'What it was given', text: event.opening },
          { label: 'Its instructions', text: event.system },
        ],
      });
      return;
    }
    case 'conversation.ended':
      threads.calls = new Map();
      threads.request = undefined;
      if (event.reason === 'submitted') return;
      line(draft, {
        topic: 'conversation',
        text: event.reason === 'replanned' ? 'Ended here: it plans again' : 'Given up: what was lost could not be restored',
        quiet: event.reason === 'replanned',
      });
      return;
    case 'model.requested': {
      const { call, purpose, profile, model } = event;
      const known = threads.conversation;
      if (known && known.profile !== profile) {
        line(draft, { topic: 'conversation', level: 'warning', text: `Goes on with profile ${profile} (${model})` });
        threads.conversation = { ...known, profile, model };
        draft.changeSection({ profile, model });
      }
      threads.request = { seq: draft.seq, call, purpose, time: draft.time, profile, model, place: undefined };
      draft.at.now = { kind: 'thinking', role: known?.role, model, since: draft.time, seq: draft.seq };
      return;
    }
    case 'model.output':
      output(draft, event);
      return;
    case 'model.answered':
      answered(draft, event);
      return;
    case 'model.failed':
      failed(draft, event);
      return;
    case 'note.added':
      note(draft, event);
      return;
    case 'context.summarised':
      line(draft, {
        topic: 'context',
        text: 'Summarised the conversation so far to make room',
        quiet: true,
        more: [{ label: 'Summary', text: event.summary }],
      });
      return;
    case 'context.pruned':
      line(draft, {
        topic: 'context',
        text: `No longer sends ${event.callIds.length === 1 ? 'an old result' : `${event.callIds.length} old results`} whole, to make room`,
        quiet: true,
      });
      return;
    default:
      event satisfies never;
  }
}

function output(draft: Draft, event: EventOf<'model.output'>): void {
  const { threads } = draft.at;
  const { request } = threads;
  const entry = draft.entry(request?.place);
  if (request?.place && entry?.kind === 'said' && typeof entry.text === 'string') {
    draft.replace(request.place, { ...entry, last: draft.seq, text: entry.text + event.text });
    return;
  }
  const place = draft.add(said(draft, { text: event.text, streaming: true }));
  if (request) threads.request = { ...request, place };
}

function answered(draft: Draft, event: EventOf<'model.answered'>): void {
  const { at } = draft;
  const { threads } = at;
  const spent = spentOn(event);
  draft.spend(spent);
  const role = threads.conversation?.role;
  at.spent = {
    total: plus(at.spent.total, spent),
    role: plusUnder(at.spent.role, role ?? 'unknown', spent),
    model: plusUnder(at.spent.model, event.model, spent),
    step: threads.step === undefined ? at.spent.step : plusUnder(at.spent.step, threads.step, spent),
  };
  if (event.calls.length > 0) {
    const calls = new Map(threads.calls);
    for (const { id, name, arguments: args } of event.calls)
      calls.set(id, { conversation: event.conversation, name, args, place: undefined });
    threads.calls = calls;
  }
  if (event.purpose === 'step') {
    const place = threads.request?.place;
    const before = draft.entry(place);
    const whole: Partial<SaidEntry> = {
      text: event.text,
      streaming: false,
      stop: event.stop,
      durationMs: event.durationMs,
      tokens: event.usage.outputTokens,
      costUSD: event.costUSD,
      model: event.model,
    };
    let at: Place | undefined = place;
    if (place && before?.kind === 'said') draft.replace(place, { ...before, ...whole, last: draft.seq });
    else if (event.text !== '' || event.stop === 'refusal' || event.stop === 'length') at = draft.add(said(draft, whole));
    if (at && (event.stop === 'refusal' || event.stop === 'length')) draft.problem(at);
  }
  threads.request = undefined;
  busy(draft, 'Going on with the answer of the model');
}

function failed(draft: Draft, event: EventOf<'model.failed'>): void {
  const { at } = draft;
  const { request, conversation } = at.threads;
  const partial = draft.entry(request?.place);
  if (request?.place && partial?.kind === 'said')
    draft.replace(request.place, { ...partial, last: draft.seq, streaming: false, broken: true });
  at.threads.request = undefined;
  if (event.class === 'interrupted') {
    busy(draft, 'Interrupted');
    return;
  }
  const place = draft.add({
    kind: 'failure',
    ...entryBase(draft),
    role: conversation?.role,
    class: event.class,
    message: event.message,
    retryAt: event.retryAt,
    profile: request?.profile ?? conversation?.profile ?? '',
    model: request?.model ?? conversation?.model ?? '',
  });
  draft.problem(place);
  if (event.retryAt === undefined) busy(draft, 'Going on after a failed call to the model');
  else at.now = { kind: 'retry', message: event.message, until: event.retryAt, since: draft.time, seq: draft.seq };
}

/** What the platform told the model. What users said is told by their messages. */
function note(draft: Draft, event: EventOf<'note.added'>): void {
  const more = [{ label: 'What it was told', text: event.text }];
  const told = (text: string, rest: Partial<LineEntry> = {}) => line(draft, { topic: 'note', text, more, ...rest });
  switch (event.reason) {
    case 'steering':
      return;
    case 'nudge':
      told('Was told that it repeats itself', { level: 'warning' });
      return;
    case 'diagnosis':
      told('Stuck: a fresh look at what it does', { level: 'warning' });
      return;
    case 'environment':
      told('Was told what changed around it');
      return;
    case 'instructions':
      told(`Was given ${event.guide ?? 'instructions of the repository'}`, { quiet: true });
      return;
    case 'no-tool-call':
      told('Answered without using a tool; was asked to go on', { quiet: true });
      return;
    case 'cut-off':
      told('The answer was cut off; was asked to go on', { level: 'warning' });
      return;
    default:
      event.reason satisfies never;
      told('Was told something');
  }
}

function said(draft: Draft, given: Partial<SaidEntry>): SaidEntry {
  const { conversation, request } = draft.at.threads;
  return {
    kind: 'said',
    ...entryBase(draft),
    role: conversation?.role,
    model: request?.model ?? conversation?.model ?? '',
    text: '',
    streaming: false,
    broken: false,
    stop: undefined,
    durationMs: undefined,
    tokens: undefined,
    costUSD: undefined,
    ...given,
  };
}
