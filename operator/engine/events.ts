/**
 * The history of a session: one closed union. Status, logs, the timeline, the model's conversation and recovery after a
 * crash are all folds over it. An event is written before the effect it announces and after the result it reports, never
 * in between. Adding a kind or a field that old code would misread raises FORMAT.
 */

import type { ProviderState, Usage } from '../llm/provider.ts';
import type { SandboxType } from '../sandbox/transport.ts';
import type { BlobRef } from './blob.ts';
import type {
  CheckChange,
  CheckStage,
  ConversationRole,
  ModelPurpose,
  NoteReason,
  PauseReason,
  Phase,
  PlanStep,
  RecordedCall,
  ReviewFinding,
  SandboxIdentityRecord,
  TestsFail,
  TextOrBlob,
  ToolOutcome,
} from './event-parts.ts';

/** Version of this union. An operator does not claim a session that has events of a higher version. */
export const FORMAT = 4;

/** A stored event. `seq` counts from 1 without gaps; `time` is RFC 3339 with milliseconds; `epoch` is the claim that wrote it. */
export type SessionEvent = { seq: number; epoch: number; time: string; format: number } & EventBody;

/** An event before it is stored. */
export type NewEvent = { time: string } & EventBody;

export type EventBody =
  // life
  | { type: 'session.started'; goal: string; repository: { url: string; ref?: string }; mode: 'auto' | 'review' }
  | {
      type: 'phase.entered';
      phase: Exclude<Phase, 'Completed' | 'Failed' | 'Cancelled' | 'Paused'>;
      reason: string;
      message: string;
    }
  | { type: 'session.paused'; reason: PauseReason; message: string; resumeCounter: number }
  | { type: 'session.resumed'; resumeCounter: number }
  | { type: 'session.finished'; outcome: 'Completed' | 'Failed' | 'Cancelled'; reason: string; message: string }
  /** A line for people that no other event says. */
  | { type: 'log.line'; level: 'info' | 'warning' | 'error'; text: string }
  // sandbox
  | { type: 'sandbox.requested'; sandboxType: SandboxType }
  | { type: 'sandbox.ready'; sandbox: SandboxIdentityRecord }
  | { type: 'sandbox.lost'; sandboxUid: string; message: string }
  /** `untold`: the model is told the message once the tool calls that it asked for are done. */
  | { type: 'sandbox.restored'; sandbox: SandboxIdentityRecord; fromCommit: string; message: string; untold?: true }
  /** The session rests, its sandbox is about to be given back, and what it holds that is to be kept is in the last checkpoint. */
  | { type: 'sandbox.releasing'; message: string }
  | { type: 'sandbox.released'; message: string }
  | { type: 'repository.requested'; url: string; ref?: string }
  | { type: 'repository.cloned'; commit: string; branch: string; message: string }
  // conversation with a model
  | {
      type: 'conversation.started';
      conversation: string;
      role: ConversationRole;
      profile: string;
      model: string;
      promptVersion: string;
      system: TextOrBlob;
      opening: TextOrBlob;
      /** Instructions of folders that the role is not told yet, by their paths. */
      guides?: string[];
    }
  | { type: 'conversation.ended'; conversation: string; reason: 'submitted' | 'replanned' | 'abandoned' }
  | { type: 'model.requested'; conversation: string; call: number; profile: string; model: string; purpose: ModelPurpose }
  | { type: 'model.output'; conversation: string; call: number; text: string }
  | {
      type: 'model.answered';
      conversation: string;
      call: number;
      text: TextOrBlob;
      calls: RecordedCall[];
      state?: ProviderState | BlobRef;
      purpose: ModelPurpose;
      stop: 'calls' | 'end' | 'length' | 'refusal';
      model: string;
      usage: Usage;
      costUSD: number;
      /** Nobody knows what a token of this model costs, so that costUSD is 0. */
      unpriced?: true;
      durationMs: number;
    }
  | {
      type: 'model.failed';
      conversation: string;
      call: number;
      class: 'transient' | 'quota' | 'access' | 'overflow' | 'invalid' | 'interrupted';
      message: string;
      /** When the next try is due, ms since 1970. */
      retryAt?: number;
    }
  /** A message that the platform puts into a conversation: steering, a nudge, what was lost. Shown to the model as a user message. `guide`: whose instructions it holds. */
  | { type: 'note.added'; conversation: string; reason: NoteReason; text: string; inputIds?: string[]; guide?: string }
  /** Everything before `keepFrom` (index of a message of the conversation) is replaced by the summary. */
  | { type: 'context.summarised'; conversation: string; keepFrom: number; summary: TextOrBlob }
  /** The results of these calls are no longer sent whole. */
  | { type: 'context.pruned'; conversation: string; callIds: string[] }
  // tools
  | {
      type: 'tool.started';
      conversation: string;
      callId: string;
      name: string;
      /** Operation id in the sandbox; absent for tools that act on the session only. */
      op?: string;
      sandboxUid?: string;
      /** What is done, in one line for people. */
      summary: string;
    }
  | { type: 'tool.output'; callId: string; bytes: number; tail: string }
  | {
      type: 'tool.finished';
      conversation: string;
      callId: string;
      name: string;
      outcome: ToolOutcome;
      result: TextOrBlob;
      exitCode?: number;
      durationMs: number;
      /** Repository paths that the tool wrote. */
      wrote?: string[];
      /** Instructions of folders that the call looked into, which the role is told next. */
      guides?: string[];
    }
  // plan
  | { type: 'plan.submitted'; revision: number; title: string; steps: PlanStep[]; checks: string[] }
  | { type: 'plan.approved'; revision: number; by: string }
  | { type: 'plan.updated'; steps: { id: string; status: PlanStep['status'] }[] }
  // messages
  | {
      type: 'input.received';
      id: string;
      message: string;
      author: string;
      when: 'queued' | 'next-step' | 'now';
      planStep?: string;
      answerTo?: string;
    }
  | { type: 'input.applied'; ids: string[]; as: 'goal' | 'answer' | 'steering' | 'refused' }
  | { type: 'question.asked'; id: string; text: string; conversation?: string; callId?: string }
  | { type: 'question.answered'; id: string; inputId: string }
  // work and evidence
  | { type: 'iteration.started'; iteration: number }
  | { type: 'programmer.finished'; iteration: number; summary: string }
  | {
      type: 'worktree.committed';
      iteration: number;
      commit: string;
      tree: string;
      filesChanged: number;
      additions: number;
      deletions: number;
      /** What is in the worktree and could not become part of the commit, in sentences. */
      notes?: string[];
    }
  /** The worktree is safe outside of the sandbox. */
  | {
      type: 'checkpoint.saved';
      commit: string;
      tree?: string;
      /** What the commit has and `onto` has not; absent when the worktree is as it was at the last checkpoint, `commit`. */
      bundle?: BlobRef;
      /** The checkpoint before, whose bundles are needed as well; absent when the bundle goes onto the commit that was cloned. */
      onto?: string;
    }
  | { type: 'checkpoint.failed'; message: string }
  /** The tests of a result, put alone on the commit that was cloned. */
  | {
      type: 'tests.isolated';
      /** The result they are of. */
      commit: string;
      /** The tree with them; absent when it could not be made, or when it would be no other than the result's. */
      tree?: string;
      /** Test files that the result adds or changes. */
      files: string[];
      /** Why there is nothing to run, when there are such files. */
      note?: string;
    }
  /** `stage` is absent when the check is run on the result. */
  | {
      type: 'verification.started';
      tree: string;
      command: string;
      op: string;
      sandboxUid: string;
      stage?: CheckStage;
      /** Files of the new code that git ignores, that were put aside for the run, and that the check may need. */
      aside?: number;
    }
  | {
      type: 'verification.recorded';
      stage?: CheckStage;
      tree: string;
      command: string;
      op: string;
      aside?: number;
      exitCode: number;
      durationMs: number;
      output: TextOrBlob;
      /** Whether it counts as verification: exit code 0 of something that checks. */
      counted: boolean;
      note?: string;
      /** Compared with the run before the work; absent where that is not known or did not come to an end. */
      change?: CheckChange;
      /** The platform or the user ended it: nothing was learned, and the check is run again. */
      interrupted?: true;
    }
  /** What the runs on the isolated tests say of this result. */
  | { type: 'tests.compared'; commit: string; fail: TestsFail; message: string }
  | {
      type: 'review.submitted';
      iteration: number;
      tree: string;
      by: 'reviewer' | 'checks';
      verdict: 'approve' | 'request_changes';
      findings: ReviewFinding[];
      summary: string;
    }
  // limits
  | { type: 'limit.warned'; limit: 'maxSteps' | 'maxTokens' | 'maxCostUSD' | 'timeoutSeconds'; message: string }
  // publishing
  | { type: 'publish.started'; branch: string; commit: string }
  | {
      type: 'publish.finished';
      branch: string;
      commit: string;
      pushed: boolean;
      message: string;
      bundle: BlobRef;
      patch: BlobRef;
      filesChanged: number;
      additions: number;
      deletions: number;
      summary: string;
    };

export type EventType = EventBody['type'];
/** The body of one kind of event. */
export type EventOf<T extends EventType> = Extract<EventBody, { type: T }>;
