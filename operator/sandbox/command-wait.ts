/** Waiting for the end of a command: by its event, its timeout, its output limit, or because nobody is left to report it. */
import { readTail } from './output.ts';
import { type ExitRecord, parseExit, type RunnerEvent } from './protocol.ts';
import type { Runner } from './runner.ts';
import type { CommandSpec, RunOptions } from './sandbox.ts';
import { type SandboxHandle, SandboxUnavailableError } from './transport.ts';

const KILL_AFTER_MS = 1000;
const PROGRESS_MS = 500;
const IDLE_PROGRESS_MS = 2000;

/** `livenessMs`: how often a command is asked for, in case nobody is left to report its end. */
export type Limits = { outputBytes: number; livenessMs: number };

/** What the sandbox knows of an operation. */
export type Found =
  | { state: 'absent' | 'unknown' }
  | { state: 'running'; elapsedMs: number }
  | { state: 'exited'; exit: ExitRecord };

export async function look(runner: Runner, op: string, signal: AbortSignal): Promise<Found> {
  const { word, rest } = await runner.request('attach', [op], signal);
  switch (word) {
    case 'absent':
    case 'unknown':
      return { state: word };
    case 'running':
      return { state: 'running', elapsedMs: parseExit(rest).elapsedMs ?? 0 };
    case 'exited':
      return { state: 'exited', exit: parseExit(rest) };
    default:
      throw new Error(`the sandbox answered ${word} when it was asked for a command`);
  }
}

/**
 * One wait for the end of one command: for its event, its timeout, its output limit, and, should nobody be left to
 * report, for its process to be gone. A single loop, so that there is one timer per command.
 */
export class CommandWait implements Disposable {
  readonly #handle: SandboxHandle;
  readonly #runner: Runner;
  readonly #op: string;
  readonly #spec: CommandSpec;
  readonly #limits: Limits;
  readonly #watch: Disposable;
  readonly #began = performance.now();
  readonly #news: (RunnerEvent | undefined)[] = [];
  #wake: (() => void) | undefined;
  /** Before this wait began. */
  #earlierMs = 0;
  #attached = false;
  #reported = false;

  constructor(handle: SandboxHandle, runner: Runner, op: string, spec: CommandSpec, limits: Limits) {
    this.#handle = handle;
    this.#runner = runner;
    this.#op = op;
    this.#spec = spec;
    this.#limits = limits;
    this.#watch = runner.watch(op, (event) => {
      this.#news.push(event);
      this.#wake?.();
    });
  }

  /** How long the command ran, when this wait saw all of it. */
  get elapsedMs(): number | undefined {
    return this.#attached ? undefined : performance.now() - this.#began;
  }

  /** Whether the sandbox has told of the end by itself, which it does once: no news of this command can come any more. */
  get reported(): boolean {
    return this.#reported;
  }

  /** @param found what is known already; nothing for a command that was just started. */
  async end(options: RunOptions, found?: Found): Promise<ExitRecord | 'unknown' | 'fail'> {
    if (found) {
      this.#attached = true;
      const end = this.#ended(found);
      if (end) return end;
      if (found.state === 'running') this.#earlierMs = found.elapsedMs;
    }
    const output = new Progress(this.#handle, `${this.#handle.root}/.run/out/${this.#op}`, options);
    const timeoutAt = this.#began - this.#earlierMs + this.#spec.timeoutSeconds * 1000;
    let livenessAt = this.#began + this.#limits.livenessMs;
    for (;;) {
      const news = await this.#next(Math.min(timeoutAt, livenessAt, output.dueAt), options.signal);
      if (news?.event?.type === 'exit') return news.event.exit;
      if (news?.event?.type === 'fail') return 'fail';
      const now = performance.now();
      if (news || now >= livenessAt) {
        // Lost, disconnected, or silent for long: ask.
        const end = this.#ended(await this.#ask(options.signal));
        if (end) return end;
        livenessAt = performance.now() + this.#limits.livenessMs;
      }
      if (now >= timeoutAt) return this.kill('timeout', options.signal);
      if (now >= output.dueAt && (await output.check()) > this.#limits.outputBytes)
        return this.kill('output-limit', options.signal);
    }
  }

  /** TERM, after a second KILL, until the command has ended. */
  async kill(reason: 'timeout' | 'cancel' | 'output-limit', signal: AbortSignal): Promise<ExitRecord | 'unknown' | 'fail'> {
    const killAt = performance.now() + KILL_AFTER_MS;
    let told = false;
    for (let delay = 20; ; delay = Math.min(delay * 2, 500)) {
      const now = performance.now();
      // TERM reaches it once; a command that is just being started may have to be told again.
      if (!told || now >= killAt) {
        const reply = await this.#runner.request('kill', [this.#op, now < killAt ? 'TERM' : 'KILL', reason], signal);
        told = reply.rest === 'sent';
      }
      const news = await this.#next(Math.min(now < killAt ? killAt : Number.POSITIVE_INFINITY, now + delay), signal);
      if (news?.event?.type === 'exit') return news.event.exit;
      if (news?.event?.type === 'fail') return 'fail';
      const end = this.#ended(await this.#ask(signal));
      if (end) return end;
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  /** What became of a command that was running. A sandbox that the platform stopped took it along. */
  async #ask(signal: AbortSignal): Promise<Found> {
    try {
      return await look(this.#runner, this.#op, signal);
    } catch (error) {
      if (!(error instanceof SandboxUnavailableError && error.reason === 'Stopping')) throw error;
      return { state: 'exited', exit: { status: 128 + 9, endedBy: 'cancel' } };
    }
  }

  /** A claim that is gone after it was made means that the sandbox lost its memory: the command may have run. */
  #ended(found: Found): ExitRecord | 'unknown' | undefined {
    if (found.state === 'running') return undefined;
    return found.state === 'exited' ? found.exit : 'unknown';
  }

  async #next(until: number, signal: AbortSignal): Promise<{ event: RunnerEvent | undefined } | undefined> {
    signal.throwIfAborted();
    if (this.#news.length === 0) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, Math.max(0, until - performance.now()));
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await promise;
      } finally {
        this.#wake = undefined;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    }
    if (this.#news.length === 0) return undefined;
    const event = this.#news.shift();
    this.#reported ||= event?.type === 'exit';
    return { event };
  }
}

/** Looks at the output file ever less often while it does not grow. */
class Progress {
  dueAt = performance.now() + 100;
  readonly #handle: SandboxHandle;
  readonly #path: string;
  readonly #options: RunOptions;
  #size = 0;
  #interval = 100;

  constructor(handle: SandboxHandle, path: string, options: RunOptions) {
    this.#handle = handle;
    this.#path = path;
    this.#options = options;
  }

  /** The size of the output; reports it when it grew. */
  async check(): Promise<number> {
    const { signal, onOutput } = this.#options;
    const size = (await this.#handle.stat(this.#path, signal))?.size ?? 0;
    const grew = size > this.#size;
    this.#size = size;
    if (grew && onOutput) onOutput({ bytes: size, tail: await readTail(this.#handle, this.#path, size, signal) });
    this.#interval = grew ? PROGRESS_MS : Math.min(this.#interval * 2, IDLE_PROGRESS_MS);
    this.dueAt = performance.now() + this.#interval;
    return size;
  }
}
