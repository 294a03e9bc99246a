/** The sandbox above any transport: commands under operation ids, attached to again after whatever happened in between. */
import { Files, isFull } from './files.ts';
import { readOutput, readTail } from './output.ts';
import { type ExitRecord, parseExit, type RunnerEvent } from './protocol.ts';
import { Runner, storageFull } from './runner.ts';
import type { CommandResult, CommandSpec, FileChange, OperationState, RunOptions, Sandbox } from './sandbox.ts';
import { type SandboxHandle, SandboxUnavailableError } from './transport.ts';

const KEEP_BYTES = 16 * 1024;
const KILL_AFTER_MS = 1000;
const LIVENESS_MS = 3000;
const PROGRESS_MS = 500;
const IDLE_PROGRESS_MS = 2000;
const MAX_QUERY_BYTES = 4 * 1024 * 1024;
const QUERY_TIMEOUT_S = 60;
/** A command that could not be started although the sandbox was there is tried again. */
const START_ATTEMPTS = 3;

export type SandboxOptions = {
  /** The owner's claim; a sandbox that has seen a higher one refuses everything. */
  epoch: number;
  /** Bytes of output after which a command is ended; 1 GiB when left out. */
  maxOutputBytes?: number;
  /** How often a command that is waited for is asked for, in case nobody is left to report its end; 3000 when left out. */
  livenessMs?: number;
};

/**
 * Connects to the sandbox's runner and claims it for the epoch.
 * @throws SandboxFencedError | SandboxLostError | SandboxUnavailableError
 */
export async function openSandbox(handle: SandboxHandle, options: SandboxOptions & { signal?: AbortSignal }): Promise<Sandbox> {
  const sandbox = new CommandSandbox(handle, options);
  await sandbox.has('git', options.signal ?? AbortSignal.timeout(30_000));
  return sandbox;
}

class CommandSandbox implements Sandbox {
  readonly identity;
  readonly isolation;
  readonly worktree: string;
  readonly root: string;
  readonly #handle: SandboxHandle;
  readonly #runner: Runner;
  readonly #files: Files;
  readonly #epoch: number;
  readonly #limits: Limits;
  /** Queries reuse their operation ids, so that their files do not pile up. */
  readonly #freeQueries: string[] = [];
  #queries = 0;

  constructor(handle: SandboxHandle, options: SandboxOptions) {
    this.identity = handle.identity;
    this.isolation = handle.isolation;
    this.root = handle.root;
    this.worktree = `${handle.root}/repo`;
    this.#handle = handle;
    this.#epoch = options.epoch;
    this.#limits = { outputBytes: options.maxOutputBytes ?? 1024 ** 3, livenessMs: options.livenessMs ?? LIVENESS_MS };
    this.#runner = new Runner(handle, options.epoch);
    this.#files = new Files(handle, this.#runner, options.epoch);
  }

  async run(op: string, spec: CommandSpec, options: RunOptions): Promise<CommandResult> {
    checkOperation(op);
    return this.#start(op, 'run', spec, options);
  }

