/** What is known of a session: the fold of its events. Everything else (status, prompts, what to do next) is derived from it. */
import type { Usage } from '../llm/provider.ts';
import type { SandboxType } from '../sandbox/transport.ts';
import type { BlobRef } from './blob.ts';
import type {
  CheckChange,
  CheckStage,
  ConversationRole,
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
import type { EventOf } from './events.ts';
import type { LogContext } from './log-lines.ts';

export type Turn =
  | { kind: 'assistant'; text: TextOrBlob; calls: RecordedCall[]; state: EventOf<'model.answered'>['state'] }
  | { kind: 'result'; callId: string; name: string; text: TextOrBlob; outcome: ToolOutcome; exitCode?: number; pruned: boolean }
  | { kind: 'note'; reason: NoteReason; text: string };

export type Conversation = {
  id: string;
  role: ConversationRole;
  /** Profile and model of the last request. */
  profile: string;
  model: string;
  system: TextOrBlob;
  opening: TextOrBlob;
  turns: Turn[];
  /** Turns before this index are replaced by the summary. */
  keepFrom: number;
  summary: TextOrBlob | undefined;
  /** A call to the model that has no answer yet. */
  requested: { call: number; purpose: EventOf<'model.requested'>['purpose'] } | undefined;
  /** Tool calls of the last answer that have no result yet, in order. */
  openCalls: RecordedCall[];
  /** Of those, the one whose effect may have begun. */
  started: { callId: string; op: string | undefined; sandboxUid: string | undefined; time: string } | undefined;
  /** Failures since the last answer, of this profile. */
  failures: { count: number; class: EventOf<'model.failed'>['class']; message: string; retryAt: number | undefined } | undefined;
  /** Tokens sent with the last answered step, and how many turns they covered. */
  lastInput: { tokens: number; turns: number } | undefined;
  /** How often the same action gave the same result in a row, and what was done about it. */
  repeats: { fingerprint: string; count: number; nudges: number; diagnoses: number };
  /** Instructions of folders: those nobody came near yet, and those that the role is to be told before it goes on. */
  guides: { unseen: readonly string[]; due: readonly string[] };
  /** What became of the sandbox, that the role is to be told once its calls are done. */
  untold?: string | undefined;
  /** Answers without a tool call in a row. */
  silent: number;
  ended: EventOf<'conversation.ended'>['reason'] | undefined;
};

export type InputState = {
  id: string;
  message: string;
  author: string;
  when: 'queued' | 'next-step' | 'now';
  planStep: string | undefined;
  answerTo: string | undefined;
  /** The question that it answered. */
  question: string | undefined;
  time: string;
  applied: EventOf<'input.applied'>['as'] | undefined;
};

export type Plan = { revision: number; title: string; steps: PlanStep[]; checks: string[] };

export type Evidence = {
  command: string;
  tree: string;
  op: string;
  exitCode: number;
  durationMs: number;
  output: TextOrBlob;
  counted: boolean;
  note: string | undefined;
  /** Compared with the run before the work. */
  change: CheckChange | undefined;
  /** Ignored files of the new code that were put aside for the run. */
  aside?: number;
};

/** The tests of a result, alone on the commit that was cloned; see the event `tests.isolated`. */
export type IsolatedTests = { commit: string; tree: string | undefined; files: readonly string[]; note: string | undefined };

export type Review = {
  iteration: number;
  tree: string;
  /** The reviewer, or the platform because a check failed. */
  by: 'reviewer' | 'checks';
  verdict: 'approve' | 'request_changes';
  findings: ReviewFinding[];
  summary: string;
};

export type Commit = {
  iteration: number;
  commit: string;
  tree: string;
  filesChanged: number;
  additions: number;
  deletions: number;
  /** What is in the worktree and could not become part of the commit. */
  notes: readonly string[];
};

export type SessionState = {
  lastSeq: number;
  /** When the last event happened. */
  lastTime: string;
  epoch: number;
  phase: Phase;
  phaseReason: string;
  phaseMessage: string;
  phaseSince: string;
  /** The phase that a pause interrupted; where resuming goes on. */
  pausedFrom: Phase | undefined;
  pause: { reason: PauseReason; message: string; resumeCounter: number } | undefined;
  startTime: string | undefined;
  finished: { outcome: 'Completed' | 'Failed' | 'Cancelled'; reason: string; message: string; time: string } | undefined;
  /** Working time in ms: waiting, pauses and the time that no operator held the session do not count. */
  workedMs: number;
  goal: string;
  mode: 'auto' | 'review';
  repository: { url: string; ref: string | undefined };
  inputs: InputState[];
  /** Indexes the ids in `inputs`. */
  inputIds: ReadonlySet<string>;
  sandbox: SandboxIdentityRecord | undefined;
  /** The sandbox went away and was not replaced yet. */
  sandboxLost: string | undefined;
  /** Of what type a sandbox may be there: asked for, and not given back. */
  sandboxHeld: SandboxType | undefined;
  /** How far the sandbox of a session at rest is given back, or made anew after that. */
  sandboxReleased: 'begun' | 'done' | 'restoring' | undefined;
  base: { commit: string; branch: string } | undefined;
  plan: Plan | undefined;
  approvedRevision: number | undefined;
  question: { id: string; text: string; conversation: string | undefined; callId: string | undefined } | undefined;
  questions: number;
  conversation: Conversation | undefined;
  conversations: number;
  iteration: number;
  steps: number;
  /** `unpricedCalls`: those whose price nobody knows, which are not in costUSD. */
  usage: Usage & { costUSD: number; unpricedCalls: number };
  programmerSummary: string | undefined;
  commit: Commit | undefined;
  /** Where the work can be taken up from in a new sandbox: the bundles, in this order, bring the commit. */
  checkpoint: { commit: string; tree: string | undefined; bundles: readonly BlobRef[] } | undefined;
  /** Why the last one could not be saved. */
  checkpointProblem: string | undefined;
  /** Whether a programmer may have changed the worktree since the last checkpoint. */
  touched: boolean;
  verifying:
    | { tree: string; command: string; op: string; sandboxUid: string; stage: CheckStage | undefined; aside?: number }
    | undefined;
  verifications: number;
  /** How often a check was begun, by checkKey. */
  checkRuns: ReadonlyMap<string, number>;
  /** Latest recorded run of each command, on whatever tree. */
  evidence: Evidence[];
  /** What the checks said of the commit that was cloned. */
  baseline: Evidence[];
  /** Whether a check was run on something else than the work: the worktree is put back before a role sees it. */
  displaced: boolean;
  tests: IsolatedTests | undefined;
  /** What the checks said of isolated tests, by their tree. */
  withoutChange: Evidence[];
  compared: { commit: string; fail: TestsFail; message: string } | undefined;
  reviews: Review[];
  /** Rounds of changes asked for since the last plan or resume. */
  reviewRounds: number;
  publishing: { branch: string; commit: string } | undefined;
  published: Omit<EventOf<'publish.finished'>, 'type'> | undefined;
  warned: ReadonlySet<string>;
  recentLogs: string[];
  /** What the next event's log lines refer to. */
  logContext: LogContext;
};

export const INITIAL_STATE: SessionState = {
  lastSeq: 0,
  lastTime: '',
  epoch: 0,
  phase: 'Queued',
  phaseReason: 'New',
  phaseMessage: '',
  phaseSince: '',
  pausedFrom: undefined,
  pause: undefined,
  startTime: undefined,
  finished: undefined,
  workedMs: 0,
  goal: '',
  mode: 'auto',
  repository: { url: '', ref: undefined },
  inputs: [],
  inputIds: new Set(),
  sandbox: undefined,
  sandboxLost: undefined,
  sandboxHeld: undefined,
  sandboxReleased: undefined,
  base: undefined,
  plan: undefined,
  approvedRevision: undefined,
  question: undefined,
  questions: 0,
  conversation: undefined,
  conversations: 0,
  iteration: 0,
  steps: 0,
  usage: { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUSD: 0, unpricedCalls: 0 },
  programmerSummary: undefined,
  commit: undefined,
  checkpoint: undefined,
  checkpointProblem: undefined,
  touched: false,
  verifying: undefined,
  verifications: 0,
  checkRuns: new Map(),
  evidence: [],
  baseline: [],
  displaced: false,
  tests: undefined,
  withoutChange: [],
  compared: undefined,
  reviews: [],
  reviewRounds: 0,
  publishing: undefined,
  published: undefined,
  warned: new Set(),
  recentLogs: [],
  logContext: {},
};

/** Phases in which the platform works; their time counts towards timeoutSeconds. */
export const WORKING: ReadonlySet<Phase> = new Set(['Provisioning', 'Planning', 'Programming', 'Reviewing', 'Publishing']);

/** The user's messages that are part of the goal, oldest first: answers too, which hold for every role. */
export function goalUpdates(state: SessionState): InputState[] {
  return state.inputs.filter((input) => input.applied !== undefined && input.applied !== 'refused');
}

/** The evidence recorded on exactly this tree. */
export function evidenceOn(state: SessionState, tree: string): Evidence[] {
  return state.evidence.filter((one) => one.tree === tree);
}

/** What runs of a check are counted by. The commit that was cloned is one and the same for a whole session. */
export function checkKey(stage: CheckStage | undefined, tree: string, command: string): string {
  if (stage === undefined) return `${tree} ${command}`;
  return stage === 'before' ? `before ${command}` : `without-change ${tree} ${command}`;
}
