/**
 * A shell script in a container, run to its end, with proof that its output is whole: connections have been seen that
 * lose the end of an output and report success all the same, so the last line must be one that nobody can guess.
 */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ExecOptions, ExecRequest, ExecSession } from './exec.ts';
import { ExecEndedError, type ExecOutcome, type UnknownReason } from './exec-outcome.ts';

/** Starts a program in one container; what startExec is once it knows where. */
export type ExecStarter = (request: Pick<ExecRequest, 'command' | 'stdin'>, options: ExecOptions) => Promise<ExecSession>;

export type ScriptResult = { exitCode: number; stdout: Buffer; stderr: string };

/** How the script ended is not known. */
export class ExecUnknownError extends Error {
  override readonly name = 'ExecUnknownError';
  readonly reason: UnknownReason;
  constructor(outcome: ExecOutcome & { state: 'unknown' }) {
    super(outcome.message);
    this.reason = outcome.reason;
  }
}

const MAX_STDERR_BYTES = 64 * 1024;

/**
 * @param script POSIX sh; it finds `args` as "$1", "$2", …
 * @throws ExecUnknownError, RangeError for more output than maxBytes (default 1 MiB), and what the starter throws
 */
export async function execScript(
  start: ExecStarter,
  script: string,
  args: readonly string[],
  options: ExecOptions & { deadlineMs: number; stdin?: Uint8Array; maxBytes?: number },
): Promise<ScriptResult> {
  const { stdin, maxBytes = 1024 * 1024, ...rest } = options;
  const proof = randomBytes(12).toString('hex');
  const wrapped = `(\n${script}\n)\nset -- "$?"\nprintf '\\n%s %s\\n' "$0" "$1"\nexit "$1"`;
  const session = await start({ command: ['/bin/sh', '-c', wrapped, proof, ...args], stdin: stdin !== undefined }, rest);
  try {
    const reading = Promise.all([readUpTo(session.stdout, maxBytes + 64), readUpTo(session.stderr, MAX_STDERR_BYTES)]);
    // Whoever fails to write learns the reason from the outcome.
    if (stdin) await feed(session, stdin);
    const [stdout, stderr] = await reading;
    const outcome = await session.outcome;
    if (outcome.state === 'unknown') throw new ExecUnknownError(outcome);
    const end = Buffer.from(`\n${proof} ${outcome.exitCode}\n`);
    const whole = stdout.subarray(-end.length).equals(end);
    if (stdout.length - (whole ? end.length : 0) > maxBytes)
      throw new RangeError(`the output of a script has more than ${maxBytes} bytes`);
    if (!whole) {
      const message = `the command is said to have ended with status ${outcome.exitCode}, but the end of its output is missing`;
      throw new ExecUnknownError({ state: 'unknown', reason: 'truncated', message });
    }
    return { exitCode: outcome.exitCode, stdout: stdout.subarray(0, -end.length), stderr: stderr.toString('utf8') };
  } finally {
    session.close();
  }
}

async function feed(session: ExecSession, bytes: Uint8Array): Promise<void> {
  try {
    await session.write(bytes);
    if (session.protocol === 'v5') await session.endStdin();
  } catch (error) {
    if (!(error instanceof ExecEndedError)) throw error;
  }
}

/** All of it, or more than `limit` bytes of it: the rest is read and dropped, so that the command can end. */
async function readUpTo(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (bytes <= limit) chunks.push(chunk);
    bytes += chunk.length;
  }
  return Buffer.concat(chunks);
}