  async attach(op: string, spec: CommandSpec, options: RunOptions): Promise<CommandResult | undefined> {
    checkOperation(op);
    const found = await this.#look(op, options.signal);
    if (found.state === 'absent') return undefined;
    const wait = new Wait(this.#handle, this.#runner, op, spec, this.#limits);
    using _watch = wait;
    const end = await wait.end(options, found);
    return end === 'fail' ? undefined : this.#result(op, end, wait.elapsedMs, options);
  }

  async state(op: string, signal: AbortSignal): Promise<OperationState> {
    checkOperation(op);
    return (await this.#look(op, signal)).state;
  }

  async cancel(op: string): Promise<void> {
    checkOperation(op);
    const signal = AbortSignal.timeout(10_000);
    const wait = new Wait(this.#handle, this.#runner, op, { command: '', timeoutSeconds: 0 }, this.#limits);
    using _watch = wait;
    const found = await this.#look(op, signal);
    if (found.state === 'running') await wait.kill('cancel', signal);
  }

  async query(
    command: string,
    options: { cwd?: string; env?: Record<string, string>; timeoutSeconds?: number; maxBytes?: number; signal: AbortSignal },
  ): Promise<{ exitCode: number; output: string }> {
    const { signal, maxBytes = MAX_QUERY_BYTES, timeoutSeconds = QUERY_TIMEOUT_S } = options;
    const op = this.#freeQueries.pop() ?? `query.${this.#epoch}.${++this.#queries}`;
    const spec: CommandSpec = { command, timeoutSeconds, cwd: options.cwd ?? '', env: options.env ?? {} };
    const result = await this.#start(op, 'query', spec, { signal, keepBytes: maxBytes });
    if (result.state === 'unknown') {
      throw new SandboxUnavailableError('QueryLost', `a query was ended from outside: ${result.reason}`, { permanent: false });
    }
    // Only an id whose command has ended is used again.
    this.#freeQueries.push(op);
    if (result.endedBy) {
      throw new SandboxUnavailableError(
        'QueryTimedOut',
        `a query was ended after ${timeoutSeconds} s (${result.endedBy}): ${command}`,
        {
          permanent: false,
        },
      );
    }
    if (result.output.omitted > 0) {
      throw new RangeError(`the output of a query has ${result.output.bytes} bytes, above the limit of ${maxBytes}: ${command}`);
    }
    return { exitCode: result.exitCode, output: result.output.head };
  }

  applyFiles(op: string, changes: readonly FileChange[], signal: AbortSignal): Promise<void> {
    checkOperation(op);
    return this.#files.apply(op, changes, signal);
  }

  resumeFiles(op: string, signal: AbortSignal): Promise<'applied' | 'absent'> {
    checkOperation(op);
    return this.#files.resume(op, signal);
  }

  readFile(path: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    return this.#files.read(path, options);
  }

  stat(path: string, signal: AbortSignal): Promise<{ type: 'file' | 'directory' | 'other'; size: number } | undefined> {
    return this.#files.stat(path, signal);
  }

  upload(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#files.upload(path, bytes, signal);
  }

  download(path: string, options: { maxBytes: number; signal: AbortSignal }): Promise<Uint8Array | undefined> {
    return this.#files.download(path, options);
  }

  async has(tool: 'rg' | 'bash' | 'git' | 'setsid', signal: AbortSignal): Promise<boolean> {
    return (await this.#runner.tools(signal)).has(tool);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }

  async #start(op: string, kind: 'run' | 'query', spec: CommandSpec, options: RunOptions): Promise<CommandResult> {
    const fields = await this.#fields(op, kind, spec, options.signal);
    for (let attempt = 1; ; attempt++) {
      const wait = new Wait(this.#handle, this.#runner, op, spec, this.#limits);
      using _watch = wait;
      const reply = await this.#runner.request('run', fields, options.signal);
      if (reply.word !== 'ok' && reply.word !== 'exists') throw new Error(`the sandbox answered ${reply.word} to a command`);
      const end = await wait.end(options, reply.word === 'exists' ? await this.#look(op, options.signal) : undefined);
      if (end !== 'fail') return this.#result(op, end, wait.elapsedMs, options);
      if (attempt === START_ATTEMPTS) {
        if (await isFull(this.#handle, options.signal)) throw storageFull();
        throw new SandboxUnavailableError('CommandNotStarted', 'the sandbox could not start a command', { permanent: false });
      }
    }
  }

  /** The fields of a run request. What does not fit in a line goes in as a file. */
  async #fields(op: string, kind: 'run' | 'query', spec: CommandSpec, signal: AbortSignal): Promise<string[]> {
    if (spec.command.includes('\0')) throw new RangeError('a command cannot hold a NUL character; remove it');
    const cwd = spec.cwd?.startsWith('/') ? spec.cwd : spec.cwd ? `${this.worktree}/${spec.cwd}` : this.worktree;
    const env = Object.entries(spec.env ?? {}).map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw new RangeError(`${JSON.stringify(name)} cannot be the name of an environment variable`);
      return `${name}=${value}`;
    });
    const head = [op, kind, String(Math.max(1, Math.ceil(spec.timeoutSeconds)))];
    const fields = [...head, cwd, spec.command, ...env];
    if (this.#runner.fits('run', fields)) return fields;
    const script = await this.#upload(`${op}@${this.#epoch}.command`, spec.command, signal);
    const short = [...head, cwd, `. '${script}'`];
    if (this.#runner.fits('run', [...short, ...env])) return [...short, ...env];
    const setup = [...env.map((entry) => `export ${quote(entry)}`), `cd -- ${quote(cwd)} || exit 1`, `. '${script}'`].join('\n');
    return [...head, this.root, `. '${await this.#upload(`${op}@${this.#epoch}.setup`, setup, signal)}'`];
  }

  async #upload(name: string, text: string, signal: AbortSignal): Promise<string> {
    const path = `${this.root}/.run/cmd/${name}`;
    if (path.includes("'")) throw new RangeError(`the sandbox's path ${this.root} holds a quote`);
    await this.#handle.put(path, Buffer.from(`${text}\n`), { mode: 0o600, signal });
    return path;
  }

  async #look(op: string, signal: AbortSignal): Promise<Found> {
    return look(this.#runner, op, signal);
  }

  async #result(
    op: string,
    end: ExitRecord | 'unknown',
    elapsedMs: number | undefined,
    options: RunOptions,
  ): Promise<CommandResult> {
    const output = await readOutput(this.#handle, `${this.root}/.run/out/${op}`, options.keepBytes ?? KEEP_BYTES, options.signal);
    if (end === 'unknown') {
      const reason =
        'its process is gone and no exit status was recorded: the sandbox was restarted, or the command was killed from outside';
      return { state: 'unknown', reason, output };
    }
    return {
      state: 'exited',
      exitCode: end.status,
      ...(end.endedBy ? { endedBy: end.endedBy } : {}),
      durationMs: Math.round(elapsedMs ?? end.elapsedMs ?? 0),
      output,
    };
  }
}

type Limits = { outputBytes: number; livenessMs: number };

type Found = { state: 'absent' | 'unknown' } | { state: 'running'; elapsedMs: number } | { state: 'exited'; exit: ExitRecord };

async function look(runner: Runner, op: string, signal: AbortSignal): Promise<Found> {
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
class Wait implements Disposable {
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
    return this.#news.length > 0 ? { event: this.#news.shift() } : undefined;
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

/** @throws RangeError for an id that the protocol cannot carry; ids are the platform's own, so that is a defect. */
function checkOperation(op: string): void {
  if (!/^[A-Za-z0-9._-]{1,80}$/.test(op) || op === '.' || op === '..') {
    throw new RangeError(`operation id ${JSON.stringify(op)} must match [A-Za-z0-9._-]{1,80} and not be . or ..`);
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
