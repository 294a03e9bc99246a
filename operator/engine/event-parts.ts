/** The pieces that events are made of. */
import type { Phase } from '../api/resources.ts';
import type { SandboxIdentity } from '../sandbox/transport.ts';
import type { BlobRef } from './blob.ts';

export type { Phase };

/** Text in the event itself, or a blob when it is above INLINE_LIMIT. */
export type TextOrBlob = string | BlobRef;

export type ConversationRole = 'planner' | 'programmer' | 'reviewer';

/** step: the next turn of the conversation; summary and diagnosis are side calls about it that leave no turn in it. */
export type ModelPurpose = 'step' | 'summary' | 'diagnosis';

/** A tool call as the model wrote it. */
export type RecordedCall = { id: string; name: string; arguments: TextOrBlob };

export type SandboxIdentityRecord = SandboxIdentity & {
  root: string;
  worktree: string;
  isolated: boolean;
  isolation: string;
  isolationMessage: string;
};

export type PlanStep = {
  id: string;
  title: string;
  details?: string;
  status: 'pending' | 'in_progress' | 'completed' | 'skipped';
};

export type ReviewFinding = { file: string; line?: number; problem: string };

/**
 * ok: the tool did what was asked; error: it did not, and the result says why and what to do; interrupted: ended by a
 * message, a cancel or a stop of the operator; lost: the sandbox went away or no exit status is known.
 */
export type ToolOutcome = 'ok' | 'error' | 'interrupted' | 'lost';

export type NoteReason = 'steering' | 'nudge' | 'diagnosis' | 'environment' | 'instructions' | 'no-tool-call' | 'cut-off';

/**
 * What a check is run on besides the result. before: the commit that was cloned, so that what the work changed can be
 * told; without-change: that commit with the result's tests, to see whether they notice that the rest is missing.
 */
export type CheckStage = 'before' | 'without-change';

/**
 * A run of a check compared with the one on the commit that was cloned. fixed: failed, passes now; kept: passed and
 * passes; still-fails: fails with nothing new in what it says of failures; fails-otherwise: failed, and fails in another
 * way now; broken: passed, fails now.
 */
export type CheckChange = 'fixed' | 'kept' | 'still-fails' | 'fails-otherwise' | 'broken';

/** Whether the changed tests fail where everything but them is as it was cloned. */
export type TestsFail = 'yes' | 'no' | 'unknown';

export type PauseReason =
  | 'Suspended'
  | 'LimitReached'
  | 'Stuck'
  | 'ProviderUnavailable'
  | 'ProviderQuota'
  | 'ProviderAccess'
  | 'ProviderRefused'
  | 'ReviewRoundsExhausted'
  | 'ChecksFailedBefore'
  | 'SandboxUnavailable'
  | 'RepositoryUnavailable'
  | 'StorageFull';
