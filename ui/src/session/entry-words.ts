/** Words for what the timeline shows. */
import { editsOf } from '../timeline/edits.ts';
import type {
  CallEntry,
  CheckChange,
  CheckEntry,
  Entry,
  EventOf,
  MessageEntry,
  PlanStep,
  Section,
  SectionKind,
} from '../timeline/model.ts';

const SECTION_TITLES: Readonly<Record<SectionKind, string>> = {
  setup: 'Preparing',
  planning: 'Planning',
  programming: 'Coding',
  reviewing: 'Checks and review',
  publishing: 'Publishing',
};

export function sectionTitle({ kind, iteration }: Section): string {
  const counted = (kind === 'programming' || kind === 'reviewing') && iteration > 0;
  return counted ? `${SECTION_TITLES[kind]} · iteration ${iteration}` : SECTION_TITLES[kind];
}

export const STEP_WORDS: Readonly<Record<PlanStep['status'], string>> = {
  pending: 'To do',
  in_progress: 'In progress',
  completed: 'Done',
  skipped: 'Skipped',
};

/** What became of a message. */
export function appliedWords(message: Pick<MessageEntry, 'applied' | 'when' | 'answerTo'>): string {
  switch (message.applied) {
    case 'goal':
      return 'Part of the goal';
    case 'answer':
      return 'Answered the question';
    case 'steering':
      return 'Passed on';
    case 'refused':
      return 'Came too late';
    default:
      return { queued: 'Waits for the iteration to end', 'next-step': 'Waits for the next step', now: 'Interrupts' }[
        message.when
      ];
  }
}

export const CHANGE_WORDS: Readonly<Record<CheckChange, string>> = {
  fixed: 'failed before the work, passes now',
  kept: 'passed before the work as well',
  'still-fails': 'failed before the work in the same way',
  'fails-otherwise': 'failed before the work, but otherwise',
  broken: 'passed before the work: the failure is new',
};

export function stageWords(stage: CheckEntry['stage']): string {
  if (stage === 'before') return 'before the work';
  return stage === 'without-change' ? 'the changed tests without the change' : '';
}

export const FAILURE_WORDS: Readonly<Record<EventOf<'model.failed'>['class'], string>> = {
  transient: 'did not answer',
  quota: 'is out of quota',
  access: 'refused access',
  overflow: 'was sent more than it can take',
  invalid: 'refused the request',
  interrupted: 'was interrupted',
};

/** How a command ended. */
export function exitWords(code: number | undefined): string {
  if (code === undefined) return '';
  return code === -1 ? 'end not seen' : `exit ${code}`;
}

/** Lines of an edit that is short enough to be seen at once. */
const SHORT_EDIT = 14;

/** Whether an entry is shown unfolded until somebody folds it. */
export function opensItself(entry: Entry): boolean {
  switch (entry.kind) {
    case 'call':
      return entry.family === 'edit' ? isShortEdit(entry) : entry.running && entry.family === 'command';
    case 'check':
      return entry.running;
    default:
      return false;
  }
}

function isShortEdit(entry: CallEntry): boolean {
  if (entry.outcome !== 'ok') return false;
  const edits = editsOf(entry, entry.args);
  const lines = edits.reduce((sum, { hunks }) => sum + hunks.reduce((n, hunk) => n + hunk.lines.length, 0), 0);
  return lines > 0 && lines <= SHORT_EDIT;
}
