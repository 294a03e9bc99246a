/**
 * Git on both sides of the sandbox's wall. The operator fetches and pushes, with the token; the sandbox gets and gives
 * bundles. Nothing of a repository's configuration, hooks, filters or submodules ever runs on the operator's side.
 */

/** A token and the hosts it may be sent to. */
export type GitCredential = { username: string; token: string; hosts: readonly string[] };

/** Who commits. */
export type GitIdentity = { name: string; email: string };

/** Why git could not do it. `reason` is a condition reason in CamelCase; the message never holds a credential. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly reason: GitErrorReason;
  /** Whether the same call can succeed later without anybody changing anything. */
  readonly transient: boolean;
  constructor(reason: GitErrorReason, message: string, options: { transient?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.transient = options.transient ?? false;
  }
}

export type GitErrorReason =
  | 'RepositoryNotFound'
  | 'AuthenticationFailed'
  | 'HostNotAllowed'
  | 'TransportNotAllowed'
  | 'InvalidURL'
  | 'RefNotFound'
  | 'RepositoryEmpty'
  | 'Unreachable'
  | 'PushRejected'
  | 'InvalidBranch'
  | 'BundleDamaged'
  | 'StorageFull'
  /** The sandbox has no git. */
  | 'GitMissing'
  | 'GitFailed';

export type RepositorySource = { url: string; ref?: string; depth: number };

/** A commit fetched into the operator's cache, ready to be sent into a sandbox. */
export type Snapshot = {
  commit: string;
  /** The branch, when ref named one or was left out; else empty. */
  branch: string;
  /** Bundle file on the operator's side; deleted by `dispose`. */
  bundlePath: string;
  /** Commits whose parents were cut off: the content of .git/shallow. Empty for a full history. */
  shallow: string[];
  /** Things a person should know: submodules not fetched, LFS pointers not resolved. */
  notes: string[];
  dispose(): Promise<void>;
};

export type DiffStat = { filesChanged: number; additions: number; deletions: number };
