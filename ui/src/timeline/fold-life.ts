/** The life of a session: its phases, pauses and end, its sandbox and repository, and lines for people. */
import type { Draft } from './draft.ts';
import type { EventOf, LineEntry, SectionKind } from './model.ts';

type LifeEvent = EventOf<
  | 'session.started'
  | 'phase.entered'
  | 'session.paused'
  | 'session.resumed'
  | 'session.finished'
  | 'log.line'
  | 'sandbox.requested'
  | 'sandbox.ready'
  | 'sandbox.lost'
  | 'sandbox.restored'
  | 'sandbox.releasing'
  | 'sandbox.released'
  | 'repository.requested'
  | 'repository.cloned'
>;

const SECTIONS: Readonly<Record<string, SectionKind>> = {
  Provisioning: 'setup',
  Planning: 'planning',
  Programming: 'programming',
  Reviewing: 'reviewing',
  Publishing: 'publishing',
};

export function foldLife(draft: Draft, event: LifeEvent): void {
  switch (event.type) {
    case 'session.started':
      draft.at.startedAt = draft.time;
      draft.at.goal = event.goal;
      if (!draft.section) draft.beginSection('setup', '', '');
      return;
    case 'phase.entered':
      phaseEntered(draft, event);
      return;
    case 'session.paused': {
      const { reason, message, resumeCounter } = event;
      const entry = { kind: 'pause', ...entryBase(draft), reason, message, resumeCounter, resumedAt: undefined } as const;
      const place = draft.add(entry);
      draft.at.threads.pause = place;
      if (reason !== 'Suspended') draft.problem(place);
      if (draft.at.phase !== 'Paused') draft.at.threads.pausedFrom = { phase: draft.at.phase, now: draft.at.now };
      draft.at.phase = 'Paused';
      draft.at.phaseReason = reason;
      draft.at.now = { kind: 'paused', reason, message, since: draft.time, seq: draft.seq };
      return;
    }
    case 'session.resumed': {
      const { pause, pausedFrom } = draft.at.threads;
      const entry = draft.entry(pause);
      if (pause && entry?.kind === 'pause') {
        draft.replace(pause, { ...entry, last: draft.seq, resumedAt: draft.time });
        // What it asked because it was stuck is not asked any more.
        if (entry.reason === 'Stuck') draft.at.threads.question = undefined;
      }
      draft.at.threads.pause = undefined;
      draft.at.threads.pausedFrom = undefined;
      draft.at.phase = pausedFrom?.phase ?? phaseOf(draft.section?.kind);
      draft.at.phaseReason = 'Resumed';
      line(draft, { topic: 'resume', text: 'Resumed' });
      if (draft.at.phase === 'WaitingForUser' && pausedFrom) draft.at.now = pausedFrom.now;
      else busy(draft, 'Going on');
      return;
    }
    case 'session.finished': {
      const { outcome, reason, message } = event;
      const place = draft.add({ kind: 'end', ...entryBase(draft), outcome, reason, message });
      if (outcome === 'Failed') draft.problem(place);
      draft.at.phase = outcome;
      draft.at.phaseReason = reason;
      draft.at.now = { kind: 'finished', outcome, message, since: draft.time, seq: draft.seq };
      draft.at.threads.request = undefined;
      draft.at.threads.question = undefined;
      return;
    }
    case 'log.line':
      line(draft, { topic: 'log', level: event.level, text: event.text });
      return;
    case 'sandbox.requested':
      busy(draft, `Making the sandbox (${event.sandboxType})`);
      return;
    case 'sandbox.ready': {
      const { sandbox } = event;
      setSandbox(draft, sandbox);
      line(draft, {
        topic: 'sandbox',
        level: sandbox.isolated ? 'info' : 'warning',
        text: sandbox.isolated
          ? `Sandbox ready: ${sandbox.type}, isolation ${sandbox.isolation}`
          : `Sandbox ready, but commands are not isolated: ${sandbox.isolationMessage}`,
        more: [{ label: 'Sandbox', text: `${sandbox.name}\n${sandbox.worktree}\n${sandbox.isolationMessage}` }],
      });
      return;
    }
    case 'sandbox.lost':
      line(draft, { topic: 'sandbox', level: 'error', text: `Sandbox lost: ${event.message}` });
      busy(draft, 'Making a new sandbox');
      return;
    case 'sandbox.restored':
      setSandbox(draft, event.sandbox);
      line(draft, {
        topic: 'sandbox',
        level: 'success',
        text: `Sandbox restored from ${event.fromCommit.slice(0, 10)}: ${event.message}`,
      });
      return;
    case 'sandbox.releasing':
      return;
    case 'sandbox.released':
      line(draft, { topic: 'sandbox', text: `Sandbox released: ${event.message}` });
      return;
    case 'repository.requested':
      busy(draft, 'Fetching the repository');
      return;
    case 'repository.cloned':
      line(draft, {
        topic: 'repository',
        text: `Cloned ${event.branch || 'the repository'} at ${event.commit.slice(0, 10)}`,
        more: event.message === '' ? [] : [{ label: 'Notes', text: event.message }],
      });
      return;
    default:
      event satisfies never;
  }
}

