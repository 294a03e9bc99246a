/**
 * What the page of a session shows, folded from the session's events. Everything is immutable: a group, section or entry
 * that an event does not touch is the very same object afterwards, so that the page draws again only what changed.
 */
import type { BlobRef } from '../../../operator/engine/blob.ts';
import type {
  CheckChange,
  CheckStage,
  ConversationRole,
  ModelPurpose,
  PlanStep,
  ReviewFinding,
  TestsFail,
  TextOrBlob,
  ToolOutcome,
} from '../../../operator/engine/event-parts.ts';
import type { EventOf, SessionEvent } from '../../../operator/engine/events.ts';

export type {
  BlobRef,
  CheckChange,
  CheckStage,
  ConversationRole,
  EventOf,
  ModelPurpose,
  PlanStep,
  ReviewFinding,
  SessionEvent,
  TestsFail,
  TextOrBlob,
  ToolOutcome,
};

/** Tokens, US dollars, number of answers and thinking time of models, added up. */
export type Spent = {
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly costUSD: number;
  /** Calls of models whose price nobody knows, which are not part of the cost. */
  readonly unpriced: number;
  readonly calls: number;
  readonly durationMs: number;
};

/**
 * One line of the timeline, or a block that opens. `id` is the sequence number of its first event and never changes;
 * `last` is that of the latest event that became part of it.
 */
type EntryBase = { readonly id: number; readonly last: number; readonly time: string };

/** command: bash; read: looks only; edit: writes files; session: acts on the session (plan, question, end of the work). */
export type ToolFamily = 'command' | 'read' | 'edit' | 'session' | 'other';

/** What a model said besides its tool calls, live while `streaming`. */
export type SaidEntry = EntryBase & {
  readonly kind: 'said';
  readonly role: ConversationRole | undefined;
  readonly model: string;
  readonly text: TextOrBlob;
  readonly streaming: boolean;
  /** Ended before it was said to the end: interrupted, or the connection failed. */
  readonly broken: boolean;
  readonly stop: EventOf<'model.answered'>['stop'] | undefined;
  readonly durationMs: number | undefined;
  readonly tokens: number | undefined;
  readonly costUSD: number | undefined;
};

/** A tool call, from the moment it was begun. */
export type CallEntry = EntryBase & {
  readonly kind: 'call';
  readonly role: ConversationRole | undefined;
  readonly callId: string;
  readonly name: string;
  readonly family: ToolFamily;
  /** What is done, in one line. */
  readonly summary: string;
  /** JSON as the model wrote it; undefined when the answer that made the call is not part of the log that was read. */
  readonly args: TextOrBlob | undefined;
  readonly running: boolean;
  /** The end of what a running command has written, and how much that is in all. */
  readonly output: { readonly bytes: number; readonly tail: string } | undefined;
  readonly outcome: ToolOutcome | undefined;
  readonly result: TextOrBlob | undefined;
  readonly exitCode: number | undefined;
  readonly durationMs: number | undefined;
  readonly wrote: readonly string[];
};

/** A check that the platform runs. */
export type CheckEntry = EntryBase & {
  readonly kind: 'check';
  readonly stage: CheckStage | undefined;
  readonly command: string;
  readonly tree: string;
  readonly op: string;
  readonly running: boolean;
  /** -1 when its end was not seen; undefined while it runs. */
  readonly exitCode: number | undefined;
  readonly durationMs: number | undefined;
  readonly output: TextOrBlob | undefined;
  readonly counted: boolean;
  readonly note: string | undefined;
  readonly change: CheckChange | undefined;
  readonly interrupted: boolean;
  /** Ignored files that were put aside for the run. */
  readonly aside: number | undefined;
};

export type StepChange = {
  readonly id: string;
  readonly title: string;
  readonly from: PlanStep['status'] | undefined;
  readonly to: PlanStep['status'];
};

export type MessageEntry = EntryBase & {
  readonly kind: 'message';
  readonly inputId: string;
  readonly text: string;
  readonly author: string;
  readonly when: 'queued' | 'next-step' | 'now';
  readonly planStep: { readonly id: string; readonly title: string } | undefined;
  readonly answerTo: string | undefined;
  readonly applied: EventOf<'input.applied'>['as'] | undefined;
  readonly appliedAt: string | undefined;
};

