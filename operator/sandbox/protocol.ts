/**
 * The lines of the command protocol, on the operator's side. The other side, with the whole protocol described, is
 * runner.sh; both are pure POSIX sh and plain strings, so that any sandbox with a shell can be spoken to.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The sandbox's side: `sh -c RUNNER_SCRIPT swe-agent-runner <root> <tick seconds>`. */
export const RUNNER_SCRIPT = readFileSync(join(import.meta.dirname, 'runner.sh'), 'utf8');

const FIELD = '\x1f';
const NEWLINE = '\x1e';

/** Lines above this are not sent: they would not be written to a pipe in one piece. In bytes, the newline included. */
export const MAX_LINE_BYTES = 4000;

export type ReplyWord =
  | 'ok'
  | 'fenced'
  | 'full'
  | 'exists'
  | 'stopping'
  | 'absent'
  | 'running'
  | 'exited'
  | 'unknown'
  | 'applied'
  | 'refused';

/** How a command ended, in the runner's words. */
export type ExitRecord = {
  status: number;
  endedBy?: 'timeout' | 'cancel' | 'output-limit';
  /** Milliseconds between its begin and its end, or until now while it runs; undefined where the sandbox has no /proc/uptime. */
  elapsedMs?: number;
};

export type RunnerEvent =
  | { type: 'exit'; op: string; exit: ExitRecord }
  /** It was claimed but nothing was run: the operation is free again. */
  | { type: 'fail'; op: string }
  /** No process of it is left and no status was recorded. */
  | { type: 'lost'; op: string };

export type RunnerLine =
  | { type: 'reply'; id: number; word: string; rest: string }
  | { type: 'event'; event: RunnerEvent }
  | { type: 'ignored' };

/** Whether a text can be a field: it holds neither a NUL character nor one of the two separators. */
export function canCarry(text: string): boolean {
  return !text.includes(FIELD) && !text.includes(NEWLINE) && !text.includes('\0');
}

/**
 * One request as a line, or undefined when a field holds one of the two separators.
 */
export function encodeRequest(id: number, epoch: number, verb: string, fields: readonly string[]): string | undefined {
  const all = [String(id), String(epoch), verb, ...fields, '.'];
  if (!all.every(canCarry)) return undefined;
  return all.join(FIELD).replaceAll('\n', NEWLINE);
}

/** Entries of an install manifest; undefined when a path cannot be written in one. */
export function encodeManifest(entries: readonly { path: string; delete: boolean }[]): string | undefined {
  if (!entries.every(({ path }) => canCarry(path))) return undefined;
  return entries
    .map((entry, index) => [entry.delete ? 'delete' : 'write', String(index), entry.path.replaceAll('\n', NEWLINE), '.'])
    .map((fields) => `${fields.join(FIELD)}\n`)
    .join('');
}

export function parseLine(line: string): RunnerLine {
  const reply = /^(\d+) (\S+) ?(.*)$/s.exec(line);
  if (reply)
    return { type: 'reply', id: Number(reply[1]), word: reply[2] ?? '', rest: (reply[3] ?? '').replaceAll(NEWLINE, '\n') };
  const [mark, type, op = '', ...rest] = line.split(' ');
  if (mark === '!' && type === 'exit') return { type: 'event', event: { type, op, exit: parseExit(rest.join(' ')) } };
  if (mark === '!' && (type === 'fail' || type === 'lost')) return { type: 'event', event: { type, op } };
  return { type: 'ignored' };
}

/** STATUS ENDED BEGAN FINISHED */
export function parseExit(text: string): ExitRecord {
  const [status = '', ended = '', began = '', finished = ''] = text.split(' ');
  const exit: ExitRecord = { status: /^\d+$/.test(status) ? Number(status) : -1 };
  if (ended === 'timeout' || ended === 'cancel' || ended === 'output-limit') exit.endedBy = ended;
  const elapsed = Number.parseFloat(finished) - Number.parseFloat(began);
  if (Number.isFinite(elapsed)) exit.elapsedMs = Math.max(0, Math.round(elapsed * 1000));
  return exit;
}
