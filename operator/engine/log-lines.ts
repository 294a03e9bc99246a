/**
 * The session's log for people: what REST gives as `logs`, the last of it as status.recentLogs. Every event becomes no,
 * one or several lines; lines are only ever added, so that a reader can go on where it stopped.
 */
import { cut } from '../api/conditions.ts';
import { changeWords } from './compare-runs.ts';
import type { CheckStage, ConversationRole, PlanStep, TextOrBlob } from './event-parts.ts';
import type { EventBody, EventOf } from './events.ts';

/** What earlier events said and later ones only refer to. */
export type LogContext = {
  /** Role of the current conversation. */
  readonly role?: ConversationRole;
  /** The tool call that has started and not finished: what it does, in one line. */
  readonly doing?: { readonly callId: string; readonly summary: string; readonly since: string };
  /** The profile that answers in the current conversation. */
  readonly profile?: string;
  /** Titles of the current plan's steps, by id. */
  readonly steps?: ReadonlyMap<string, string>;
};

/** How the family of endpoints calls a piece of work. */
export type Noun = 'session' | 'task';

/** The line that every log begins with. */
export function startLine(noun: Noun): string {
  return `Starting ${noun}...`;
}

/** Characters of a line; longer ones are cut. */
const MAX_LINE = 300;
/** Lines that one text of a user or a model may take. */
const MAX_TEXT_LINES = 40;

const PHASE_LINES: Record<EventOf<'phase.entered'>['phase'], string | undefined> = {
  Queued: undefined,
  Provisioning: undefined,
  Planning: 'PLANNER: Generating plan...',
  WaitingForUser: undefined,
  Programming: 'PROGRAMMER: Executing plan...',
  Reviewing: 'REVIEWER: Reviewing changes...',
  Publishing: 'Publishing the result...',
};

const STEP_WORDS: Record<PlanStep['status'], string> = {
  pending: 'Back to do',
  in_progress: 'Working on',
  completed: 'Done',
  skipped: 'Skipped',
};

/** Tools whose success another event tells better. */
const TOLD_ELSEWHERE = new Set(['submit_plan', 'update_plan', 'finish', 'submit_review', 'ask_user']);

/**
 * The lines of one event. Lines have no line breaks or control characters and at most 300 characters.
 * @param context what the events before it said (`nextLogContext`); without it lines are less telling, never wrong
 */
export function logLines(event: EventBody, context: LogContext = {}): string[] {
  return linesOf(event, context).map((line) => cut(printable(line), MAX_LINE));
}

/** The context for the event after this one. */
export function nextLogContext(context: LogContext, event: EventBody & { time: string }): LogContext {
  switch (event.type) {
    case 'conversation.started': {
      const { doing: _, ...rest } = context;
      return { ...rest, role: event.role, profile: event.profile };
    }
    case 'model.requested':
      return { ...context, profile: event.profile };
    case 'conversation.ended':
    case 'tool.finished': {
      const { doing: _, ...rest } = context;
      return rest;
    }
    case 'tool.started':
      return { ...context, doing: { callId: event.callId, summary: event.summary, since: event.time } };
    case 'plan.submitted':
      return { ...context, steps: new Map(event.steps.map(({ id, title }) => [id, title])) };
    default:
      return context;
  }
}

