/** What a tool is: a specification for the model and a function that gets the few things it needs. */
import type { ToolOutcome } from '../../engine/event-parts.ts';
import type { ToolSpec } from '../../llm/provider.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';

export type ToolResult = {
  outcome: ToolOutcome;
  /** What the model reads: short, and for a failure what to do next. */
  text: string;
  exitCode?: number;
  /** How long the command ran, in ms, whoever watched it; absent where the sandbox cannot tell. */
  durationMs?: number;
  /** Repository paths (relative to the worktree) that were written. */
  wrote?: string[];
};

export type ToolContext = {
  sandbox: Sandbox;
  /** Operation id for the tool's effect, recorded before the tool was called. */
  op: string;
  /** The call was begun before a crash: its effect may have happened. */
  resumed: boolean;
  signal: AbortSignal;
  onOutput?: (progress: { bytes: number; tail: string }) => void;
  /** Longest time a command may get, in seconds. */
  maxTimeoutSeconds: number;
  /** Files the model has seen in this conversation, by path, with the hash of what it saw. */
  seen: Map<string, string>;
};

/**
 * A tool that acts on the sandbox. It never throws for what the model did wrong: that is an `error` result. What it
 * throws (SandboxLostError, SandboxFencedError, the signal's reason) is for the engine.
 */
export interface SandboxTool {
  readonly spec: ToolSpec;
  /** Whether it changes the worktree or runs commands; a read-only tool needs no recovery. */
  readonly effect: 'read' | 'write' | 'command';
  /** What the call does, in one line of at most 120 characters for the log. Args may be anything. */
  summary(args: Record<string, unknown>): string;
  run(args: Record<string, unknown>, context: ToolContext): Promise<ToolResult>;
}
