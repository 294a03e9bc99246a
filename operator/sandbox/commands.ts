/** The sandbox above any transport: commands under operation ids, attached to again after whatever happened in between. */
import { randomBytes } from 'node:crypto';
import { CommandWait, type Found, type Limits, look } from './command-wait.ts';
import { Files, isFull } from './files.ts';
import { readOutput } from './output.ts';
import type { ExitRecord } from './protocol.ts';
import { quote } from './quote.ts';
import { Runner } from './runner.ts';
import type { CommandResult, CommandSpec, FileChange, OperationState, RunOptions, Sandbox } from './sandbox.ts';
import { storageFull } from './storage-full.ts';
import { type SandboxHandle, SandboxUnavailableError } from './transport.ts';

const KEEP_BYTES = 16 * 1024;
const LIVENESS_MS = 3000;
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
  try {
    await sandbox.has('git', options.signal ?? AbortSignal.timeout(30_000));
    return sandbox;
  } catch (error) {
    // A connection that is still being made would stay, with nobody to close it, and shut out the next one.
    await sandbox.close();
    throw error;
  }
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
  /** Queries reuse their operation ids, so that their files do not pile up; never those of an earlier connection, which may still run. */
  readonly #freeQueries: string[] = [];
  readonly #queryIds = randomBytes(4).toString('hex');
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

  onLost(listener: (message: string) => void): Disposable {
    return this.#handle.onLost?.(listener) ?? { [Symbol.dispose]: () => undefined };
  }

  async run(op: string, spec: CommandSpec, options: RunOptions): Promise<CommandResult> {
    checkOperation(op);
    return (await this.#start(op, 'run', spec, options)).result;
  }

  async attach(op: string, spec: CommandSpec, options: RunOptions): Promise<CommandResult | undefined> {
    checkOperation(op);
    const found = await this.#look(op, options.signal);
    if (found.state === 'absent') return undefined;
    const wait = new CommandWait(this.#handle, this.#runner, op, spec, this.#limits);
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
    const wait = new CommandWait(this.#handle, this.#runner, op, { command: '', timeoutSeconds: 0 }, this.#limits);
    using _watch = wait;
    const found = await this.#look(op, signal);
    if (found.state === 'running') await wait.kill('cancel', signal);
  }

  async query(
    command: string,
    options: { cwd?: string; env?: Record<string, string>; timeoutSeconds?: number; maxBytes?: number; signal: AbortSignal },
  ): Promise<{ exitCode: number; output: string }> {
    const { signal, maxBytes = MAX_QUERY_BYTES, timeoutSeconds = QUERY_TIMEOUT_S } = options;
    const op = this.#freeQueries.pop() ?? `query.${this.#epoch}.${this.#queryIds}.${++this.#queries}`;
    const spec: CommandSpec = { command, timeoutSeconds, cwd: options.cwd ?? '', env: options.env ?? {} };
    const { result, reported } = await this.#start(op, 'query', spec, { signal, keepBytes: maxBytes });
    if (result.state === 'unknown') {
      throw new SandboxUnavailableError('QueryLost', `a query was ended from outside: ${result.reason}`, { permanent: false });
    }
    // Only an id of whose last command nothing more is heard is used again: its end would be taken for that of the next.
    if (reported) this.#freeQueries.push(op);
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

  /** `reported`: as in CommandWait. */
  async #start(
    op: string,
    kind: 'run' | 'query',
    spec: CommandSpec,
    options: RunOptions,
  ): Promise<{ result: CommandResult; reported: boolean }> {
    const fields = await this.#fields(op, kind, spec, options.signal);
    for (let attempt = 1; ; attempt++) {
      const wait = new CommandWait(this.#handle, this.#runner, op, spec, this.#limits);
      using _watch = wait;
      const reply = await this.#runner.request('run', fields, options.signal);
      if (reply.word !== 'ok' && reply.word !== 'exists') throw new Error(`the sandbox answered ${reply.word} to a command`);
      const end = await wait.end(options, reply.word === 'exists' ? await this.#look(op, options.signal) : undefined);
      if (end !== 'fail') return { result: await this.#result(op, end, wait.elapsedMs, options), reported: wait.reported };
      if (attempt === START_ATTEMPTS) {
        if (await isFull(this.#handle, options.signal)) throw storageFull(this.identity.type);
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
    const short = [...head, cwd, `. ${quote(script)}`];
    if (this.#runner.fits('run', [...short, ...env])) return [...short, ...env];
    const setup = [...env.map((entry) => `export ${quote(entry)}`), `cd -- ${quote(cwd)} || exit 1`, `. ${quote(script)}`].join(
      '\n',
    );
    return [...head, this.root, `. ${quote(await this.#upload(`${op}@${this.#epoch}.setup`, setup, signal))}`];
  }

  async #upload(name: string, text: string, signal: AbortSignal): Promise<string> {
    const path = `${this.root}/.run/cmd/${name}`;
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

/** @throws RangeError for an id that the protocol cannot carry; ids are the platform's own, so that is a defect. */
function checkOperation(op: string): void {
  if (!/^[A-Za-z0-9._-]{1,80}$/.test(op) || op === '.' || op === '..') {
    throw new RangeError(`operation id ${JSON.stringify(op)} must match [A-Za-z0-9._-]{1,80} and not be . or ..`);
  }
}