function linesOf(event: EventBody, context: LogContext): string[] {
  const who = speaker(context.role);
  switch (event.type) {
    case 'session.started':
      return [startLine('session')];
    case 'phase.entered':
      return phaseLines(event);
    case 'session.paused':
      return [`Paused (${event.reason}): ${event.message}`];
    case 'session.resumed':
      return ['Resumed.'];
    case 'session.finished':
      return [`${event.outcome}: ${event.message}`];
    case 'log.line':
      return text(event.text, event.level === 'info' ? '' : `${event.level === 'warning' ? 'Warning' : 'Error'}: `);
    case 'sandbox.ready':
      return sandboxLines(event);
    case 'sandbox.lost':
      return [`Sandbox lost: ${event.message}`];
    case 'sandbox.restored':
      return [`Sandbox restored from ${short(event.fromCommit)}: ${event.message}`];
    case 'sandbox.released':
      return [`Sandbox released: ${event.message}`];
    case 'checkpoint.failed':
      return [`Warning: the work since the last checkpoint is in the sandbox alone. ${event.message}`];
    case 'repository.requested':
      return ['Cloning repo...'];
    case 'repository.cloned':
      return [`Cloned ${event.branch || 'the repository'} at ${short(event.commit)}.`, ...text(event.message)];
    case 'model.answered':
      return event.purpose === 'step' && typeof event.text === 'string' ? said(event.text, who) : [];
    case 'model.requested':
      return otherProfile(event, context.profile, who);
    case 'model.failed':
      return modelFailed(event, who);
    case 'note.added':
      return noteLines(event, who);
    case 'context.summarised':
      return [`${who}: Summarised the conversation so far to make room.`];
    case 'tool.finished':
      return toolLines(event, context, who);
    case 'plan.submitted':
      return planLines(event);
    case 'plan.approved':
      return [`Plan ${event.revision} approved by ${event.by}.`];
    case 'plan.updated':
      return event.steps.map(({ id, status }) => `${who}: ${STEP_WORDS[status]}: ${context.steps?.get(id) ?? `step ${id}`}`);
    case 'input.received':
      return text(event.message, `MESSAGE from ${event.author}: `);
    case 'input.applied':
      return [appliedLine(event.as)];
    case 'question.asked':
      return text(event.text, 'QUESTION: ');
    case 'programmer.finished':
      return text(event.summary, 'PROGRAMMER: ');
    case 'worktree.committed':
      return event.filesChanged === 0 ? ['Nothing was changed.'] : [`Committed ${short(event.commit)}: ${stat(event)}.`];
    case 'verification.started':
      return [];
    case 'verification.recorded':
      return checkLines(event);
    case 'tests.compared':
      return [`CHECK: ${event.message}`];
    case 'review.submitted':
      return reviewLines(event);
    case 'limit.warned':
      return [`Warning: ${event.message}`];
    case 'publish.finished':
      return publishLines(event);
    case 'sandbox.requested':
    case 'sandbox.releasing':
    case 'conversation.started':
    case 'conversation.ended':
    case 'model.output':
    case 'context.pruned':
    case 'tool.started':
    case 'tool.output':
    case 'question.answered':
    case 'iteration.started':
    case 'checkpoint.saved':
    case 'tests.isolated':
    case 'publish.started':
      return [];
    default:
      // Events of a later version are told by those who know them.
      event satisfies never;
      return [];
  }
}

function phaseLines(event: EventOf<'phase.entered'>): string[] {
  const line = PHASE_LINES[event.phase];
  if (line === undefined) return event.phase === 'WaitingForUser' ? [`Waiting for you: ${event.message}`] : [];
  // The same conversation goes on after an answer; nothing is begun anew.
  return event.reason === 'Answered' ? [`${line.split(':', 1)[0]}: Going on with the answer...`] : [line];
}

function sandboxLines({ sandbox }: EventOf<'sandbox.ready'>): string[] {
  const line = `Sandbox ready (${sandbox.type}, isolation: ${sandbox.isolation}).`;
  return sandbox.isolated ? [line] : [line, `Warning: commands are not isolated: ${sandbox.isolationMessage}`];
}

function otherProfile({ profile, model }: EventOf<'model.requested'>, before: string | undefined, who: string): string[] {
  return before && before !== profile ? [`${who}: Going on with AIProfile ${profile} (${model}) in the place of ${before}.`] : [];
}

function modelFailed(event: EventOf<'model.failed'>, who: string): string[] {
  if (event.class === 'interrupted') return [];
  const next = event.retryAt === undefined ? '' : `; trying again at ${new Date(event.retryAt).toISOString().slice(11, 19)} UTC`;
  return [`${who}: The model gave no answer (${event.class}): ${event.message}${next}`];
}

function noteLines(event: EventOf<'note.added'>, who: string): string[] {
  switch (event.reason) {
    case 'nudge':
      return [`${who}: Was told that it repeats itself.`];
    case 'diagnosis':
      return text(event.text, `${who}: Stuck; a fresh look: `);
    case 'environment':
      return text(event.text, 'Note: ');
    case 'instructions':
      return [`${who}: Was given ${event.guide ?? 'instructions of the repository'}.`];
    case 'no-tool-call':
      return [`${who}: Answered without using a tool; was asked to go on.`];
    case 'cut-off':
      return [`${who}: The answer was cut off; was asked to go on.`];
    case 'steering':
      return [];
    default:
      event.reason satisfies never;
      return [];
  }
}

