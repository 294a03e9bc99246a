/** The bash tool: a command in the worktree, run under the operation id of the call. */
import type { CommandResult, Output } from '../../sandbox/sandbox.ts';
import { shown, summaryLine } from './answer.ts';
import { hintFor } from './command-hints.ts';
import { hidingCommand } from './last-command.ts';
import { screenText } from './terminal-text.ts';
import type { SandboxTool, ToolContext, ToolResult } from './tool.ts';
import { byteLength, type Excerpt, formatSize, OUTPUT_LIMITS, truncate } from './truncate.ts';

const DEFAULT_TIMEOUT_SECONDS = 120;

/** Durations below this are not worth a token. */
const LONG_MS = 5_000;

/** More than is shown: colours and redrawn lines are taken out before the output is cut. */
const KEEP_BYTES = 48 * 1024;

/** Programs that would open an editor or ask for a password get an answer instead of a wait. */
const ENVIRONMENT = { GIT_EDITOR: 'true', GIT_TERMINAL_PROMPT: '0', PAGER: 'cat' };

export const bash: SandboxTool = {
  spec: {
    name: 'bash',
    description: `Run a shell command and get its output (stdout and stderr together) and exit code. Use it for tests, builds, git and other programs. Each call starts fresh in the repository root: cd and variables do not carry over, so write "cd sub && command". There is no terminal and standard input is empty: use flags such as --yes. Long output is cut in the middle; the result names a file that holds all of it. A command is ended after ${DEFAULT_TIMEOUT_SECONDS} seconds unless timeout_seconds says otherwise. Start a server in the background with its output in a file: "server > $TMPDIR/server.log 2>&1 &". Prefer read_file and search over cat and grep, and the editing tools, where you have them, over sed and echo.`,
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['command'],
      properties: {
        command: { type: 'string', description: 'The command; several lines are a script.' },
        timeout_seconds: {
          type: 'integer',
          description: `When to end the command; default ${DEFAULT_TIMEOUT_SECONDS}. Raise it for a long build or test run.`,
        },
      },
    },
  },
  effect: 'command',
  summary(args) {
    return summaryLine(`$ ${shown(args.command)}`);
  },
  run(args, context) {
    const asked =
      typeof args.timeout_seconds === 'number' && args.timeout_seconds > 0 ? args.timeout_seconds : DEFAULT_TIMEOUT_SECONDS;
    return execute(String(args.command), Math.ceil(asked), context);
  },
};

async function execute(command: string, asked: number, context: ToolContext): Promise<ToolResult> {
  if (command.trim() === '') return { outcome: 'error', text: 'The command is empty.' };
  if (command.includes('\0'))
    return { outcome: 'error', text: "The command holds a NUL character; use printf '\\000' to make one." };
  const timeoutSeconds = Math.min(asked, context.maxTimeoutSeconds);
  // After a crash the same operation id finds the same command: it is attached to, never started again.
  const result = await context.sandbox.run(
    context.op,
    { command, env: ENVIRONMENT, timeoutSeconds },
    { signal: context.signal, keepBytes: KEEP_BYTES, ...(context.onOutput ? { onOutput: context.onOutput } : {}) },
  );
  const output = visible(result.output);
  if (result.state === 'unknown') {
    return {
      outcome: 'lost',
      text: [
        ...(output === '' ? [] : [output]),
        `[lost: ${result.reason}. How the command ended is not known: it may have done all, some or none of its work. Look at the state (git status, the files it writes, its processes) before you run it again.]`,
      ].join('\n'),
    };
  }
  const notes = [ending(command, result, timeoutSeconds, asked), ...hintFor(command, result, output).map((hint) => `[${hint}]`)];
  const outcome = result.endedBy === 'cancel' ? 'interrupted' : result.endedBy ? 'error' : 'ok';
  return {
    outcome,
    text: [output === '' ? '(no output)' : output, ...notes].join('\n'),
    exitCode: result.exitCode,
    ...(result.durationMs > 0 ? { durationMs: result.durationMs } : {}),
  };
}

/** The output as it is shown: cleaned, and cut with a word on where all of it is. */
function visible(output: Output): string {
  const where = `all ${formatSize(output.bytes)} are in ${output.path}: grep it, or read_file with start_line`;
  const head = screenText(output.head);
  if (output.omitted === 0) return truncate(head.trimEnd(), OUTPUT_LIMITS, where).text;
  const tail = screenText(output.tail).trimEnd();
  const excerpt: Excerpt = { head, tail, omitted: output.omitted, bytes: output.omitted + byteLength(head) + byteLength(tail) };
  return truncate(excerpt, OUTPUT_LIMITS, where).text;
}

function ending(command: string, result: CommandResult & { state: 'exited' }, timeoutSeconds: number, asked: number): string {
  const seconds = `${(result.durationMs / 1000).toFixed(1)} s`;
  switch (result.endedBy) {
    case 'timeout': {
      const more =
        asked > timeoutSeconds || timeoutSeconds > DEFAULT_TIMEOUT_SECONDS
          ? 'Run less at once, or in the background with the output in a file.'
          : 'If it needs longer, set timeout_seconds; if it waits for something or serves, run it in the background with its output in a file.';
      return `[ended after ${timeoutSeconds} s: timeout. The output so far is above. ${more}]`;
    }
    case 'cancel':
      return `[ended after ${seconds}: interrupted]`;
    case 'output-limit':
      return `[ended after ${seconds}: it wrote too much output (${formatSize(result.output.bytes)}). Send the output to a file or filter it.]`;
    default: {
      const duration = result.durationMs >= LONG_MS ? `, ${seconds}` : '';
      const hiding = result.exitCode === 0 ? hidingCommand(command) : undefined;
      const whose = hiding ? `, of the last command (${hiding})` : '';
      return `[exit code ${result.exitCode}${signalName(result.exitCode)}${whose}${duration}]`;
    }
  }
}

function signalName(exitCode: number): string {
  const names: Record<number, string> = {
    130: 'SIGINT',
    132: 'SIGILL',
    134: 'SIGABRT',
    136: 'SIGFPE',
    137: 'SIGKILL',
    139: 'SIGSEGV',
    141: 'SIGPIPE',
    143: 'SIGTERM',
  };
  const name = names[exitCode];
  return name ? ` (${name})` : '';
}
