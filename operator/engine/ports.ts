/** What the engine needs from outside; given once by the composition root. */
import type { AgentSession } from '../api/resources.ts';
import type { AIProfileSpec } from '../api/types.gen.ts';
import type { Pricing } from '../llm/prices.ts';
import type { ModelProvider } from '../llm/provider.ts';
import type { Logger } from '../logger.ts';
import type { RepositoryCache } from '../sandbox/git/cache.ts';
import type { GitCredential, GitIdentity } from '../sandbox/git/git.ts';
import type { Publisher } from '../sandbox/git/publish.ts';
import type { SandboxTransport, SandboxType } from '../sandbox/transport.ts';
import type { BlobStore } from './blob.ts';
import type { ConversationRole } from './event-parts.ts';
import type { SessionEvent } from './events.ts';
import type { EventLog } from './log.ts';
import type { ReleaseTimes } from './release.ts';
import type { SessionState } from './state.ts';

/** A profile, ready to be called. */
export type ModelBinding = {
  profile: string;
  provider: ModelProvider;
  model: string;
  /** Tokens, sent and received together. */
  contextWindow: number;
  pricing: Pricing | undefined;
  parameters: NonNullable<AIProfileSpec['parameters']>;
};

/** No model can be had for a session now. `reason` is a condition reason. */
export class ModelUnavailableError extends Error {
  override readonly name = 'ModelUnavailableError';
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** `reason` is a condition reason, the message for people. */
export type NoProfile = { reason: string; message: string };

export interface ModelDirectory {
  /** Names of the profiles for a role: the chosen one and its fallbacks; when there is none that can be used, why. */
  chain(session: AgentSession, role: ConversationRole): readonly string[] | NoProfile;
  /** @throws ModelUnavailableError */
  bind(session: AgentSession, profile: string, signal: AbortSignal): Promise<ModelBinding>;
}

/** Hears what sessions do, for metrics and the process's log. Must be quick, and must not throw. */
export interface EngineObserver {
  /** Events of a session are on disk; `before` and `after` are the states that they lead from and to. */
  stored(session: AgentSession, events: readonly SessionEvent[], before: SessionState, after: SessionState): void;
}

export type EngineDeps = {
  log: EventLog;
  blobs: BlobStore;
  /** The transport of a type, or undefined when this operator has none. */
  transport(type: SandboxType): SandboxTransport | undefined;
  /**
   * Whether sandboxes of a type go with their session's object by themselves. Asked where there is no transport for them, as
   * after SANDBOX_TYPE was changed; never, when left out.
   */
  goesWithSession?(type: SandboxType): boolean;
  defaultSandboxType: SandboxType;
  repositories: RepositoryCache;
  publisher: Publisher;
  identity: GitIdentity;
  /** The credential for a session's repository; undefined when there is none for its host. @throws GitError */
  credential(session: AgentSession, signal: AbortSignal): Promise<GitCredential | undefined>;
  models: ModelDirectory;
  logger: Logger;
  observer?: EngineObserver;
  /** Identifies this process in claims. */
  holder: string;
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** After what rest sandboxes are given back; never when left out. */
  releaseAfter?: ReleaseTimes;
  /** Longest time a command may run, in seconds. */
  maxCommandSeconds: number;
  /** How long after a fault that may pass the first new try is made, in ms; 2 s when left out. Each further one waits longer. */
  firstRetryMs?: number;
};