function toolLines(event: EventOf<'tool.finished'>, context: LogContext, who: string): string[] {
  if (event.outcome === 'ok' && TOLD_ELSEWHERE.has(event.name)) return [];
  const what = context.doing?.callId === event.callId ? context.doing.summary : event.name;
  const time = seconds(event.durationMs);
  if (event.exitCode !== undefined) return [`${who}: ${what} → ${exit(event.exitCode)} (${time})`];
  switch (event.outcome) {
    case 'ok':
      return [`${who}: ${what}`];
    case 'error':
      return [`${who}: ${what} → failed: ${firstLine(event.result)}`];
    case 'interrupted':
      return [`${who}: ${what} → interrupted (${time})`];
    case 'lost':
      return [`${who}: ${what} → lost, its end was not seen`];
    default:
      event.outcome satisfies never;
      return [];
  }
}

function planLines(event: EventOf<'plan.submitted'>): string[] {
  return [
    `PLAN ${event.revision}: ${event.title}`,
    ...event.steps.flatMap(({ title, details }, index) => [
      `  ${index + 1}. ${title}`,
      ...text(details ?? '').map((line) => `     ${line}`),
    ]),
    ...event.checks.map((command) => `  Check: $ ${command}`),
  ];
}

const STAGE_WORDS: Record<CheckStage, string> = {
  before: 'CHECK before the work',
  'without-change': 'CHECK of the changed tests without the change',
};

function checkLines(event: EventOf<'verification.recorded'>): string[] {
  const { stage, change, command, exitCode, counted, note } = event;
  const what = stage === undefined ? 'CHECK' : STAGE_WORDS[stage];
  return [
    `${what}: $ ${command} → ${exit(exitCode)} (${seconds(event.durationMs)})`,
    ...(note ? [`  ${note}`] : []),
    ...(stage === undefined && exitCode === 0 && !counted ? ['  This does not count as verification.'] : []),
    ...(stage === undefined && change !== undefined ? [`  It ${changeWords(change)}.`] : []),
  ];
}

function reviewLines(event: EventOf<'review.submitted'>): string[] {
  const by = event.by === 'reviewer' ? 'REVIEWER' : 'CHECK';
  const verdict = event.verdict === 'approve' ? 'Approved.' : 'Changes needed.';
  return [
    ...text(event.summary, `${by}: ${verdict} `, `${by}: ${verdict}`),
    ...event.findings.map(({ file, line, problem }) => {
      const where = file === '' ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
      return `  - ${where}${problem}`;
    }),
  ];
}

function publishLines(event: EventOf<'publish.finished'>): string[] {
  const where = event.pushed ? 'pushed' : 'kept here, not pushed';
  return [
    `Published branch ${event.branch} at ${short(event.commit)} (${where}): ${stat(event)}.`,
    ...(event.pushed ? [] : text(event.message).map((line) => `  ${line}`)),
  ];
}

function appliedLine(as: EventOf<'input.applied'>['as']): string {
  const lines = {
    goal: 'The message is part of the goal now.',
    answer: 'The answer was passed on.',
    steering: 'The message was passed on.',
    refused: 'The message came too late: the session is cancelled.',
  };
  return lines[as];
}

/** The first paragraph of what a model said besides its tool calls. */
function said(answer: string, who: string): string[] {
  return text(answer.trim().split(/\n\s*\n/, 1)[0] ?? '', `${who}: `);
}

/** The lines of a text, the first after `prefix`; `empty` alone when there is no text. */
function text(value: string, prefix = '', empty?: string): string[] {
  const lines = value.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0) return empty === undefined ? [] : [empty];
  const shown = lines.slice(0, MAX_TEXT_LINES).map((line, index) => (index === 0 ? prefix + line : prefix ? `  ${line}` : line));
  return lines.length > MAX_TEXT_LINES ? [...shown, `  … ${lines.length - MAX_TEXT_LINES} more lines`] : shown;
}

function firstLine(value: TextOrBlob): string {
  return typeof value === 'string' ? (text(value)[0] ?? '') : `${value.bytes} bytes of output`;
}

function speaker(role: ConversationRole | undefined): string {
  return role === undefined ? 'AGENT' : role.toUpperCase();
}

function exit(code: number): string {
  return code === -1 ? 'its end was not seen' : `exit ${code}`;
}

function stat({ filesChanged, additions, deletions }: { filesChanged: number; additions: number; deletions: number }): string {
  return `${filesChanged} ${filesChanged === 1 ? 'file' : 'files'} changed, +${additions} −${deletions}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function short(commit: string): string {
  return commit.slice(0, 10);
}

/** Without terminal escapes and other control characters, which output of commands and models may hold. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return line.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g, '');
}