export type QuestionEntry = EntryBase & {
  readonly kind: 'question';
  readonly questionId: string;
  readonly text: string;
  /** By whom and with what it was answered; `withdrawn` when a message that was no answer ended the wait. */
  readonly answer: { readonly text: string; readonly author: string; readonly withdrawn: boolean } | undefined;
};

export type PauseEntry = EntryBase & {
  readonly kind: 'pause';
  readonly reason: string;
  readonly message: string;
  /** `spec.resume` at that moment; a higher one resumes. */
  readonly resumeCounter: number;
  readonly resumedAt: string | undefined;
};

export type ReviewEntry = EntryBase & {
  readonly kind: 'review';
  readonly iteration: number;
  readonly by: 'reviewer' | 'checks';
  readonly verdict: 'approve' | 'request_changes';
  readonly findings: readonly ReviewFinding[];
  readonly summary: string;
};

/** A model call that gave no answer, and when the next try is due (ms since 1970). */
export type FailureEntry = EntryBase & {
  readonly kind: 'failure';
  readonly role: ConversationRole | undefined;
  readonly class: EventOf<'model.failed'>['class'];
  readonly message: string;
  readonly retryAt: number | undefined;
  readonly profile: string;
  readonly model: string;
};

/** A word for what a plain line tells of, which decides its icon and how much it stands out. */
export type LineTopic =
  | 'sandbox'
  | 'repository'
  | 'checkpoint'
  | 'context'
  | 'conversation'
  | 'phase'
  | 'limit'
  | 'commit'
  | 'tests'
  | 'resume'
  | 'approval'
  | 'note'
  | 'log'
  | 'publish'
  | 'unknown';

export type LineEntry = EntryBase & {
  readonly kind: 'line';
  readonly topic: LineTopic;
  readonly level: 'info' | 'warning' | 'error' | 'success';
  readonly text: string;
  /** What opens below the line. */
  readonly more: readonly { readonly label: string; readonly text: TextOrBlob }[];
  /** Of interest only to who looks closely. */
  readonly quiet: boolean;
};

export type Entry =
  | SaidEntry
  | CallEntry
  | CheckEntry
  | MessageEntry
  | QuestionEntry
  | PauseEntry
  | ReviewEntry
  | FailureEntry
  | LineEntry
  | (EntryBase & { readonly kind: 'plan'; readonly plan: PlanRevision })
  | (EntryBase & { readonly kind: 'steps'; readonly changes: readonly StepChange[] })
  | (EntryBase & { readonly kind: 'finished-work'; readonly iteration: number; readonly summary: string })
  | (EntryBase & { readonly kind: 'published'; readonly result: EventOf<'publish.finished'> })
  | (EntryBase & {
      readonly kind: 'end';
      readonly outcome: 'Completed' | 'Failed' | 'Cancelled';
      readonly reason: string;
      readonly message: string;
    });

export type EntryKind = Entry['kind'];

export type SectionKind = 'setup' | 'planning' | 'programming' | 'reviewing' | 'publishing';

/** A stretch of the session in one phase. */
export type Section = {
  /** Sequence number of its first event. */
  readonly id: number;
  readonly kind: SectionKind;
  /** The coding iteration that it is, or that it reviews; 0 before the first. */
  readonly iteration: number;
  /** Why it began, in a word and a sentence. */
  readonly reason: string;
  readonly message: string;
  /** Profile and model that did the work. */
  readonly profile: string | undefined;
  readonly model: string | undefined;
  readonly startedAt: string;
  readonly lastTime: string;
  /** Index of its first group; its groups follow each other. */
  readonly firstGroup: number;
  readonly spent: Spent;
  /** Entries that tell of something that went wrong. */
  readonly problems: number;
};

/** Entries of a section that belong to one plan step, or to none. */
export type Group = {
  /** Sequence number of its first event. */
  readonly id: number;
  /** Index of its section. */
  readonly section: number;
  readonly step: { readonly id: string; readonly title: string } | undefined;
  readonly entries: readonly Entry[];
  readonly startedAt: string;
  readonly lastTime: string;
  readonly spent: Spent;
};

export type PlanRevision = {
  readonly revision: number;
  readonly title: string;
  readonly steps: readonly PlanStep[];
  readonly checks: readonly string[];
  /** Sequence number of the event that brought it. */
  readonly seq: number;
  readonly time: string;
  readonly approvedBy: string | undefined;
};

/** How far a step of the newest plan is, and since when. */
export type StepProgress = {
  readonly id: string;
  readonly title: string;
  readonly details: string | undefined;
  readonly status: PlanStep['status'];
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  /** Where its work begins in the timeline. */
  readonly seq: number | undefined;
};

