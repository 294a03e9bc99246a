/** What the engine and the tools do in a sandbox, whatever its transport. Written once, in commands.ts and files.ts. */
import type { Isolation, SandboxIdentity } from './transport.ts';

export type CommandSpec = {
  /** A script for /bin/sh (bash when the sandbox has it). */
  command: string;
  /** Directory, relative to the worktree or absolute. The worktree when empty. */
  cwd?: string;
  env?: Record<string, string>;
  /** After this the process group is killed; the result says so. */
  timeoutSeconds: number;
};

/** The output of a command: stdout and stderr together in the order written. */
export type Output = {
  /** All bytes that the command wrote. */
  bytes: number;
  /** The beginning, and the end where it does not fit whole, as UTF-8 with invalid bytes replaced. */
  head: string;
  tail: string;
  /** Bytes left out between head and tail; 0 when head holds everything. */
  omitted: number;
  /** File inside the sandbox with all of it. */
  path: string;
};

export type CommandResult =
  /** The command ended by itself, by a signal (128 + n), or was ended for the reason named. */
  | { state: 'exited'; exitCode: number; endedBy?: 'timeout' | 'cancel' | 'output-limit'; durationMs: number; output: Output }
  /** No exit status was recorded and no process is left. It may have done all, some or none of its work: never a success. */
  | { state: 'unknown'; reason: string; output: Output };

/** `bytes: null` deletes the file. Paths are relative to the worktree or absolute. */
export type FileChange = { path: string; bytes: Uint8Array | null; mode?: number };

/** A path that may not be used, in words for whoever named it. */
export class PathError extends Error {
  override readonly name = 'PathError';
}

export type OperationState = 'absent' | 'running' | 'exited' | 'unknown';

/** A newer epoch acts on the sandbox: this owner must stop. */
export class SandboxFencedError extends Error {
  override readonly name = 'SandboxFencedError';
}

export type RunOptions = {
  signal: AbortSignal;
  /** The output so far, at most every half second while it grows: total bytes and the newest text (at most 4 KiB). */
  onOutput?: (progress: { bytes: number; tail: string }) => void;
  /** Bytes of head and tail kept in the result; default 16 KiB together. */
  keepBytes?: number;
};

/**
 * Operation ids match [A-Za-z0-9._-]{1,80} and are chosen by the engine before the intent is written, so that after a
 * crash the same id finds the same command.
 * All methods throw SandboxLostError when the sandbox is gone, SandboxFencedError when a newer epoch acts on it, and the
 * signal's reason when it is aborted (the command is then left running unless `cancel` was called).
 */
export interface Sandbox {
  readonly identity: SandboxIdentity;
  readonly isolation: Isolation;
  /** Absolute path of the worktree inside the sandbox. */
  readonly worktree: string;
  /** Absolute path of the folder above it. */
  readonly root: string;
  /** As SandboxHandle.onLost. */
  onLost?(listener: (message: string) => void): Disposable;
  /** Starts the command under the id, or attaches to it when the id exists, and waits for its end. Never starts an id twice. */
  run(op: string, spec: CommandSpec, options: RunOptions): Promise<CommandResult>;
  /** Attaches to a command that was started before and waits for its end; undefined when the id does not exist. */
  attach(op: string, spec: CommandSpec, options: RunOptions): Promise<CommandResult | undefined>;
  state(op: string, signal: AbortSignal): Promise<OperationState>;
  /** Ends the process group: TERM, after a second KILL. A waiting `run` or `attach` gets the result with endedBy `cancel`. */
  cancel(op: string): Promise<void>;
  /** A short command of the platform itself that changes nothing worth remembering; its whole output. Throws when it outgrows maxBytes (default 4 MiB). */
  query(
    command: string,
    options: { cwd?: string; env?: Record<string, string>; timeoutSeconds?: number; maxBytes?: number; signal: AbortSignal },
  ): Promise<{
    exitCode: number;
    output: string;
  }>;
  /**
   * Writes and deletes files under an operation id, all or none as far as a crash is concerned: everything is staged in the
   * sandbox first and then installed, and a repeated call with the same id completes what a crash interrupted or does
   * nothing when it was complete (the changes given are then ignored). Keeps modes of existing files. Parents are made, and
   * directories that a deletion leaves empty are removed.
   * Throws PathError for a path outside the worktree (symlinks resolved) or one that is a directory, before anything changed.
   */
  applyFiles(op: string, changes: readonly FileChange[], signal: AbortSignal): Promise<void>;
  /** After a crash: completes an applyFiles whose staging was complete ('applied'), else says that nothing changed ('absent'). */
  resumeFiles(op: string, signal: AbortSignal): Promise<'applied' | 'absent'>;
  /** undefined when there is no such file. Throws for a directory, a path outside the worktree (symlinks resolved), or more than maxBytes. */
  readFile(path: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined>;
  stat(path: string, signal: AbortSignal): Promise<{ type: 'file' | 'directory' | 'other'; size: number } | undefined>;
  /** Bytes into and out of the sandbox's own folder (bundles), path relative to root. */
  upload(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  download(path: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined>;
  /** Whether ripgrep, bash, git… are there; looked up once. */
  has(tool: 'rg' | 'bash' | 'git' | 'setsid', signal: AbortSignal): Promise<boolean>;
  /** Closes the connection; commands go on. */
  close(): Promise<void>;
}
