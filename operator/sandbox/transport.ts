/**
 * The sandbox port. A transport finds or makes a place with a POSIX shell and moves bytes; starting, attaching to and
 * signalling commands, files and git are written once above it. Every adapter passes test/conformance/transport.ts.
 */
import type { AgentSessionSpec } from '../api/types.gen.ts';
import type { Gate } from '../gate.ts';

export type SandboxType = 'pod' | 'daytona' | 'local';

/** Whom a sandbox belongs to; its name is derived from this alone. */
export type SandboxOwner = {
  uid: string;
  name: string;
  namespace: string;
  /** Of the request that the session goes back to; for logs only. */
  trace?: string;
};

export type SandboxIdentity = {
  type: SandboxType;
  /** Deterministic name: directory, Pod name, Daytona label. */
  name: string;
  /** Identifies this incarnation: differs after the sandbox was lost and made anew, so that old operation ids mean nothing in it. */
  uid: string;
};

export type Isolation = {
  /** Whether commands are kept from the operator's files, environment and processes. */
  isolated: boolean;
  /** bubblewrap, user (a second UID), none, pod, pod-<runtimeClass>, daytona. */
  method: string;
  /** A sentence for people. */
  message: string;
};

/** A shell running the command protocol: lines in, lines out. Ends when the connection is lost, which says nothing about the commands. */
export interface Channel {
  /** Sends one line (no newline inside). Resolves when it was handed over. @throws ChannelClosedError */
  send(line: string): Promise<void>;
  /** Lines from the sandbox, in order. Ends when the channel closed. */
  lines(): AsyncIterable<string>;
  close(): Promise<void>;
}

export class ChannelClosedError extends Error {
  override readonly name = 'ChannelClosedError';
}

/** The sandbox is not there any more (deleted, evicted, directory removed). What ran in it is lost. */
export class SandboxLostError extends Error {
  override readonly name = 'SandboxLostError';
}

/** The sandbox cannot be had now, or ever. `reason` is a condition reason in CamelCase. */
export class SandboxUnavailableError extends Error {
  override readonly name = 'SandboxUnavailableError';
  readonly reason: string;
  readonly permanent: boolean;
  /** Before when it would be asked for in vain, in ms since 1970, where that is known. */
  readonly retryAt: number | undefined;
  constructor(reason: string, message: string, options: { permanent: boolean; cause?: unknown; retryAt?: number | undefined }) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.permanent = options.permanent;
    this.retryAt = options.retryAt;
  }
}

/** A provisioned sandbox. Paths are absolute paths as seen inside. */
export interface SandboxHandle {
  readonly identity: SandboxIdentity;
  readonly isolation: Isolation;
  /** Parent of everything of the session; the command protocol keeps its state in `<root>/.run`, the worktree is `<root>/repo`. */
  readonly root: string;
  /** Starts, or reconnects to, the protocol's shell. @throws SandboxLostError | SandboxUnavailableError */
  open(signal: AbortSignal): Promise<Channel>;
  /** Writes a file under root (parents are made), replacing it only when all bytes arrived. Never follows a symlink out of root. */
  put(path: string, bytes: Uint8Array, options: { mode?: number; signal: AbortSignal }): Promise<void>;
  /** Bytes [offset, offset+length) of a regular file under root; fewer at its end; undefined when there is no such file. Never follows a symlink out of root. */
  get(path: string, range: { offset: number; length: number; signal: AbortSignal }): Promise<Uint8Array | undefined>;
  /** Size in bytes and kind of what is at a path; undefined when nothing is. */
  stat(
    path: string,
    signal: AbortSignal,
  ): Promise<{ type: 'file' | 'directory' | 'other'; size: number; mode: number } | undefined>;
  /**
   * Has the listener told, once, when the sandbox is gone although nobody does anything in it; at once when it is already.
   * Left out where nobody can tell before the next command.
   */
  onLost?(listener: (message: string) => void): Disposable;
}

export type SandboxSpec = NonNullable<AgentSessionSpec['sandbox']>;

/** What keeps a sandbox from being there: a condition reason in CamelCase, and words for people. */
export type SandboxNotice = { reason: string; message: string };

/** Hears what keeps a sandbox from being there, and undefined once nothing does any more. */
export type NoticeListener = (notice: SandboxNotice | undefined) => void;

export interface SandboxTransport {
  readonly type: SandboxType;
  /**
   * Passed by whoever starts a sandbox and fills it, where that is work for the operator's own machine: too many at once
   * would take the operator itself its turn on the processor.
   */
  readonly starts?: Gate;
  /** The same for whoever saves a checkpoint: where sandboxes share the operator's processor, what can wait waits. */
  readonly checkpoints?: Gate;
  /**
   * Finds the owner's sandbox or makes it. Adopts only what carries the owner's UID.
   * @param onNotice hears of every obstacle that may pass by itself while it is waited for; not of the ordinary course. Also
   * later, while the sandbox is used
   * @throws SandboxUnavailableError
   */
  provision(owner: SandboxOwner, spec: SandboxSpec, signal: AbortSignal, onNotice?: NoticeListener): Promise<SandboxHandle>;
  /** Finds it without making it. `onNotice` as for `provision`. */
  find(
    owner: SandboxOwner,
    spec: SandboxSpec,
    signal: AbortSignal,
    onNotice?: NoticeListener,
  ): Promise<SandboxHandle | undefined>;
  /** Ends every process in it and removes it. Succeeds when there is none. */
  dispose(owner: SandboxOwner, signal: AbortSignal): Promise<void>;
  /**
   * Ends every process in it and keeps the files, for a clean stop of the operator.
   * @param options graceMs: how long processes have to heed TERM, in ms; default 1000
   */
  quiesce(owner: SandboxOwner, signal: AbortSignal, options?: { graceMs?: number }): Promise<void>;
  /** Sandboxes of this transport whose session is not among `known`. */
  listOrphans(known: ReadonlySet<string>, signal: AbortSignal): Promise<SandboxOwner[]>;
}
