/** Rounds of work: iterations, commits, checks and what they say, reviews, and the result. */
import type { Draft } from './draft.ts';
import { busy, entryBase, line } from './fold-life.ts';
import { isProblem } from './kinds.ts';
import type { CheckEntry, EventOf, EvidenceItem } from './model.ts';

type WorkEvent = EventOf<
  | 'iteration.started'
  | 'programmer.finished'
  | 'worktree.committed'
  | 'checkpoint.saved'
  | 'checkpoint.failed'
  | 'tests.isolated'
  | 'tests.compared'
  | 'verification.started'
  | 'verification.recorded'
  | 'review.submitted'
  | 'limit.warned'
  | 'publish.started'
  | 'publish.finished'
>;

export function foldWork(draft: Draft, event: WorkEvent): void {
  const { at } = draft;
  switch (event.type) {
    case 'iteration.started':
      at.iteration = event.iteration;
      at.threads.step = undefined;
      draft.beginSection('programming', '', '');
      busy(draft, `Coding iteration ${event.iteration}`);
      return;
    case 'programmer.finished': {
      const { iteration, summary } = event;
      draft.add({ kind: 'finished-work', ...entryBase(draft), iteration, summary });
      busy(draft, 'Committing the work');
      return;
    }
    case 'worktree.committed': {
      at.commit = event;
      const { commit, filesChanged, additions, deletions, notes = [] } = event;
      const files = `${filesChanged} ${filesChanged === 1 ? 'file' : 'files'}`;
      line(draft, {
        topic: 'commit',
        text:
          filesChanged === 0 ? 'Nothing was changed' : `Committed ${commit.slice(0, 10)}: ${files}, +${additions} −${deletions}`,
        more: notes.length > 0 ? [{ label: 'Notes', text: notes.join('\n') }] : [],
      });
      return;
    }
    case 'checkpoint.saved':
      line(draft, {
        topic: 'checkpoint',
        text: `Work saved outside of the sandbox (${event.commit.slice(0, 10)})`,
        quiet: true,
      });
      return;
    case 'checkpoint.failed':
      line(draft, {
        topic: 'checkpoint',
        level: 'warning',
        text: `The work since the last checkpoint is in the sandbox alone. ${event.message}`,
      });
      return;
    case 'tests.isolated': {
      const { files, note } = event;
      if (files.length === 0 && note === undefined) return;
      const count = `${files.length} test ${files.length === 1 ? 'file' : 'files'}`;
      line(draft, {
        topic: 'tests',
        text: note ?? `Took the ${count} of the change alone, to see whether they notice that the rest is missing`,
        quiet: true,
        more: files.length > 0 ? [{ label: 'Test files', text: files.join('\n') }] : [],
      });
      return;
    }
    case 'tests.compared': {
      const { fail, message } = event;
      at.tests = { fail, message };
      const level = fail === 'yes' ? 'success' : fail === 'no' ? 'warning' : 'info';
      line(draft, { topic: 'tests', level, text: message });
      return;
    }
    case 'verification.started':
      checkStarted(draft, event);
      return;
    case 'verification.recorded':
      checkRecorded(draft, event);
      return;
    case 'review.submitted': {
      const { iteration, by, verdict, findings, summary } = event;
      const place = draft.add({ kind: 'review', ...entryBase(draft), iteration, by, verdict, findings, summary });
      if (verdict === 'request_changes') draft.problem(place);
      busy(draft, verdict === 'approve' ? 'The review approved' : 'Going on with what the review found');
      return;
    }
    case 'limit.warned':
      line(draft, { topic: 'limit', level: 'warning', text: event.message });
      return;
    case 'publish.started':
      busy(draft, `Publishing ${event.branch}`);
      return;
    case 'publish.finished':
      at.published = event;
      draft.add({ kind: 'published', ...entryBase(draft), result: event });
      busy(draft, 'Published');
      return;
    default:
      event satisfies never;
  }
}

function checkStarted(draft: Draft, event: EventOf<'verification.started'>): void {
  const { stage, command, tree, op, aside } = event;
  const place = draft.add(check(draft, { stage, command, tree, op, aside, running: true }));
  draft.at.threads.check = { op, place };
  draft.at.now = { kind: 'check', command, since: draft.time, seq: draft.seq };
}

function checkRecorded(draft: Draft, event: EventOf<'verification.recorded'>): void {
  const { at } = draft;
  const { stage, command, tree, op, aside, exitCode, durationMs, output, counted, note, change } = event;
  const recorded = { exitCode, durationMs, output, counted, note, change, interrupted: event.interrupted === true };
  const running = at.threads.check;
  const before = running?.op === op ? draft.entry(running.place) : undefined;
  let entry: CheckEntry;
  let place = running?.place;
  if (place && before?.kind === 'check') {
    entry = { ...before, ...recorded, running: false, last: draft.seq };
    draft.replace(place, entry);
  } else {
    entry = check(draft, { stage, command, tree, op, aside, ...recorded });
    place = draft.add(entry);
  }
  at.threads.check = undefined;
  if (isProblem(entry)) draft.problem(place);
  if (event.interrupted !== true) {
    const item: EvidenceItem = { seq: entry.id, stage, command, tree, exitCode, durationMs, output, counted, note, change };
    at.evidence = [...at.evidence.filter((one) => one.command !== command || one.stage !== stage), item];
  }
  busy(draft, 'Looking at what the check said');
}

function check(
  draft: Draft,
  given: Pick<CheckEntry, 'command' | 'tree' | 'op' | 'stage' | 'aside'> & Partial<CheckEntry>,
): CheckEntry {
  return {
    kind: 'check',
    ...entryBase(draft),
    running: false,
    exitCode: undefined,
    durationMs: undefined,
    output: undefined,
    counted: false,
    note: undefined,
    change: undefined,
    interrupted: false,
    ...given,
  };
}
