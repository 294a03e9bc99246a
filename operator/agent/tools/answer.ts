/** Results of tools, and the line between a failure that the model can mend and one that is the engine's. */
import { PathError } from '../../sandbox/sandbox.ts';
import { SandboxUnavailableError } from '../../sandbox/transport.ts';
import type { ToolResult } from './tool.ts';

export function succeeded(text: string, wrote?: readonly string[]): ToolResult {
  return { outcome: 'ok', text, ...(wrote && wrote.length > 0 ? { wrote: [...wrote] } : {}) };
}

export function failed(text: string): ToolResult {
  return { outcome: 'error', text };
}

/**
 * A path that may not be used, and a look at more files than can be looked at in time, are for the model to mend;
 * everything else that is thrown goes on to the engine.
 */
export async function answering(run: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof PathError) return failed(`${error.message}.`);
    if (error instanceof SandboxUnavailableError && error.reason === 'QueryTimedOut') {
      return failed('This took too long and was ended. Narrow it down: name a directory, a file or a part of a file.');
    }
    throw error;
  }
}

/** A summary for the log: one line of at most 120 characters. */
export function summaryLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= 120 ? line : `${line.slice(0, 119).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** An argument as text for a summary, whatever it is. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : (JSON.stringify(value) ?? '');
}
