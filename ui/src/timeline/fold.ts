/** From events to the timeline, any number at a time. An event of a kind that this page does not know becomes a plain line. */
import { Draft } from './draft.ts';
import { foldConversation } from './fold-conversation.ts';
import { foldLife } from './fold-life.ts';
import { foldPlan } from './fold-plan.ts';
import { foldTool } from './fold-tools.ts';
import { foldWork } from './fold-work.ts';
import type { SessionEvent, Timeline } from './model.ts';
import { NOTHING_SPENT } from './spent.ts';

export const EMPTY: Timeline = {
  lastSeq: 0,
  lastTime: '',
  startedAt: undefined,
  goal: '',
  phase: 'Queued',
  phaseReason: '',
  iteration: 0,
  sections: [],
  groups: [],
  plans: [],
  steps: [],
  evidence: [],
  commit: undefined,
  tests: undefined,
  published: undefined,
  sandbox: undefined,
  spent: { total: NOTHING_SPENT, role: {}, model: {}, step: {} },
  now: { kind: 'nothing' },
  threads: {
    conversation: undefined,
    request: undefined,
    calls: new Map(),
    check: undefined,
    inputs: new Map(),
    question: undefined,
    pause: undefined,
    pausedFrom: undefined,
    step: undefined,
  },
};

/**
 * The timeline with these events, in order. Events that it has already are left out, so that a stream that overlaps what
 * was read before does no harm. One more event costs what its own group costs to copy, however long the log is.
 */
export function append(timeline: Timeline, events: Iterable<SessionEvent>): Timeline {
  let draft: Draft | undefined;
  let lastSeq = timeline.lastSeq;
  for (const event of events) {
    if (event.seq <= lastSeq) continue;
    draft ??= new Draft(timeline);
    lastSeq = event.seq;
    draft.begin(event);
    try {
      put(draft, event);
    } catch (error) {
      // Not what its type says, as it may be in a log of another version: shown as it is, and the rest goes on.
      if (!(error instanceof TypeError)) throw error;
      unknown(draft, event);
    }
  }
  return draft ? draft.done() : timeline;
}

function put(draft: Draft, event: SessionEvent): void {
  switch (event.type) {
    case 'session.started':
    case 'phase.entered':
    case 'session.paused':
    case 'session.resumed':
    case 'session.finished':
    case 'log.line':
    case 'sandbox.requested':
    case 'sandbox.ready':
    case 'sandbox.lost':
    case 'sandbox.restored':
    case 'sandbox.releasing':
    case 'sandbox.released':
    case 'repository.requested':
    case 'repository.cloned':
      foldLife(draft, event);
      return;
    case 'conversation.started':
    case 'conversation.ended':
    case 'model.requested':
    case 'model.output':
    case 'model.answered':
    case 'model.failed':
    case 'note.added':
    case 'context.summarised':
    case 'context.pruned':
      foldConversation(draft, event);
      return;
    case 'tool.started':
    case 'tool.output':
    case 'tool.finished':
      foldTool(draft, event);
      return;
    case 'plan.submitted':
    case 'plan.approved':
    case 'plan.updated':
    case 'input.received':
    case 'input.applied':
    case 'question.asked':
    case 'question.answered':
      foldPlan(draft, event);
      return;
    case 'iteration.started':
    case 'programmer.finished':
    case 'worktree.committed':
    case 'checkpoint.saved':
    case 'checkpoint.failed':
    case 'tests.isolated':
    case 'tests.compared':
    case 'verification.started':
    case 'verification.recorded':
    case 'review.submitted':
    case 'limit.warned':
    case 'publish.started':
    case 'publish.finished':
      foldWork(draft, event);
      return;
    default:
      unknown(draft, event);
      return;
  }
}

/** Of a kind that this page has nothing special for, as one of a later version: told by its name, its message and itself. */
function unknown(draft: Draft, event: { type?: unknown; message?: unknown }): void {
  const words = String(event.type)
    .replaceAll(/[._-]+/g, ' ')
    .trim();
  const name = words.charAt(0).toUpperCase() + words.slice(1);
  draft.add({
    kind: 'line',
    topic: 'unknown',
    level: 'info',
    id: draft.seq,
    last: draft.seq,
    time: draft.time,
    text: typeof event.message === 'string' && event.message !== '' ? `${name}: ${event.message}` : name,
    more: [{ label: 'Event', text: JSON.stringify(event, undefined, 2) }],
    quiet: false,
  });
}