function phaseEntered(draft: Draft, event: EventOf<'phase.entered'>): void {
  const { phase, reason, message } = event;
  draft.at.phase = phase;
  draft.at.phaseReason = reason;
  const kind = SECTIONS[phase];
  const { section, group } = draft;
  if (kind === undefined) {
    // It waits within the section that it waits for; what for is told by the plan or the question before.
    if (phase !== 'WaitingForUser') {
      line(draft, { topic: 'phase', text: message, quiet: true });
      return;
    }
    const plan = draft.at.plans.at(-1);
    if (reason !== 'QuestionAsked' && plan && draft.at.now.kind !== 'question') {
      draft.at.now = { kind: 'approval', revision: plan.revision, since: draft.time, seq: plan.seq };
      line(draft, { topic: 'phase', text: message || `Plan ${plan.revision} waits for approval` });
    }
    return;
  }
  const begun = section?.kind === kind && group?.entries.length === 0 && section.firstGroup + 1 >= draft.groupCount;
  if (begun) draft.changeSection({ reason, message });
  else if (section?.kind !== kind) draft.beginSection(kind, reason, message);
  else if (reason === 'Answered') line(draft, { topic: 'phase', text: 'Going on with the answer', quiet: true });
  else if (kind === 'planning') draft.beginSection(kind, reason, message);
  else line(draft, { topic: 'phase', text: message });
  busy(draft, message || phase);
}

function setSandbox(draft: Draft, sandbox: EventOf<'sandbox.ready'>['sandbox']): void {
  const { type, name, isolated, isolationMessage } = sandbox;
  draft.at.sandbox = { type, name, isolated, message: isolationMessage };
}

function phaseOf(kind: SectionKind | undefined): string {
  const phases = {
    setup: 'Provisioning',
    planning: 'Planning',
    programming: 'Programming',
    reviewing: 'Reviewing',
    publishing: 'Publishing',
  } as const;
  return kind === undefined ? 'Queued' : phases[kind];
}

/** What every entry that begins with the event that is being put in begins with. */
export function entryBase(draft: Draft): { id: number; last: number; time: string } {
  return { id: draft.seq, last: draft.seq, time: draft.time };
}

/** Adds a plain line. */
export function line(draft: Draft, given: Pick<LineEntry, 'topic' | 'text'> & Partial<LineEntry>): void {
  const entry: LineEntry = { kind: 'line', ...entryBase(draft), level: 'info', more: [], quiet: false, ...given };
  const place = draft.add(entry);
  if (entry.level === 'error' || entry.level === 'warning') draft.problem(place);
}

/** Says what goes on that no entry tells of. */
export function busy(draft: Draft, text: string): void {
  draft.at.now = { kind: 'busy', text, since: draft.time, seq: draft.seq };
}