/** What a check said last, on whatever tree. */
export type EvidenceItem = {
  readonly seq: number;
  readonly stage: CheckStage | undefined;
  readonly command: string;
  readonly tree: string;
  readonly exitCode: number;
  readonly durationMs: number;
  readonly output: TextOrBlob;
  readonly counted: boolean;
  readonly note: string | undefined;
  readonly change: CheckChange | undefined;
};

export type SpentBy = {
  readonly total: Spent;
  readonly role: Readonly<Record<string, Spent>>;
  readonly model: Readonly<Record<string, Spent>>;
  /** By the id of the plan step that was in progress. */
  readonly step: Readonly<Record<string, Spent>>;
};

/** What happens at this moment. `seq`: the entry or event that tells of it. */
export type Now =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'thinking';
      readonly role: ConversationRole | undefined;
      readonly model: string;
      readonly since: string;
      readonly seq: number;
    }
  | { readonly kind: 'tool'; readonly summary: string; readonly since: string; readonly seq: number }
  | { readonly kind: 'check'; readonly command: string; readonly since: string; readonly seq: number }
  | { readonly kind: 'busy'; readonly text: string; readonly since: string; readonly seq: number }
  | { readonly kind: 'retry'; readonly message: string; readonly until: number; readonly since: string; readonly seq: number }
  | { readonly kind: 'approval'; readonly revision: number; readonly since: string; readonly seq: number }
  | {
      readonly kind: 'question';
      readonly questionId: string;
      readonly text: string;
      readonly since: string;
      readonly seq: number;
    }
  | { readonly kind: 'paused'; readonly reason: string; readonly message: string; readonly since: string; readonly seq: number }
  | {
      readonly kind: 'finished';
      readonly outcome: 'Completed' | 'Failed' | 'Cancelled';
      readonly message: string;
      readonly since: string;
      readonly seq: number;
    };

/** Where an entry is. */
export type Place = { readonly group: number; readonly entry: number };

/** A call that a model asked for and that has no result yet. */
export type OpenCall = {
  readonly conversation: string;
  readonly name: string;
  readonly args: TextOrBlob;
  readonly place: Place | undefined;
};

/** What later events refer to. Holds only what is open, so that it stays small. */
export type Threads = {
  readonly conversation:
    | { readonly id: string; readonly role: ConversationRole; readonly profile: string; readonly model: string }
    | undefined;
  readonly request:
    | {
        readonly seq: number;
        readonly call: number;
        readonly purpose: ModelPurpose;
        readonly time: string;
        readonly profile: string;
        readonly model: string;
        readonly place: Place | undefined;
      }
    | undefined;
  readonly calls: ReadonlyMap<string, OpenCall>;
  readonly check: { readonly op: string; readonly place: Place } | undefined;
  readonly inputs: ReadonlyMap<string, Place>;
  readonly question: { readonly id: string; readonly place: Place } | undefined;
  readonly pause: Place | undefined;
  /** What it did when it was paused: resumed, it waits for the same again. */
  readonly pausedFrom: { readonly phase: string; readonly now: Now } | undefined;
  /** The plan step that is being worked on. */
  readonly step: string | undefined;
};

export type Timeline = {
  /** Sequence number of the last event that was folded. */
  readonly lastSeq: number;
  readonly lastTime: string;
  readonly startedAt: string | undefined;
  readonly goal: string;
  readonly phase: string;
  readonly phaseReason: string;
  readonly iteration: number;
  readonly sections: readonly Section[];
  readonly groups: readonly Group[];
  /** Every plan that there was, oldest first. */
  readonly plans: readonly PlanRevision[];
  /** The newest plan, step by step. */
  readonly steps: readonly StepProgress[];
  /** The latest run of each check and stage, oldest first. */
  readonly evidence: readonly EvidenceItem[];
  /** What the evidence has to be about to count. */
  readonly commit: EventOf<'worktree.committed'> | undefined;
  readonly tests: { readonly fail: TestsFail; readonly message: string } | undefined;
  readonly published: EventOf<'publish.finished'> | undefined;
  readonly sandbox:
    | { readonly type: string; readonly name: string; readonly isolated: boolean; readonly message: string }
    | undefined;
  readonly spent: SpentBy;
  readonly now: Now;
  readonly threads: Threads;
};
