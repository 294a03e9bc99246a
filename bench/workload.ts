/**
 * What a measured session does: so many commands, each with so much output, one per answer of the model. It is written
 * into the goal, so that the scripted model needs no other way to learn it, whoever runs the loop.
 */
import { createHash } from 'node:crypto';

export type Workload = {
  /** Letters and digits, unique within a run. */
  id: string;
  /** Commands before the work is finished. */
  steps: number;
  /** Output of each command. */
  bytes: number;
  /** How long the model thinks before each answer, in milliseconds, on average. */
  thinkMs: number;
  /** The call, counted from 0, that the model never answers; -1 for none. */
  hold: number;
};

const MARK = /\[bench (\w+) steps=(\d+) bytes=(\d+) think=(\d+) hold=(-?\d+)\]/;

export function goalOf({ id, steps, bytes, thinkMs, hold }: Workload): string {
  return `Run the commands. [bench ${id} steps=${steps} bytes=${bytes} think=${thinkMs} hold=${hold}]`;
}

/** The workload that a text speaks of. */
export function workloadIn(text: string): Workload | undefined {
  const found = MARK.exec(text);
  if (!found) return undefined;
  const [, id = '', ...numbers] = found;
  const [steps = 0, bytes = 0, thinkMs = 0, hold = -1] = numbers.map(Number);
  return { id, steps, bytes, thinkMs, hold };
}

/** Lines of this length, as most programs print them. */
const LINE = 100;

/** Prints the bytes without starting a program; different each time, since an agent may rightly object to repetition. */
export function commandOf({ bytes }: Workload, step: number): string {
  const lines = Math.max(1, Math.floor(bytes / LINE));
  const numbers = Array.from({ length: lines }, (_, index) => step + 1 + index);
  return `printf '%0${Math.min(bytes, LINE) - 1}d\\n' ${numbers.join(' ')}`;
}

/** How long the model thinks before this answer: between half and one and a half of `thinkMs`, the same each time. */
export function thinkingOf({ id, thinkMs }: Workload, call: number): number {
  const hash = createHash('sha256').update(`${id} ${call}`).digest().readUInt32BE();
  return thinkMs * (0.5 + hash / 2 ** 32);
}
